// Reverse mode over the definitions of a kernel.

#include "grad_assemble.hpp"
#include "grad_group.hpp"
#include "grad_math.hpp"
#include "grad_rules.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <unordered_set>

namespace coulter {
namespace gradient {
namespace {

using ir::Kind;
using ir::ReduceOp;
using ir::Ref;

using Element = std::pair<std::string, int>; ///< a tensor's component

class Gradient {
public:
    Gradient(const ir::Kernel& forward, const Sizes& sizes, const std::vector<std::string>& wrt, GradientReport* report)
        : builder_(forward, sizes), forward_(forward), wrt_(wrt), report_(report) {}

    ir::Kernel run() {
        check_wrt();
        find_varied();
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
        assemble(builder_, outputs_, cotangents_, *report_);
        return std::move(builder_.kernel());
    }

private:
    void check_wrt() {
        std::vector<std::string> names;
        for (const ir::Input& input : forward_.inputs) {
            names.push_back(input.name);
        }
        std::vector<Diagnostic> wrong;
        if (wrt_.empty()) {
            wrong.push_back(problem("G002", {}, fmt::format("no input of `{}` is named", forward_.name),
                                    "inputs are " + quoted_list(names)));
        }
        for (std::size_t i = 0; i < wrt_.size(); ++i) {
            const ir::Input* const input = forward_.find_input(wrt_[i]);
            if (input == nullptr) {
                const std::string close = closest_match(wrt_[i], names);
                wrong.push_back(problem("G002", {}, fmt::format("`{}` is no input of `{}`", wrt_[i], forward_.name),
                                        close.empty() ? "inputs are " + quoted_list(names)
                                                      : fmt::format("did you mean `{}`?", close)));
            } else if (!is_float(input->type)) {
                wrong.push_back(problem("G003", input->span,
                                        fmt::format("`{}` is {}, which has no gradient", wrt_[i], name(input->type)),
                                        "gradients are by inputs of a float type"));
            } else if (std::find(wrt_.begin(), wrt_.begin() + static_cast<std::ptrdiff_t>(i), wrt_[i]) !=
                       wrt_.begin() + static_cast<std::ptrdiff_t>(i)) {
                wrong.push_back(
                    problem("G002", {}, fmt::format("`{}` is named twice", wrt_[i]), "name each input once"));
            }
        }
        if (!wrong.empty()) {
            throw LanguageError(std::move(wrong));
        }
    }

    [[nodiscard]] bool is_varied(const std::string& tensor, int component) const {
        return varied_.contains({tensor, component});
    }

    // Whether a derivative passes from an input of `wrt_` to the expression.
    [[nodiscard]] bool depends(const Ref& value) const {
        std::unordered_set<const ir::Node*> leads;
        for (const ir::Node* node : ir::postorder({value})) {
            bool any = node->kind == Kind::access && is_float(node->type) && is_varied(node->name, node->component);
            for (std::size_t i = 0; i < node->args.size(); ++i) {
                any = any || (passes(*node, i) && leads.contains(node->args[i].get()));
            }
            if (any) {
                leads.insert(node);
            }
        }
        return leads.contains(value.get());
    }

    void find_varied() {
        for (const std::string& input : wrt_) {
            varied_.insert({input, 0});
        }
        for (const ir::Definition& definition : forward_.definitions) {
            const auto mark = [&](std::size_t component, bool varied) {
                if (varied && is_float(definition.types[component])) {
                    varied_.insert({definition.name, static_cast<int>(component)});
                }
            };
            if (const auto ruled = ruled_.find(definition.name); ruled != ruled_.end()) {
                // The rule says what the definitions may not: a rounding that passes its derivative.
                const std::vector<std::string>& inputs = ruled->second.group->inputs;
                const auto varies = [&](const std::string& input) { return is_varied(input, 0); };
                mark(0, std::any_of(inputs.begin(), inputs.end(), varies));
                continue;
            }
            const auto reduces = [&](ReduceOp op) { return definition.reduction && definition.reduction->op == op; };
            if (reduces(ReduceOp::argmin) || reduces(ReduceOp::argmax)) {
                mark(1, depends(definition.values[0]));
                continue;
            }
            for (std::size_t c = 0; c < definition.values.size(); ++c) {
                mark(c, depends(definition.values[c]));
            }
            const bool states = definition.scan || reduces(ReduceOp::custom);
            if (states) {
                spread(definition, definition.scan ? definition.scan->combine : definition.reduction->combine);
            }
        }
    }

