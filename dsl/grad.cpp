// Reverse mode over the definitions of a kernel.

#include "grad_assemble.hpp"
#include "grad_group.hpp"
#include "grad_math.hpp"
#include "grad_rules.hpp"
#include "grad_varied.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <unordered_set>

namespace coulter {
namespace gradient {
namespace {

using ir::Kind;
using ir::ReduceOp;
using ir::Ref;

class Gradient {
public:
    Gradient(const ir::Kernel& forward, const Sizes& sizes, const std::vector<std::string>& wrt, GradientReport* report)
        : builder_(forward, sizes), forward_(forward), wrt_(wrt), report_(report) {}

    /// `with_values`: the outputs of the kernel are outputs of its gradient, before the others.
    ir::Kernel run(bool with_values) {
        check_wrt(forward_, wrt_);
        varied_ = varied_elements(forward_, wrt_, ruled_);
        add_cotangents();
        for (auto definition = forward_.definitions.rbegin(); definition != forward_.definitions.rend(); ++definition) {
            differentiate(*definition);
        }
        if (!problems_.empty()) {
            std::reverse(problems_.begin(), problems_.end());
            throw LanguageError(std::move(problems_));
        }
        for (const std::string& input : wrt_) {
            finish_input(input);
        }
        if (with_values) {
            outputs_.insert(outputs_.begin(), forward_.outputs.begin(), forward_.outputs.end());
        }
        assemble(builder_, with_values ? ".value_and_grad" : ".grad", outputs_, cotangents_, *report_);
        return std::move(builder_.kernel());
    }

private:
    [[nodiscard]] bool is_varied(const std::string& tensor, int component) const {
        return varied_.contains({tensor, component});
    }

    void add_cotangents() {
        bool any = false;
        for (const std::string& output : forward_.outputs) {
            const ir::Definition& definition = *forward_.find_definition(output);
            for (std::size_t c = 0; c < definition.types.size(); ++c) {
                const int component = static_cast<int>(c);
                if (!is_varied(output, component)) {
                    continue;
                }
                any = true;
                const std::string name = builder_.adjoint_name(output, component);
                builder_.add_input({name, definition.types[c], definition.dims, false, definition.span});
                cotangents_.insert(name);
            }
        }
        if (!any) {
            throw_no_influence(forward_, wrt_);
        }
    }

    /// The name of the adjoint; empty where there is none.
    std::string finish(const std::string& tensor, int component, const Span& span) {
        const std::string name = builder_.adjoint_name(tensor, component);
        const bool has_cotangent = cotangents_.contains(name);
        const auto found = contributions_.find({tensor, component});
        if (found == contributions_.end()) {
            return has_cotangent ? name : std::string();
        }
        const Type type = adjoint_type(builder_.type_of(tensor, component));
        const Ref cotangent = has_cotangent ? as(type, builder_.read(name)) : nullptr;
        const std::string total = has_cotangent ? builder_.helper_name(name + ".total") : name;
        if (!has_cotangent) {
            note_support(total, found->second);
        }
        add_sum(found->second, total, builder_.dims_of(tensor), type, cotangent, span);
        return total;
    }

    void finish_input(const std::string& input) {
        const auto found = contributions_.find({input, 0});
        if (found == contributions_.end()) {
            throw LanguageError({no_influence(forward_, input)});
        }
        const ir::Input& declared = *forward_.find_input(input);
        const std::string name = builder_.adjoint_name(input, 0);
        add_sum(found->second, name, declared.dims, declared.type, nullptr, declared.span);
        outputs_.push_back(name);
    }

    // Where all terms of an adjoint are 0.
    void note_support(const std::string& name, const std::vector<Contribution>& list) {
        std::vector<Ref> common = list.front().support;
        std::erase_if(common, [&](const Ref& condition) {
            return !std::all_of(list.begin(), list.end(), [&](const Contribution& each) {
                return std::any_of(each.support.begin(), each.support.end(),
                                   [&](const Ref& other) { return ir::equal(condition, other); });
            });
        });
        support_[name] = std::move(common);
    }

    // Terms that are maps are added in one definition, each sum is its own, unless it is the only one.
    void add_sum(std::vector<Contribution>& list, const std::string& name, const std::vector<std::string>& dims,
                 Type type, const Ref& first, const Span& span) {
        const bool alone = list.size() == 1 && list[0].definition && !first && list[0].definition->types[0] == type;
        Ref total = first;
        for (Contribution& each : list) {
            for (ir::Definition& helper : each.helpers) {
                builder_.add(std::move(helper));
            }
            each.report.stage = name;
            if (!each.definition) {
                total = sum_of(total, each.value);
            } else if (alone) {
                each.definition->name = name;
                each.definition->span = span;
                builder_.add(std::move(*each.definition));
            } else {
                each.report.stage = each.definition->name;
                total = sum_of(total, [&] {
                    const std::string part = each.definition->name;
                    builder_.add(std::move(*each.definition));
                    return builder_.read(part);
                }());
            }
        }
        if (!alone) {
            ir::Definition sum;
            sum.name = name;
            sum.dims = dims;
            sum.types = {type};
            sum.values = {as(type, total)};
            sum.span = span;
            builder_.add(std::move(sum));
        }
        for (const Contribution& each : list) {
            report_->contributions.push_back(each.report);
        }
    }

