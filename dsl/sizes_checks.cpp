// Accesses at both ends, and reductions that must not be empty.

#include "sizes_checks.hpp"

#include "coulter/text.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::detail {
namespace {

void add_check(Sizes& sizes, SizeCheck check) {
    const bool known = std::any_of(sizes.checks.begin(), sizes.checks.end(), [&](const SizeCheck& other) {
        return other.kind == check.kind && ir::equal(other.lhs, check.lhs) && ir::equal(other.rhs, check.rhs) &&
               other.guards == check.guards && other.text == check.text;
    });
    if (!known) sizes.checks.push_back(std::move(check));
}

// Constant extents are never 0, so only the others guard.
std::vector<std::string> guards_of(const ir::Definition& definition, const Sizes& sizes) {
    std::vector<std::string> guards;
    for (const std::string& dim : ir::loop_dims(definition)) {
        if (sizes.rules.at(dim).source != ExtentSource::constant) guards.push_back(dim);
    }
    return guards;
}

// Braces of the index text would be taken for placeholders.
std::string escaped(std::string text) {
    std::replace(text.begin(), text.end(), '{', '(');
    std::replace(text.begin(), text.end(), '}', ')');
    return text;
}

} // namespace

ir::Ref with_constants(const ir::Ref& expression, const Sizes& sizes) {
    ir::RewriteMemo memo;
    return simplify_index(ir::rewrite(
        expression,
        [&](const ir::Node& node, const std::vector<ir::Ref>&) -> ir::Ref {
            if (node.kind != ir::Kind::extent) return nullptr;
            const auto rule = sizes.rules.find(node.name);
            const bool constant =
                rule != sizes.rules.end() && rule->second.value && rule->second.value->kind == ir::Kind::constant;
            return constant ? rule->second.value : nullptr;
        },
        memo));
}

std::string print_index(const ir::Ref& index) {
    return escaped(print(index));
}

void check_accesses(const ir::Kernel& kernel, const std::vector<IndexUse>& uses, const std::vector<Fact>& facts,
                    Polys& polys, Sizes& sizes, std::vector<Diagnostic>& diagnostics) {
    static_cast<void>(kernel);
    Prover prover(polys, sizes, facts);
    for (const IndexUse& use : uses) {
        if (use.boundary != ir::Boundary::checked) continue;
        prover.set_loops(ir::loop_dims(*use.definition));
        if (use.scatter) {
            // The scattered dim is no loop: the loops are the other dims and the reduced ones.
            std::vector<std::string> loops = ir::loop_dims(*use.definition);
            std::erase(loops, use.dim);
            prover.set_loops(loops);
        }
        const std::optional<Poly> above = Polys::add(polys.extent(use.dim), Polys::constant(-1));
        const std::optional<Poly> room = above ? Polys::add(*above, use.poly, -1) : std::nullopt;
        const bool low_proved = prover.nonnegative(use.poly);
        const bool high_proved = room && prover.nonnegative(*room);
        if (low_proved && high_proved) continue;
        const std::optional<Interval> interval = interval_of(use.index);
        const char* verb = use.scatter ? "written" : "read";
        const std::string place =
            fmt::format("`{}` is {} at {} = {}", use.tensor, verb, use.dim, print_index(use.index));
        if (!interval) {
            diagnostics.push_back({Severity::error,
                                   "L046",
                                   use.definition->span,
                                   fmt::format("{}, which has no bounds", place),
                                   {},
                                   fmt::format("clamp the index, `clamp(..., 0, extent({}) - 1)`{}", use.dim,
                                               use.scatter ? ""
                                                           : fmt::format(", or read with `clamped({0})(...)` or "
                                                                         "`padded({0}, 0)(...)`",
                                                                         use.tensor))});
            continue;
        }
        const auto decide = [&](const ir::Ref& lhs, const ir::Ref& rhs, const std::string& text) {
            if (lhs->kind == ir::Kind::constant && rhs->kind == ir::Kind::constant) {
                if (lhs->integer <= rhs->integer) return;
                const auto number = [](const ir::Ref& ref) { return fmt::format("{}", ref->integer); };
                diagnostics.push_back(
                    {Severity::error,
                     "L032",
                     use.definition->span,
                     fmt::format(fmt::runtime(text), number(lhs), number(rhs)),
                     {},
                     fmt::format("change the extents or the index{}",
                                 use.scatter ? "" : fmt::format(", or read with `padded({0}, 0)(...)` or `clamped({0})(...)`",
                                                               use.tensor))});
                return;
            }
            const std::optional<Poly> room_left = Polys::add(polys.convert(rhs), polys.convert(lhs), -1);
            if (room_left && prover.nonnegative(*room_left)) return;
            std::vector<std::string> guards = guards_of(*use.definition, sizes);
            if (use.scatter) std::erase(guards, use.dim);
            add_check(sizes, {SizeCheck::Kind::less_equal, lhs, rhs, std::move(guards), text});
        };
        if (!low_proved) {
            decide(ir::index_constant(0), with_constants(interval->low, sizes),
                   fmt::format("{} down to {{1}}, and {} starts at {{0}}", place, use.dim));
        }
        if (!high_proved) {
            const ir::Ref last = ir::binary(ir::Op::sub, ir::extent_node(use.dim), ir::index_constant(1));
            decide(with_constants(interval->high, sizes), with_constants(last, sizes),
                   fmt::format("{} up to {{0}}, and {} ends at {{1}}", place, use.dim));
        }
    }
}

void check_nonempty(const ir::Kernel& kernel, const std::vector<IndexUse>& uses, Sizes& sizes) {
    const auto nonzero = [&](const ir::Definition& definition, const std::string& dim, std::string text) {
        const auto rule = sizes.rules.find(dim);
        const bool constant = rule != sizes.rules.end() && rule->second.value &&
                              rule->second.value->kind == ir::Kind::constant && rule->second.value->integer > 0;
        if (constant) return;
        std::vector<std::string> guards = definition.dims;
        std::erase(guards, dim);
        std::erase_if(guards,
                      [&](const auto& guard) { return sizes.rules.at(guard).source == ExtentSource::constant; });
        add_check(sizes, {SizeCheck::Kind::nonzero, ir::extent_node(dim), nullptr, std::move(guards), std::move(text)});
    };
    for (const ir::Definition& definition : kernel.definitions) {
        if (!definition.reduction) continue;
        std::string what;
        const ir::ReduceOp op = definition.reduction->op;
        if (op == ir::ReduceOp::argmin || op == ir::ReduceOp::argmax) what = ir::name(op);
        for (const ir::Group& group : kernel.groups) {
            const bool statistic =
                group.function == "mean" || group.function == "variance" || group.function == "moments";
            if (statistic && definition.name.starts_with(group.path + ".")) what = group.function;
        }
        if (what.empty()) continue;
        for (const std::string& dim : definition.reduction->dims) {
            nonzero(definition, dim,
                    fmt::format("`{}` over dim `{}` in `{}` needs an extent of at least 1, and it is {{0}}", what, dim,
                                definition.name));
        }
    }
    for (const IndexUse& use : uses) {
        if (use.boundary != ir::Boundary::clamped) continue;
        nonzero(*use.definition, use.dim,
                fmt::format("`{}` is read clamped to its dim `{}`, whose extent is {{0}}", use.tensor, use.dim));
    }
}

} // namespace coulter::detail