    // A component varies also where its combination uses one that does.
    void spread(const ir::Definition& definition, const std::vector<Ref>& combine) {
        for (bool grown = true; grown;) {
            grown = false;
            for (std::size_t c = 0; c < combine.size(); ++c) {
                if (!is_float(definition.types[c]) || is_varied(definition.name, static_cast<int>(c))) {
                    continue;
                }
                for (const ir::Node* node : ir::postorder({combine[c]})) {
                    if (node->kind == Kind::operand && is_varied(definition.name, node->component)) {
                        grown = varied_.insert({definition.name, static_cast<int>(c)}).second;
                        break;
                    }
                }
            }
        }
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
            std::vector<Diagnostic> wrong;
            for (const std::string& input : wrt_) {
                wrong.push_back(no_influence(input));
            }
            throw LanguageError(std::move(wrong));
        }
    }

    [[nodiscard]] Diagnostic no_influence(const std::string& input) const {
        return problem("G003", forward_.find_input(input)->span,
                       fmt::format("no output of `{}` has a derivative by `{}`", forward_.name, input),
                       "derivatives end at integers, comparisons, floor, round and stop_gradient");
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
        add_sum(found->second, total, builder_.dims_of(tensor), type, cotangent, span);
        return total;
    }

    void finish_input(const std::string& input) {
        const auto found = contributions_.find({input, 0});
        if (found == contributions_.end()) {
            throw LanguageError({no_influence(input)});
        }
        const ir::Input& declared = *forward_.find_input(input);
        const std::string name = builder_.adjoint_name(input, 0);
        add_sum(found->second, name, declared.dims, declared.type, nullptr, declared.span);
        outputs_.push_back(name);
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
            problems_.push_back(
                problem("G001", definition.span,
                        fmt::format("`{}` uses `{}`, which has no gradient rule: {}", definition.name, operation, why),
                        "give the function that computes it a rule by `with_vjp`, or cut the gradient "
                        "there by `stop_gradient`"));
        };
        const Local local = local_rule({builder_, definition, adjoints, missing});
        const std::vector<LeafFlow> leaves = backward(
            local.seeds, [&](const ir::Node& node) { return is_varied(node.name, node.component); },
            [&](const ir::Node& node) { return outside(node); },
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

    // Where a padded access gives its pad value.
    [[nodiscard]] static Ref outside(const ir::Node& access) {
        Ref condition;
        for (std::size_t i = 0; i < access.dims.size(); ++i) {
            const Ref low = ir::binary(ir::Op::lt, access.args[i], ir::index_constant(0));
            const Ref high = ir::binary(ir::Op::ge, access.args[i], ir::extent_node(access.dims[i]));
            const Ref here = ir::binary(ir::Op::logical_or, low, high);
            condition = condition ? ir::binary(ir::Op::logical_or, condition, here) : here;
        }
        return condition ? condition : ir::bool_constant(false);
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
    std::vector<std::string> outputs_;
    std::vector<Diagnostic> problems_;
};

} // namespace
} // namespace gradient

ir::Kernel grad(const ir::Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report) {
    std::vector<Diagnostic> diagnostics;
    const Sizes sizes = infer_sizes(kernel, diagnostics);
    std::erase_if(diagnostics, [](const Diagnostic& each) { return each.severity != Severity::error; });
    if (!diagnostics.empty()) {
        throw LanguageError(std::move(diagnostics));
    }
    GradientReport ignored;
    ir::Kernel result = gradient::Gradient(kernel, sizes, wrt, report == nullptr ? &ignored : report).run();
    COULTER_INTERNAL_ASSERT(ir::validate(result).empty());
    static_cast<void>(infer_sizes(result, diagnostics));
    if (std::any_of(diagnostics.begin(), diagnostics.end(),
                    [](const Diagnostic& each) { return each.severity == Severity::error; })) {
        throw LanguageError(std::move(diagnostics));
    }
    return result;
}

Kernel grad(const Kernel& kernel, const std::vector<std::string>& wrt, GradientReport* report) {
    return Kernel(grad(kernel.ir(), wrt, report));
}

} // namespace coulter