    void differentiate(const ir::Definition& definition) {
        std::vector<std::string> adjoints;
        bool any = false;
        for (std::size_t c = 0; c < definition.types.size(); ++c) {
            adjoints.push_back(finish(definition.name, static_cast<int>(c), definition.span));
            any = any || !adjoints.back().empty();
        }
        const auto ruled = ruled_.find(definition.name);
        if (ruled != ruled_.end()) {
            ruled_adjoints_[definition.name] = adjoints.front();
            if (ruled->second.applies) {
                use_rule(*ruled->second.group, definition.span);
            }
            return;
        }
        if (!any) {
            return;
        }
        const Missing missing = [&](const std::string& operation, const std::string& why) {
            problems_.push_back(no_rule(definition, operation, why));
        };
        Local local = local_rule({builder_, definition, adjoints, missing});
        const bool is_linear =
            !definition.scan && (!definition.reduction ||
                                 (definition.reduction->into.empty() && definition.reduction->op == ReduceOp::sum));
        if (is_linear && adjoints.size() == 1) {
            local.reader.support = support_[adjoints.front()];
        }
        const std::vector<LeafFlow> leaves = backward(
            local.seeds, [&](const ir::Node& node) { return is_varied(node.name, node.component); }, outside,
            [&](const ir::Node& node) { missing(ir::name(node.op), "its derivative is not known"); });
        contribute_all(local.reader, leaves);
    }

    // All outputs of the group have been passed, so their adjoints are complete.
    void use_rule(const ir::Group& group, const Span& span) {
        const bool reached = std::any_of(group.outputs.begin(), group.outputs.end(), [&](const std::string& output) {
            const auto at = ruled_adjoints_.find(output);
            return at != ruled_adjoints_.end() && !at->second.empty();
        });
        if (!reached) {
            return;
        }
        std::vector<std::string> wanted;
        for (const std::string& input : group.inputs) {
            if (is_varied(input, 0)) {
                wanted.push_back(input);
            }
        }
        RuleResult result = apply_rule(builder_, group, ruled_adjoints_, wanted);
        problems_.insert(problems_.end(), result.problems.begin(), result.problems.end());
        for (const std::string& input : result.missing) {
            problems_.push_back(problem("G004", span,
                                        fmt::format("the gradient rule of `{}` gives no `d.{}`", group.function, input),
                                        fmt::format("let it give one, zeros where `{}` has no influence", input)));
        }
        for (auto& [input, contribution] : result.contributions) {
            std::vector<Contribution>& all = contributions_[{input, 0}];
            all.insert(all.begin(), std::move(contribution));
        }
    }

    // Uses of one element at one place are one use.
    void contribute_all(const Reader& reader, const std::vector<LeafFlow>& leaves) {
        std::vector<LeafFlow> uses;
        for (const LeafFlow& leaf : leaves) {
            const auto same = std::find_if(uses.begin(), uses.end(),
                                           [&](const LeafFlow& use) { return ir::equal(use.leaf, leaf.leaf); });
            if (same == uses.end()) {
                uses.push_back(leaf);
            } else {
                same->flow = merged(same->flow, leaf.flow);
            }
        }
        std::map<Element, int> count;
        for (const LeafFlow& use : uses) {
            ++count[{use.leaf->name, use.leaf->component}];
        }
        std::map<Element, std::vector<Contribution>> made;
        for (const LeafFlow& use : uses) {
            const Element element{use.leaf->name, use.leaf->component};
            std::string name =
                fmt::format("{}.from.{}", builder_.adjoint_name(element.first, element.second), reader.name);
            if (count[element] > 1) {
                name += fmt::format("[{}]", made[element].size());
            }
            name = builder_.helper_name(name);
            Contribution contribution = contribute(builder_, reader, use.leaf, use.flow, name);
            if (contribution.definition) {
                contribution.definition->name = name;
            }
            made[element].push_back(std::move(contribution));
        }
        // Readers come last to first; terms stand in the order of the text.
        for (auto& [element, list] : made) {
            std::vector<Contribution>& all = contributions_[element];
            all.insert(all.begin(), std::make_move_iterator(list.begin()), std::make_move_iterator(list.end()));
        }
    }

    Builder builder_;
    const ir::Kernel& forward_;
    const std::vector<std::string>& wrt_;
    GradientReport* report_;
    std::set<Element> varied_;
    std::set<std::string> cotangents_;
    std::map<std::string, RuledOutput> ruled_ = ruled_outputs(forward_);
    std::map<std::string, std::string> ruled_adjoints_; ///< of outputs of groups with rules
    std::map<Element, std::vector<Contribution>> contributions_;
    std::map<std::string, std::vector<Ref>> support_; ///< of adjoints: conditions where one of which fails they are 0
    std::vector<std::string> outputs_;
    std::vector<Diagnostic> problems_;
};

} // namespace
} // namespace gradient

namespace {

ir::Kernel gradient_of(const ir::Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report,
                       bool with_values) {
    const Sizes sizes = gradient::sizes_or_throw(kernel);
    GradientReport ignored;
    ir::Kernel result = gradient::Gradient(kernel, sizes, wrt, report == nullptr ? &ignored : report).run(with_values);
    COULTER_INTERNAL_ASSERT(ir::validate(result).empty());
    static_cast<void>(gradient::sizes_or_throw(result));
    return result;
}

} // namespace

ir::Kernel grad(const ir::Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report) {
    return gradient_of(kernel, wrt, report, false);
}

Kernel grad(const Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report) {
    return Kernel(grad(kernel.ir(), wrt, report));
}

ir::Kernel value_and_grad(const ir::Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report) {
    return gradient_of(kernel, wrt, report, true);
}

Kernel value_and_grad(const Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report) {
    return Kernel(value_and_grad(kernel.ir(), wrt, report));
}

} // namespace coulter
