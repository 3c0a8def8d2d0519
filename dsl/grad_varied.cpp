#include "grad_varied.hpp"

#include "grad_assemble.hpp"
#include "grad_expression.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <unordered_set>

namespace coulter::gradient {

using ir::Kind;
using ir::ReduceOp;
using ir::Ref;

void check_wrt(const ir::Kernel& forward, const std::vector<std::string>& wrt) {
    std::vector<std::string> names;
    for (const ir::Input& input : forward.inputs) {
        names.push_back(input.name);
    }
    std::vector<Diagnostic> wrong;
    if (wrt.empty()) {
        wrong.push_back(problem("G002", {}, fmt::format("no input of `{}` is named", forward.name),
                                "inputs are " + quoted_list(names)));
    }
    for (std::size_t i = 0; i < wrt.size(); ++i) {
        const ir::Input* const input = forward.find_input(wrt[i]);
        if (input == nullptr) {
            const std::string close = closest_match(wrt[i], names);
            wrong.push_back(
                problem("G002", {}, fmt::format("`{}` is no input of `{}`", wrt[i], forward.name),
                        close.empty() ? "inputs are " + quoted_list(names) : fmt::format("did you mean `{}`?", close)));
        } else if (!is_float(input->type)) {
            wrong.push_back(problem("G003", input->span,
                                    fmt::format("`{}` is {}, which has no gradient", wrt[i], name(input->type)),
                                    "gradients are by inputs of a float type"));
        } else if (std::find(wrt.begin(), wrt.begin() + static_cast<std::ptrdiff_t>(i), wrt[i]) !=
                   wrt.begin() + static_cast<std::ptrdiff_t>(i)) {
            wrong.push_back(problem("G002", {}, fmt::format("`{}` is named twice", wrt[i]), "name each input once"));
        }
    }
    if (!wrong.empty()) {
        throw LanguageError(std::move(wrong));
    }
}

namespace {

class Varied {
public:
    Varied(const ir::Kernel& forward, const std::vector<std::string>& wrt,
           const std::map<std::string, RuledOutput>& ruled)
        : forward_(forward), wrt_(wrt), ruled_(ruled) {}

    std::set<Element> run() {
        find_varied();
        return std::move(varied_);
    }

private:
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
                if (varied && is_float(component < definition.types.size() ? definition.types[component]
                                                                           : definition.values[component]->type)) {
                    varied_.insert({definition.name, static_cast<int>(component)});
                }
            };
            if (const auto ruled = ruled_.find(definition.name); ruled != ruled_.end()) {
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

    const ir::Kernel& forward_;
    const std::vector<std::string>& wrt_;
    const std::map<std::string, RuledOutput>& ruled_;
    std::set<Element> varied_;
};

} // namespace

std::set<Element> varied_elements(const ir::Kernel& forward, const std::vector<std::string>& wrt,
                                  const std::map<std::string, RuledOutput>& ruled) {
    return Varied(forward, wrt, ruled).run();
}

Ref outside(const ir::Node& access) {
    Ref condition;
    for (std::size_t i = 0; i < access.dims.size(); ++i) {
        const Ref low = ir::binary(ir::Op::lt, access.args[i], ir::index_constant(0));
        const Ref high = ir::binary(ir::Op::ge, access.args[i], ir::extent_node(access.dims[i]));
        const Ref here = ir::binary(ir::Op::logical_or, low, high);
        condition = condition ? ir::binary(ir::Op::logical_or, condition, here) : here;
    }
    return condition ? condition : ir::bool_constant(false);
}

Diagnostic no_influence(const ir::Kernel& forward, const std::string& input) {
    return problem("G003", forward.find_input(input)->span,
                   fmt::format("no output of `{}` has a derivative by `{}`", forward.name, input),
                   "derivatives end at integers, comparisons, floor, round and stop_gradient");
}

void throw_no_influence(const ir::Kernel& forward, const std::vector<std::string>& wrt) {
    std::vector<Diagnostic> wrong;
    for (const std::string& input : wrt) {
        wrong.push_back(no_influence(forward, input));
    }
    throw LanguageError(std::move(wrong));
}

Diagnostic no_rule(const ir::Definition& definition, const std::string& operation, const std::string& why) {
    return problem("G001", definition.span,
                   fmt::format("`{}` uses `{}`, which has no gradient rule: {}", definition.name, operation, why),
                   "give the function that computes it a rule by `with_vjp`, or cut the gradient there by "
                   "`stop_gradient`");
}

Sizes sizes_or_throw(const ir::Kernel& kernel) {
    std::vector<Diagnostic> diagnostics;
    Sizes sizes = infer_sizes(kernel, diagnostics);
    std::erase_if(diagnostics, [](const Diagnostic& each) { return each.severity != Severity::error; });
    if (!diagnostics.empty()) {
        throw LanguageError(std::move(diagnostics));
    }
    return sizes;
}

} // namespace coulter::gradient
