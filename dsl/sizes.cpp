// Where each extent comes from.

#include "coulter/sizes.hpp"

#include "lists.hpp"
#include "sizes_bounds.hpp"
#include "sizes_checks.hpp"
#include "sizes_uses.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter {
namespace {

using namespace detail;

class Inferrer {
public:
    Inferrer(const ir::Kernel& kernel, Sizes& sizes, std::vector<Diagnostic>& diagnostics)
        : kernel_(kernel), sizes_(sizes), diagnostics_(diagnostics), uses_(index_uses(kernel, polys_)) {}

    bool run() {
        for (const ir::Dim& dim : kernel_.dims) {
            start(dim);
        }
        while (!pending_.empty()) {
            const bool progress = step(false) || step(true);
            if (!progress) break;
        }
        if (!pending_.empty()) report_pending();
        return good_;
    }

    Polys& polys() { return polys_; }
    const std::vector<IndexUse>& uses() const { return uses_; }
    const std::vector<Fact>& facts() const { return facts_; }

private:
    void error(const char* code, const Span& span, std::string message, std::string help,
               std::vector<Note> notes = {}) {
        good_ = false;
        diagnostics_.push_back({Severity::error, code, span, std::move(message), std::move(notes), std::move(help)});
    }

    void resolve(const std::string& dim, ExtentRule rule) {
        sizes_.rules[dim] = std::move(rule);
        sizes_.order.push_back(dim);
    }

    [[nodiscard]] bool known(const std::vector<std::string>& dims) const {
        return std::all_of(dims.begin(), dims.end(), [&](const auto& dim) { return sizes_.rules.contains(dim); });
    }

    void start(const ir::Dim& dim) {
        if (dim.size) {
            resolve(dim.name, {ExtentSource::constant, ir::index_constant(*dim.size), {}});
            return;
        }
        if (!dim.extent) {
            for (const ir::Input& input : kernel_.inputs) {
                if (contains(input.dims, dim.name)) {
                    resolve(dim.name, {ExtentSource::input, nullptr, input.name});
                    return;
                }
            }
        }
        pending_.push_back(&dim);
    }

    [[nodiscard]] std::vector<Inference> inferences(const std::string& dim) {
        std::vector<Inference> list;
        for (const IndexUse& use : uses_) {
            if (auto inference = infer_from(use, dim, polys_)) list.push_back(*std::move(inference));
        }
        return list;
    }

    [[nodiscard]] bool indexed(const std::string& dim) const {
        return std::any_of(uses_.begin(), uses_.end(),
                           [&](const IndexUse& use) { return contains(mentioned(use.index, ir::Kind::dim), dim); });
    }

    [[nodiscard]] const std::string* output_with(const std::string& dim) const {
        for (const std::string& output : kernel_.outputs) {
            if (contains(kernel_.dims_of(output), dim)) return &output;
        }
        return nullptr;
    }

    // Resolves the dims that can be, in order. `partly`: one dim, from those of its accesses whose extents are known.
    bool step(bool partly) {
        bool progress = false;
        for (auto at = pending_.begin(); at != pending_.end();) {
            if (progress && partly) break;
            if (try_resolve(**at, partly)) {
                progress = true;
                at = pending_.erase(at);
            } else {
                ++at;
            }
        }
        return progress;
    }

    bool try_resolve(const ir::Dim& dim, bool partly) {
        if (dim.extent) {
            if (!known(mentioned(dim.extent, ir::Kind::extent))) return false;
            resolve_expression(dim);
            return true;
        }
        std::vector<Inference> list = inferences(dim.name);
        if (list.empty()) {
            const std::string* output = output_with(dim.name);
            if (output == nullptr || indexed(dim.name)) return false;
            resolve(dim.name, {ExtentSource::output, nullptr, *output});
            return true;
        }
        std::vector<Inference> ready;
        for (Inference& inference : list) {
            if (known(inference.needs)) ready.push_back(std::move(inference));
        }
        if (ready.empty() || (!partly && ready.size() != list.size())) return false;
        resolve_inferred(dim, ready);
        return true;
    }

