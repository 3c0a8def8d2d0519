// What is left of the forward kernel in its gradient, and how the two are put together.

#include "grad_assemble.hpp"

#include "grad_collect.hpp"
#include "grad_invariant.hpp"
#include "renaming.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <unordered_set>

namespace coulter::gradient {

using ir::Kind;
using ir::Ref;

Diagnostic problem(const char* code, const Span& span, std::string message, std::string help) {
    return {Severity::error, code, span, std::move(message), {}, std::move(help)};
}

namespace {

class Assembly {
public:
    Assembly(Builder& builder, const char* suffix, const std::vector<std::string>& outputs,
             const std::set<std::string>& cotangents, GradientReport& report)
        : builder_(builder), forward_(builder.forward()), suffix_(suffix), outputs_(outputs), cotangents_(cotangents),
          report_(report) {}

    void run() {
        ir::Kernel& kernel = builder_.kernel();
        kernel.name = forward_.name + suffix_;
        kernel.outputs = outputs_;
        kernel.updates.clear();
        simplify();
        take_out_unread();
        take_out_dims();
        take_out_groups();
        check_c_names();
        fill_report();
    }

private:
    void simplify();
    void take_out_unread();
    void take_out_dims();
    void take_out_groups();
    void check_c_names();
    void fill_report();

