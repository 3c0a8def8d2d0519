// The IR's own invariants. What the text parser and the front end report with better places is found here as well, so
// that a pass which breaks a kernel is caught. A hostile kernel costs at most so many reports.

#include "ir_validate.hpp"

#include <set>

namespace coulter::ir {
namespace {

bool has_index(const std::vector<Type>& types) {
    return std::find(types.begin(), types.end(), Type::index) != types.end();
}

} // namespace

void Validator::check_dims() {
    for (const Dim& dim : kernel_.dims) {
        if (full()) {
            return;
        }
        check_name(dim.name, "dim", dim.span);
        if (!dims_.emplace(dim.name, &dim).second) {
            report("V002", dim.span, fmt::format("dim `{}` is declared twice", dim.name));
        }
    }
    for (const Dim& dim : kernel_.dims) {
        if (dim.size && dim.extent) {
            report("V012", dim.span, fmt::format("dim `{}` has both a constant extent and an expression", dim.name),
                   "keep one of them");
        }
        if (dim.size && *dim.size < 0) {
            report("V012", dim.span,
                   fmt::format("the extent of dim `{}` is {}, and at least 0 is wanted", dim.name, *dim.size));
        }
        if (!dim.extent) {
            continue;
        }
        Definition holder; // extents share the checks of a definition's expressions
        holder.name = dim.name;
        holder.span = dim.span;
        if (dim.extent->type != Type::index) {
            report("V012", dim.span,
                   fmt::format("the extent of dim `{}` is of type {}, and index is wanted", dim.name,
                               coulter::name(dim.extent->type)));
        }
        check_expressions(holder, 0, {dim.extent}, ExpressionContext::extent, {});
    }
    check_extent_cycles();
}

void Validator::check_extent_cycles() {
    // Repeatedly retires dims whose extents depend on retired ones only; what stays depends on itself.
    std::unordered_map<std::string, std::size_t> open;
    std::unordered_map<std::string, std::vector<std::string>> users;
    std::vector<std::string> ready;
    for (const auto& [dim_name, dim] : dims_) {
        std::unordered_set<std::string> sources;
        if (dim->extent) {
            for (const Node* node : postorder({dim->extent})) {
                if (node->kind == Kind::extent) {
                    sources.insert(node->name);
                }
            }
        }
        open[dim_name] = sources.size();
        for (const std::string& source : sources) {
            users[source].push_back(dim_name);
            open.emplace(source, 0);
        }
    }
    for (const auto& [dim_name, count] : open) {
        if (count == 0) {
            ready.push_back(dim_name);
        }
    }
    while (!ready.empty()) {
        const std::string retired = std::move(ready.back());
        ready.pop_back();
        for (const std::string& user : users[retired]) {
            if (--open[user] == 0) {
                ready.push_back(user);
            }
        }
    }
    for (const Dim& dim : kernel_.dims) {
        if (open[dim.name] > 0) {
            report("V012", dim.span, fmt::format("the extent of dim `{}` depends on itself", dim.name),
                   "write it over the extents of other dims");
            return;
        }
    }
}

void Validator::check_tensor(const std::string& name, const std::vector<Type>& types,
                             const std::vector<std::string>& dims, const Span& span, std::size_t position) {
    check_name(name, "tensor", span);
    if (!tensors_.emplace(name, ValidatedTensor{&dims, types, position}).second) {
        report("V002", span, fmt::format("tensor `{}` is defined twice", name),
               "inputs, consts and definitions share one space of names");
    }
    if (types.empty() || has_index(types)) {
        report("V014", span, fmt::format("tensor `{}` has {}", name, types.empty() ? "no type" : "the type index"),
               "element types are f64, f32, f16, bf16, i8 to i64, u8 to u64 and bool");
    }
    std::unordered_set<std::string> seen;
    for (const std::string& dim : dims) {
        if (!dims_.contains(dim)) {
            report("V003", span, fmt::format("tensor `{}` has the dim `{}`, which the kernel does not have", name, dim),
                   "dims of the kernel: " + quoted_list(dim_names(kernel_)));
        }
        if (!seen.insert(dim).second) {
            report("V002", span, fmt::format("tensor `{}` has the dim `{}` twice", name, dim));
        }
    }
}

void Validator::check_const(const Const& constant) {
    // Sizes are multiplied as doubles first: a hostile product must not wrap.
    double elements = 1;
    for (const std::string& name : constant.dims) {
        const auto dim = dims_.find(name);
        if (dim == dims_.end()) {
            return;
        }
        if (!dim->second->size) {
            report("V011", constant.span,
                   fmt::format("const `{}` has the dim `{}`, whose extent is not constant", constant.name, name),
                   fmt::format("declare the extent: `dim {} = ...`", name));
            return;
        }
        elements *= static_cast<double>(*dim->second->size);
    }
    const auto size = static_cast<std::size_t>(bytes(constant.type));
    if (elements * static_cast<double>(size) != static_cast<double>(constant.data.size())) {
        report("V011", constant.span,
               fmt::format("const `{}` holds {} elements, and its dims make {:.0f}", constant.name,
                           constant.data.size() / size, elements));
    }
    if (constant.type == Type::boolean &&
        std::any_of(constant.data.begin(), constant.data.end(), [](std::byte b) { return b > std::byte{1}; })) {
        report("V011", constant.span,
               fmt::format("const `{}` of type bool holds a byte that is neither 0 nor 1", constant.name));
    }
}

void Validator::check_tensors() {
    for (const Input& input : kernel_.inputs) {
        check_tensor(input.name, {input.type}, input.dims, input.span, 0);
    }
    for (const Const& constant : kernel_.consts) {
        check_tensor(constant.name, {constant.type}, constant.dims, constant.span, 0);
        check_const(constant);
    }
    for (std::size_t i = 0; i < kernel_.definitions.size(); ++i) {
        const Definition& definition = kernel_.definitions[i];
        check_tensor(definition.name, definition.types, definition.dims, definition.span, i + 1);
    }
}

void Validator::check_interface() {
    if (kernel_.outputs.empty()) {
        report("V013", {}, fmt::format("kernel `{}` has no output", kernel_.name), "add a line `output NAME`");
    }
    std::unordered_set<std::string> seen;
    for (const std::string& output : kernel_.outputs) {
        const auto tensor = tensors_.find(output);
        if (tensor == tensors_.end() || tensor->second.defined_at == 0) {
            report("V013", {}, fmt::format("the output `{}` is no definition of the kernel", output));
        } else if (!seen.insert(output).second) {
            report("V013", {}, fmt::format("`{}` is an output twice", output));
        }
    }
    std::unordered_map<std::string, const Input*> inputs;
    for (const Input& input : kernel_.inputs) {
        inputs.emplace(input.name, &input);
    }
    std::unordered_set<std::string> updated;
    for (const auto& [input, output] : kernel_.updates) {
        const auto found = inputs.find(input);
        const Input* from = found == inputs.end() ? nullptr : found->second;
        if (full()) {
            return;
        }
        if (from == nullptr || !seen.contains(output)) {
            report("V013", {}, fmt::format("`update {} -> {}` wants an input and an output", input, output));
            continue;
        }
        const ValidatedTensor& to = tensors_.at(output);
        if (to.types != std::vector<Type>{from->type} || *to.dims != from->dims) {
            report("V013", from->span,
                   fmt::format("`{}` and `{}` share memory and differ in type or dims", input, output));
        }
        if (!updated.insert(input).second || !updated.insert("-> " + output).second) {
            report("V013", from->span, fmt::format("`{}` or `{}` is updated twice", input, output));
        }
    }
    for (const auto& [dim, extent] : kernel_.estimates) {
        if (!dims_.contains(dim) || extent < 0) {
            report("V013", {},
                   fmt::format("the estimate `{} = {}` {}", dim, extent,
                               extent < 0 ? "is negative" : "names a dim that the kernel does not have"),
                   "dims of the kernel: " + quoted_list(dim_names(kernel_)));
        }
    }
    for (const auto& entry : kernel_.macro_files) {
        const std::string& file = entry.first; // clang 14 lets no lambda see the names of a structured binding
        const std::string& text = entry.second;
        const bool printable = std::none_of(text.begin(), text.end(), [](char c) {
            return c == '"' || (static_cast<unsigned char>(c) < 0x20 && c != '\n');
        });
        const bool named = std::any_of(kernel_.groups.begin(), kernel_.groups.end(),
                                       [&](const Group& group) { return group.macro_file == file; });
        if (!printable || !named || (!text.empty() && text.back() != '\n')) {
            report("V001", {}, fmt::format("the macro file `{}` cannot be written", file),
                   "a group names it, and its lines hold no double quotes and no control characters, tabs included");
        }
    }
    for (const Group& group : kernel_.groups) {
        const std::string free_text = group.path + group.function + group.macro_file;
        const bool printable = std::none_of(free_text.begin(), free_text.end(), [](char c) {
            return c == '`' || c == '"' || static_cast<unsigned char>(c) < 0x20;
        });
        if (group.path.empty() || group.function.empty() || !printable) {
            report("V001", group.span,
                   fmt::format("group `{}` has a path, function or macro file that cannot be written", group.path),
                   "they hold no quotes and no control characters, and path and function are not empty");
        }
        if (group.vjp) {
            check_rule(group);
        }
        for (const auto* list : {&group.inputs, &group.outputs}) {
            for (const std::string& name : *list) {
                if (!tensors_.contains(name)) {
                    report("V013", group.span,
                           fmt::format("group `{}` names `{}`, which the kernel does not have", group.path, name));
                }
            }
        }
    }
}

// What a rule takes and gives is named after the group's tensors, and has their types and dims.
void Validator::check_rule(const Group& group) {
    const Kernel& rule = *group.vjp;
    const auto wrong = [&](const std::string& message, const std::string& help) {
        report("V015", group.span, fmt::format("the gradient rule of `{}` {}", group.path, message), help);
    };
    const auto check = [&](const std::string& name, const std::vector<std::string>& tensors, const char* what,
                           const std::vector<Type>& types, const std::vector<std::string>& dims) {
        for (const std::string& tensor : tensors) {
            const bool cotangent = name == "d." + tensor;
            if (name != tensor && !cotangent) {
                continue;
            }
            const auto known = tensors_.find(tensor);
            if (known == tensors_.end()) {
                return; // reported
            }
            if (known->second.types != types ||
                std::set<std::string>(dims.begin(), dims.end()) !=
                    std::set<std::string>(known->second.dims->begin(), known->second.dims->end())) {
                wrong(fmt::format("has `{}` with another type or other dims than `{}`", name, tensor),
                      fmt::format("the dims of `{}` are {}", tensor, quoted_list(*known->second.dims)));
            }
            return;
        }
        wrong(fmt::format("{} `{}`", what, name),
              "a rule takes the group's inputs, outputs and `d.<output>`, and gives `d.<input>`");
    };
    std::vector<std::string> taken = group.inputs;
    taken.insert(taken.end(), group.outputs.begin(), group.outputs.end());
    for (const Input& input : rule.inputs) {
        const bool of_input = input.name.starts_with("d.") && !contains(taken, input.name) &&
                              contains(group.inputs, input.name.substr(2));
        if (of_input) {
            wrong(fmt::format("takes `{}`", input.name), "cotangents are those of the group's outputs");
        } else {
            check(input.name, taken, "takes", {input.type}, input.dims);
        }
    }
    for (const std::string& output : rule.outputs) {
        const Definition* const definition = rule.find_definition(output);
        if (definition == nullptr) {
            wrong(fmt::format("gives `{}`, which it does not define", output), {});
            continue;
        }
        const bool cotangent = output.starts_with("d.") && contains(group.inputs, output.substr(2));
        check(output, cotangent ? group.inputs : std::vector<std::string>{}, "gives", definition->types,
              definition->dims);
    }
}

std::vector<Diagnostic> validate(const Kernel& kernel) {
    return Validator(kernel).run();
}

} // namespace coulter::ir