    [[nodiscard]] bool never_negative(const ir::Ref& value) {
        Prover prover(polys_, sizes_, facts_);
        return prover.nonnegative(polys_.convert(value));
    }

    void resolve_expression(const ir::Dim& dim) {
        const ir::Ref value = with_constants(dim.extent, sizes_);
        if (value->kind == ir::Kind::constant && value->integer < 1) {
            error("L032", dim.span, fmt::format("the extent of dim `{}` is {}", dim.name, value->integer),
                  "an extent is at least 1");
        } else if (!never_negative(value)) {
            sizes_.checks.push_back({SizeCheck::Kind::less_equal,
                                     ir::index_constant(0),
                                     value,
                                     {},
                                     fmt::format("the extent of `{}` is {{1}}, and it is at least {{0}}", dim.name)});
        }
        resolve(dim.name, {ExtentSource::expression, value, {}});
    }

    [[nodiscard]] ir::Ref formula(const Inference& inference) {
        const std::optional<Poly> sum =
            Polys::add(polys_.floor_div(inference.room, inference.step), Polys::constant(1));
        return with_constants(polys_.rebuild(sum.value_or(Poly{})), sizes_);
    }

    void resolve_inferred(const ir::Dim& dim, const std::vector<Inference>& list) {
        // The smallest among accesses into one dim; dims that differ must agree.
        struct Source {
            std::string dim;
            const IndexUse* use;
            ir::Ref value;
        };
        std::vector<Source> sources;
        for (const Inference& inference : list) {
            const ir::Ref value = formula(inference);
            const auto at = std::find_if(sources.begin(), sources.end(),
                                         [&](const Source& source) { return source.dim == inference.use->dim; });
            if (at == sources.end()) {
                sources.push_back({inference.use->dim, inference.use, value});
            } else {
                at->value = simplify_index(ir::binary(ir::Op::min, at->value, value));
            }
        }
        for (Source& source : sources) {
            if (!never_negative(source.value)) {
                source.value = simplify_index(ir::binary(ir::Op::max, source.value, ir::index_constant(0)));
            }
        }
        for (std::size_t i = 1; i < sources.size(); ++i) {
            must_agree(dim, *sources[0].use, sources[0].value, *sources[i].use, sources[i].value);
        }
        const ir::Ref& value = sources.front().value;
        if (value->kind == ir::Kind::constant && value->integer < 1) {
            const IndexUse& use = *sources.front().use;
            error("L032", use.definition->span,
                  fmt::format("`{}` has no room for dim `{}`: at {} = {} not one index fits", use.tensor, dim.name,
                              use.dim, print_index(use.index)),
                  fmt::format("make `{}` longer, or pad: `padded({}, 0)(...)`", use.dim, use.tensor));
        }
        resolve(dim.name, {ExtentSource::inferred, value, {}});
        for (const Inference& inference : list) {
            const std::optional<Poly> last = Polys::add(polys_.extent(dim.name), Polys::constant(-1));
            const std::optional<Poly> fact = Polys::add(inference.room, *last, -inference.step);
            // Sources that differ are checked to agree when the kernel is called, so what each says holds.
            if (fact) facts_.push_back({*fact, dim.name});
        }
    }

    void must_agree(const ir::Dim& dim, const IndexUse& a, const ir::Ref& x, const IndexUse& b, const ir::Ref& y) {
        if (ir::equal(x, y)) return;
        if (x->kind == ir::Kind::constant && y->kind == ir::Kind::constant) {
            error(
                "L036", a.definition->span,
                fmt::format("dim `{}` has extent {} by `{}` of `{}` and {} by `{}` of `{}`", dim.name, x->integer,
                            a.dim, a.tensor, y->integer, b.dim, b.tensor),
                fmt::format("say it: `Dim {0}(\"{0}\", ...)`; accesses that reach too far are then errors, or pad them",
                            dim.name),
                {{b.definition->span, "the other access is here"}});
            return;
        }
        sizes_.checks.push_back({SizeCheck::Kind::equal,
                                 x,
                                 y,
                                 {},
                                 fmt::format("dim `{}` has extent {{0}} by `{}` of `{}` and {{1}} by `{}` of `{}`",
                                             dim.name, a.dim, a.tensor, b.dim, b.tensor)});
    }

