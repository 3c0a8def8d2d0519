// Gradient rules of library functions: traced over stand-ins, renamed when the call's tensors have their names.

#include "language_vjp.hpp"
#include "language_nodes.hpp"
#include "renaming.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter {

using namespace detail;

namespace {

std::vector<Dim> dims_of(const TensorState& tensor) {
    std::vector<Dim> dims;
    for (const DimRef& dim : tensor.dims) {
        dims.emplace_back(dim);
    }
    return dims;
}

/// Outside of all functions while it lives: a rule is a kernel of its own.
class Outside {
public:
    Outside() : group_(current_group()) { current_group() = nullptr; }
    ~Outside() { current_group() = group_; }
    Outside(const Outside&) = delete;
    Outside& operator=(const Outside&) = delete;

private:
    GroupRef group_;
};

} // namespace

Tensor Function::with_vjp(const Tensor& result, const std::function<std::vector<Expr>(const Rule&)>& rule,
                          SourceLoc loc) {
    const auto wrong = [&](std::string message, std::string help) {
        group_->problems.push_back(diagnose("L050", loc, group_, std::move(message), std::move(help)));
        return result;
    };
    const TensorRef output = resolve(result.state());
    if (!output->defined || output->poison) {
        return result; // reported where it is used
    }
    if (output->types.size() != 1 || !is_float(output->types.front())) {
        return wrong(
            fmt::format("the result of `{}` is no tensor of one float, which `with_vjp` wants", group_->function),
            "give a rule to the function that computes the float");
    }
    std::vector<TensorRef> inputs;
    for (const NodeRef& node : group_->inputs) {
        if (node->poison) return result;
        const TensorRef tensor = is_bare_access(*node) ? resolve(node->tensor) : nullptr;
        if (!tensor || tensor->types.size() != 1) {
            return wrong(fmt::format("argument {} of `{}` is an expression, and `with_vjp` needs tensors",
                                     inputs.size(), group_->function),
                         "name the argument before the call: `Tensor t(\"t\"); t = ...;`");
        }
        if (std::find(inputs.begin(), inputs.end(), tensor) != inputs.end()) {
            return wrong(fmt::format("{} is an argument of `{}` twice, and `with_vjp` needs distinct ones",
                                     called(*tensor), group_->function),
                         "copy it: `Tensor t(\"t\"); t = x;`");
        }
        inputs.push_back(tensor);
    }
    const Outside outside;
    std::vector<Tensor> stand_ins;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        stand_ins.push_back(Input(fmt::format("in{}", i), inputs[i]->types.front(), dims_of(*inputs[i]), loc));
    }
    const Type type = output->types.front();
    const Rule arguments{stand_ins, Input("out", type, dims_of(*output), loc),
                         Input("d_out", type, dims_of(*output), loc)};
    const std::vector<Expr> gradients = rule(arguments);
    std::vector<Tensor> outputs;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (!is_float(inputs[i]->types.front())) continue;
        if (outputs.size() == gradients.size()) break;
        Tensor gradient(fmt::format("d_in{}", i), loc);
        gradient(dims_of(*inputs[i]), loc) = gradients[outputs.size()];
        outputs.push_back(gradient);
    }
    std::size_t floats = 0;
    for (const TensorRef& input : inputs) {
        floats += is_float(input->types.front()) ? 1 : 0;
    }
    if (gradients.size() != floats) {
        return wrong(fmt::format("the gradient rule of `{}` gives {} gradients, and {} of its arguments are floats",
                                 group_->function, gradients.size(), floats),
                     "give one for each argument of a float type, in order");
    }
    try {
        group_->vjp = std::make_shared<const ir::Kernel>(Kernel("rule", outputs, {}, {}, loc).ir());
    } catch (const LanguageError& error) {
        group_->problems.insert(group_->problems.end(), error.diagnostics().begin(), error.diagnostics().end());
    }
    return result;
}

namespace detail {
std::shared_ptr<const ir::Kernel> named_rule(const ir::Kernel& rule, const std::string& function,
                                             const std::vector<std::string>& inputs, const std::string& output) {
    std::map<std::string, std::string> names{{"out", output}, {"d_out", "d." + output}};
    ir::Kernel result = rule;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (inputs[i].empty()) {
            std::erase(result.outputs, fmt::format("d_in{}", i));
            continue;
        }
        names[fmt::format("in{}", i)] = inputs[i];
        names[fmt::format("d_in{}", i)] = "d." + inputs[i];
    }
    const std::unordered_set<std::string> needed = needed_tensors(result);
    std::erase_if(result.definitions, [&](const auto& each) { return !needed.contains(each.name); });
    std::erase_if(result.consts, [&](const auto& each) { return !needed.contains(each.name); });
    const auto renamed = [&](const std::string& name) {
        const auto at = names.find(name);
        if (at != names.end()) return at->second;
        // `d_in0.sum` is named after its user.
        const std::size_t dot = name.find('.');
        const auto head = names.find(name.substr(0, dot));
        return dot == std::string::npos || head == names.end() ? name : head->second + name.substr(dot);
    };
    result.name = function;
    result.groups.clear();
    result.macro_files.clear();
    std::map<std::string, std::vector<std::string>> dims;
    Renaming renaming([&dims](const std::string& tensor) { return dims.at(tensor); });
    const auto note = [&](const auto& tensor) {
        renaming.add(tensor.name, renamed(tensor.name));
        dims[renamed(tensor.name)] = tensor.dims;
    };
    std::ranges::for_each(result.inputs, note);
    std::ranges::for_each(result.definitions, note);
    for (ir::Input& input : result.inputs) {
        input.name = renamed(input.name);
    }
    for (ir::Definition& definition : result.definitions) {
        definition.name = renamed(definition.name);
        renaming.apply(definition);
    }
    for (std::string& name : result.outputs) {
        name = renamed(name);
    }
    return std::make_shared<const ir::Kernel>(std::move(result));
}

} // namespace detail
} // namespace coulter