    Builder& builder_;
    const ir::Kernel& forward_;
    const char* suffix_;
    const std::vector<std::string>& outputs_;
    const std::set<std::string>& cotangents_;
    GradientReport& report_;
};

void note_dims(const std::vector<Ref>& roots, std::unordered_set<std::string>& used) {
    for (const ir::Node* node : ir::postorder(roots)) {
        if (node->kind == Kind::dim || node->kind == Kind::extent) {
            used.insert(node->name);
        }
    }
}

void Assembly::simplify() {
    ir::Kernel& kernel = builder_.kernel();
    const auto is_adjoint = [&](const std::string& name) { return forward_.find_definition(name) == nullptr; };
    const auto collect = [&] {
        for (ir::Definition& definition : kernel.definitions) {
            if (is_adjoint(definition.name)) {
                definition.values = collected(definition.values);
            }
        }
    };
    collect();
    take_factors_out(kernel, is_adjoint);
    collect(); // what was taken out is part of other sums
}

void Assembly::take_out_unread() {
    ir::Kernel& kernel = builder_.kernel();
    const std::unordered_set<std::string> needed = needed_tensors(kernel);
    const auto unread = [&](const auto& tensor) { return !needed.contains(tensor.name); };
    std::erase_if(kernel.definitions, unread);
    std::erase_if(kernel.consts, unread);
    std::erase_if(kernel.inputs,
                  [&](const ir::Input& input) { return unread(input) && !cotangents_.contains(input.name); });
}

// Drops dims that nothing uses, and takes back an input where a dim would have no source without it.
void Assembly::take_out_dims() {
    ir::Kernel& kernel = builder_.kernel();
    std::unordered_set<std::string> used;
    std::unordered_set<std::string> indexed;
    std::unordered_set<std::string> with_source;
    for (const ir::Input& input : kernel.inputs) {
        used.insert(input.dims.begin(), input.dims.end());
        with_source.insert(input.dims.begin(), input.dims.end());
    }
    for (const ir::Const& constant : kernel.consts) {
        used.insert(constant.dims.begin(), constant.dims.end());
    }
    for (const ir::Definition& definition : kernel.definitions) {
        const std::vector<std::string> loops = ir::loop_dims(definition);
        used.insert(loops.begin(), loops.end());
        note_dims(ir::roots(definition), used);
        for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
            if (node->kind == Kind::access) {
                used.insert(node->dims.begin(), node->dims.end());
                note_dims({node->args.begin(), node->args.begin() + static_cast<std::ptrdiff_t>(node->dims.size())},
                          indexed);
            }
        }
    }
    for (std::size_t before = 0; before != used.size();) {
        before = used.size();
        for (const ir::Dim& dim : kernel.dims) {
            if (used.contains(dim.name) && dim.extent) {
                note_dims({dim.extent}, used);
            }
        }
    }
    for (const std::string& output : outputs_) {
        for (const std::string& dim : builder_.dims_of(output)) {
            if (!indexed.contains(dim)) {
                with_source.insert(dim);
            }
        }
    }
    for (const ir::Dim& dim : kernel.dims) {
        if (!used.contains(dim.name) || dim.size || dim.extent || with_source.contains(dim.name)) {
            continue;
        }
        for (const ir::Input& input : forward_.inputs) {
            if (std::find(input.dims.begin(), input.dims.end(), dim.name) == input.dims.end()) {
                continue;
            }
            with_source.insert(input.dims.begin(), input.dims.end());
            used.insert(input.dims.begin(), input.dims.end());
            kernel.inputs.push_back(input);
            report_.sizes_only.push_back(input.name);
            break;
        }
    }
    // Inputs stand in the kernel's own order, cotangents behind them.
    const auto rank = [&](const ir::Input& input) {
        const auto at = std::find_if(forward_.inputs.begin(), forward_.inputs.end(),
                                     [&](const ir::Input& other) { return other.name == input.name; });
        return at - forward_.inputs.begin();
    };
    std::stable_sort(kernel.inputs.begin(), kernel.inputs.end(),
                     [&](const ir::Input& a, const ir::Input& b) { return rank(a) < rank(b); });
    std::erase_if(kernel.dims, [&](const ir::Dim& dim) { return !used.contains(dim.name); });
    std::erase_if(kernel.estimates, [&](const auto& item) { return !used.contains(item.first); });
}

// A function's schedule macros go with what is left of it, its rule with all that the rule is about.
void Assembly::take_out_groups() {
    ir::Kernel& kernel = builder_.kernel();
    std::unordered_set<std::string> tensors;
    for (const ir::Input& input : kernel.inputs) tensors.insert(input.name);
    for (const ir::Const& constant : kernel.consts) tensors.insert(constant.name);
    for (const ir::Definition& definition : kernel.definitions) tensors.insert(definition.name);
    std::set<std::string> macros;
    std::erase_if(kernel.groups, [&](ir::Group& group) {
        const auto absent = [&](const std::string& tensor) { return !tensors.contains(tensor); };
        if (std::erase_if(group.inputs, absent) + std::erase_if(group.outputs, absent) > 0) {
            group.vjp = nullptr;
        }
        const bool inside = std::any_of(tensors.begin(), tensors.end(), [&](const std::string& tensor) {
            return tensor.starts_with(group.path + ".");
        });
        if (group.outputs.empty() && !inside) {
            return true;
        }
        macros.insert(group.macro_file);
        return false;
    });
    std::erase_if(kernel.macro_files, [&](const auto& file) { return !macros.contains(file.first); });
}

// Arguments that are called differently here and alike in C, such as `d.x` and an input `d_x`.
void Assembly::check_c_names() {
    const ir::Kernel& kernel = builder_.kernel();
    std::map<std::string, std::string> by_c_name;
    const auto add = [&](const std::string& tensor, const Span& span) {
        std::string c_name;
        for (const char c : tensor) {
            if (c != ']') c_name += c == '.' || c == '[' ? '_' : c;
        }
        const auto [at, fresh] = by_c_name.emplace(c_name, tensor);
        if (!fresh) {
            throw LanguageError(
                {problem("L028", span, fmt::format("`{}` and `{}` are both `{}` in C", at->second, tensor, c_name),
                         "rename the tensor of the kernel")});
        }
    };
    for (const ir::Input& input : kernel.inputs) add(input.name, input.span);
    for (const std::string& output : kernel.outputs) add(output, kernel.find_definition(output)->span);
}

void Assembly::fill_report() {
    std::set<std::string> seen;
    for (const ir::Definition& definition : builder_.kernel().definitions) {
        if (forward_.find_definition(definition.name) != nullptr) {
            report_.kept.push_back(definition.name);
            continue;
        }
        if (definition.reduction || definition.scan) {
            report_.reductions.push_back(definition.name);
        }
        for (const std::string& read : ir::reads(definition)) {
            const bool is_forward = forward_.find_definition(read) != nullptr || forward_.find_input(read) != nullptr ||
                                    forward_.find_const(read) != nullptr;
            if (is_forward && seen.insert(read).second) {
                report_.reads.push_back(read);
            }
        }
    }
}

} // namespace

void assemble(Builder& builder, const char* suffix, const std::vector<std::string>& outputs,
              const std::set<std::string>& cotangents, GradientReport& report) {
    Assembly(builder, suffix, outputs, cotangents, report).run();
}

} // namespace coulter::gradient