    void report_pending() {
        std::vector<std::string> broken;
        std::vector<const ir::Dim*> stuck;
        for (const ir::Dim* dim : pending_) {
            if (dim->extent || !inferences(dim->name).empty()) {
                stuck.push_back(dim);
                continue;
            }
            broken.push_back(dim->name);
            report_sourceless(*dim);
        }
        for (const ir::Dim* dim : stuck) {
            std::vector<std::string> needs = mentioned(dim->extent, ir::Kind::extent);
            const std::vector<Inference> list = inferences(dim->name);
            for (const Inference& inference : list) {
                needs.insert(needs.end(), inference.needs.begin(), inference.needs.end());
            }
            // What hangs on a dim that was reported is silent.
            if (std::any_of(needs.begin(), needs.end(), [&](const auto& need) { return contains(broken, need); }))
                continue;
            report_stuck(*dim, list);
        }
    }

    void report_sourceless(const ir::Dim& dim) {
        const std::string declare =
            fmt::format("declare it with an extent: `Dim {0}(\"{0}\", 8)`, or an expression such as "
                        "`Dim {0}(\"{0}\", extent(other) + 1)`",
                        dim.name);
        for (const IndexUse& use : uses_) {
            if (!contains(mentioned(use.index, ir::Kind::dim), dim.name)) continue;
            const char* why = use.boundary == ir::Boundary::padded    ? "padded"
                              : use.boundary == ir::Boundary::clamped ? "clamped"
                                                                      : "not linear";
            error("L035", use.definition->span,
                  fmt::format("dim `{}` has no extent: the index of `{}` of `{}` is {}, so none follows from it",
                              dim.name, use.dim, use.tensor, why),
                  declare, {{dim.span, fmt::format("dim `{}` is declared here", dim.name)}});
            return;
        }
        error("L031", dim.span,
              fmt::format("dim `{}` has no extent: no Input and no output has it, and no access bounds it", dim.name),
              declare);
    }

    void report_stuck(const ir::Dim& dim, const std::vector<Inference>& list) {
        const std::string declare =
            fmt::format("say one of them: `Dim {0}(\"{0}\", 3)`, or an expression over other extents", dim.name);
        for (const Inference& inference : list) {
            for (const std::string& other : inference.dims) {
                if (sizes_.rules.contains(other)) continue;
                // One message for the pair, at the dim that comes first.
                if (contains(reported_, other)) return;
                reported_.push_back(dim.name);
                error("L033", inference.use->definition->span,
                      fmt::format(
                          "the extents of `{}` and `{}` are both unknown, and both are in the index of `{}` of `{}`",
                          dim.name, other, inference.use->dim, inference.use->tensor),
                      declare);
                return;
            }
        }
        if (!reported_.empty()) return;
        reported_.push_back(dim.name);
        error("L034", dim.span, fmt::format("the extent of dim `{}` follows from itself", dim.name), declare);
    }

    const ir::Kernel& kernel_;
    Sizes& sizes_;
    std::vector<Diagnostic>& diagnostics_;
    Polys polys_;
    std::vector<IndexUse> uses_;
    std::vector<Fact> facts_;
    std::vector<const ir::Dim*> pending_;
    std::vector<std::string> reported_;
    bool good_ = true;
};

} // namespace

Sizes infer_sizes(const ir::Kernel& kernel, std::vector<Diagnostic>& diagnostics) {
    Sizes sizes;
    Inferrer inferrer(kernel, sizes, diagnostics);
    if (inferrer.run()) {
        check_accesses(kernel, inferrer.uses(), inferrer.facts(), inferrer.polys(), sizes, diagnostics);
        check_nonempty(kernel, inferrer.uses(), sizes);
    }
    return sizes;
}

} // namespace coulter
