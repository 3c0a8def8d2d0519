// From outputs to a checked ir::Kernel: collect, name, lower, validate, infer sizes.

#include "coulter/sizes.hpp"
#include "language_collect.hpp"
#include "language_nodes.hpp"
#include "language_vjp.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter {

using namespace detail;

KernelOption estimates(std::initializer_list<Estimate> list, SourceLoc loc) {
    KernelOption option;
    option.kind = KernelOption::Kind::estimates;
    option.estimates = list;
    option.loc = loc;
    return option;
}

KernelOption updates(std::initializer_list<Update> list, SourceLoc loc) {
    KernelOption option;
    option.kind = KernelOption::Kind::updates;
    option.updates = list;
    option.loc = loc;
    return option;
}

namespace {

Span author_span(SourceLoc loc, const GroupRef& group) {
    return diagnose("", loc, group, {}).span;
}

class Lowering {
public:
    explicit Lowering(const Names& names) : names_(names) {}

    ir::Ref lower(const NodeRef& root) {
        if (!root) return nullptr;
        for (const ExprNode* node : postorder({root})) {
            if (!memo_.contains(node)) memo_.emplace(node, lower_node(*node));
        }
        return memo_.at(root.get());
    }

    std::vector<ir::Ref> lower(const std::vector<NodeRef>& list) {
        std::vector<ir::Ref> all;
        for (const NodeRef& node : list) {
            all.push_back(lower(node));
        }
        return all;
    }

    ir::Definition definition(const TensorState& tensor) {
        ir::Definition result;
        result.name = names_.tensors.at(&tensor);
        result.dims = names_of(tensor.dims);
        result.types = tensor.types;
        result.values = lower(tensor.values);
        result.span = author_span(tensor.definition_loc, tensor.definition_group);
        if (tensor.reduce) {
            ir::Reduction reduction;
            reduction.op = *tensor.reduce;
            reduction.dims = names_of(tensor.reduced);
            reduction.where = lower(tensor.where);
            for (const IntoState& item : tensor.into) {
                reduction.into.push_back({item.dim->name, lower(item.index)});
            }
            reduction.atomic = tensor.atomic;
            reduction.identity = lower(tensor.identity);
            reduction.combine = lower(tensor.combine);
            result.reduction = std::move(reduction);
        }
        if (tensor.scan) {
            states_of_ = &tensor;
            std::vector<std::string> inner = names_of(tensor.scan_dims);
            const std::string outermost = inner.front();
            inner.erase(inner.begin());
            result.scan = ir::Scan{outermost,          std::move(inner),       tensor.reversed,      tensor.exclusive,
                                   tensor.associative, lower(tensor.identity), lower(tensor.combine)};
        }
        return result;
    }

    [[nodiscard]] const std::string& name_of(const TensorState& tensor) const {
        return tensor.kind == TensorKind::plain ? names_.tensors.at(&tensor) : tensor.name;
    }

private:
    ir::Ref lower_node(const ExprNode& node) {
        ir::Node result;
        result.kind = node.kind;
        result.op = node.op;
        result.type = node.type;
        result.integer = node.integer;
        result.real = node.real;
        result.component = node.component;
        result.right = node.right;
        result.boundary = node.boundary;
        if (node.dim) result.name = node.dim->name;
        if (node.kind == ir::Kind::operand && !node.bound.empty()) {
            for (const DimRef& dim : states_of_->scan_dims) {
                const auto at = std::ranges::find(node.bound, dim->name, [](const DimRef& b) { return b->name; });
                const std::int64_t away =
                    at == node.bound.end() ? 0 : node.distances[static_cast<std::size_t>(at - node.bound.begin())];
                if (away != 0) {
                    result.dims.push_back(dim->name);
                    result.args.push_back(ir::index_constant(away));
                }
            }
            return ir::make_node(std::move(result));
        }
        if (node.kind != ir::Kind::access) {
            for (const NodeRef& arg : node.args) {
                result.args.push_back(memo_.at(arg.get()));
            }
            return ir::make_node(std::move(result));
        }
        const TensorRef tensor = resolve(node.tensor);
        result.name = name_of(*tensor);
        for (const DimRef& dim : tensor->dims) {
            const auto at = std::find_if(node.bound.begin(), node.bound.end(),
                                         [&](const DimRef& b) { return b->name == dim->name; });
            if (at == node.bound.end()) continue;
            const NodeRef& index = node.args[static_cast<std::size_t>(at - node.bound.begin())];
            if (index->kind == ir::Kind::dim && index->dim->name == dim->name) continue;
            result.dims.push_back(dim->name);
            result.args.push_back(memo_.at(index.get()));
        }
        if (node.args.size() > node.bound.size()) result.args.push_back(memo_.at(node.args.back().get()));
        return ir::make_node(std::move(result));
    }

    const Names& names_;
    std::unordered_map<const ExprNode*, ir::Ref> memo_;
    const TensorState* states_of_ = nullptr; ///< the scan whose function is lowered
};

void append_unique_name(std::vector<std::string>& list, const std::string& name) {
    if (std::find(list.begin(), list.end(), name) == list.end()) list.push_back(name);
}

ir::Group lower_group(const GroupState& group, const std::string& path, const Names& names, const Lowering& lowering,
                      const ir::Kernel& kernel) {
    ir::Group result;
    result.path = path;
    result.function = group.function;
    result.macro_file = group.macro_file;
    result.span = author_span(group.call, group.outer);
    // An argument that nothing reads is not part of the kernel.
    const auto is_used = [&](const TensorState& tensor) {
        return tensor.kind != TensorKind::plain
                   ? kernel.find_input(tensor.name) != nullptr || kernel.find_const(tensor.name) != nullptr
                   : names.tensors.contains(&tensor);
    };
    for (const ExprNode* node : postorder(group.inputs)) {
        if (!node->tensor) continue;
        const TensorRef tensor = resolve(node->tensor);
        if (is_used(*tensor)) append_unique_name(result.inputs, lowering.name_of(*tensor));
    }
    const auto outputs = names.outputs.find(&group);
    if (outputs != names.outputs.end()) {
        for (const TensorState* tensor : outputs->second) {
            append_unique_name(result.outputs, names.tensors.at(tensor));
        }
    }
    if (group.vjp && result.outputs.size() == 1) {
        std::vector<std::string> inputs;
        for (const NodeRef& node : group.inputs) {
            const TensorRef tensor = resolve(node->tensor);
            inputs.push_back(is_used(*tensor) ? lowering.name_of(*tensor) : std::string());
        }
        result.vjp = named_rule(*group.vjp, group.function, inputs, result.outputs.front());
    }
    return result;
}

// By file in order of appearance, then by line, so that the order does not depend on that of evaluation.
[[noreturn]] void fail(std::vector<Diagnostic> diagnostics) {
    std::vector<std::string> files;
    const auto rank = [&](const Diagnostic& d) {
        return std::find(files.begin(), files.end(), d.span.file) - files.begin();
    };
    for (const Diagnostic& diagnostic : diagnostics) {
        append_unique_name(files, diagnostic.span.file);
    }
    std::stable_sort(diagnostics.begin(), diagnostics.end(), [&](const Diagnostic& a, const Diagnostic& b) {
        return std::pair(rank(a), a.span.line) < std::pair(rank(b), b.span.line);
    });
    std::vector<Diagnostic> unique;
    std::vector<std::string> seen;
    for (Diagnostic& diagnostic : diagnostics) {
        std::string text = render(diagnostic);
        if (std::find(seen.begin(), seen.end(), text) == seen.end()) {
            seen.push_back(std::move(text));
            unique.push_back(std::move(diagnostic));
        }
    }
    throw LanguageError(std::move(unique));
}

bool has_error(const std::vector<Diagnostic>& diagnostics) {
    return std::any_of(diagnostics.begin(), diagnostics.end(),
                       [](const Diagnostic& d) { return d.severity == Severity::error; });
}

void check_meeting_names(const ir::Kernel& kernel, std::vector<Diagnostic>& diagnostics) {
    std::map<std::string, std::pair<std::string, Span>> by_c_name;
    const auto add = [&](const std::string& tensor, const Span& span) {
        std::string c_name;
        for (const char c : tensor) {
            if (c != ']') c_name += c == '.' || c == '[' ? '_' : c;
        }
        const auto [at, fresh] = by_c_name.emplace(c_name, std::pair(tensor, span));
        if (fresh) return;
        const auto& [other, other_span] = at->second;
        const bool same = other == tensor;
        diagnostics.push_back({Severity::error,
                               same ? "L027" : "L028",
                               span,
                               same ? fmt::format("two tensors are called `{}`", tensor)
                                    : fmt::format("`{}` and `{}` are both `{}` in C", other, tensor, c_name),
                               {{other_span, "the other one is here"}},
                               same ? "each tensor of a kernel has a name of its own" : "rename one of them"});
    };
    for (const ir::Input& input : kernel.inputs) add(input.name, input.span);
    for (const ir::Const& constant : kernel.consts) add(constant.name, constant.span);
    for (const ir::Definition& definition : kernel.definitions) add(definition.name, definition.span);
}

} // namespace

Kernel::Kernel(std::string name, const std::vector<Tensor>& outputs, const KernelOption& a, const KernelOption& b,
               SourceLoc loc) {
    Collected collected = collect(name, outputs, {&a, &b}, loc);
    if (has_error(collected.problems)) fail(std::move(collected.problems));
    std::vector<Diagnostic> diagnostics = std::move(collected.problems);

    Names names = name_tensors(collected.order, collected.outputs);
    diagnostics.insert(diagnostics.end(), names.problems.begin(), names.problems.end());
    if (has_error(diagnostics)) fail(std::move(diagnostics));

    Lowering lowering(names);
    ir::Kernel kernel;
    kernel.name = std::move(name);
    for (const DimInfo& dim : collected.dims) {
        kernel.dims.push_back({dim.name, dim.size, lowering.lower(dim.extent), span_of(dim.loc)});
    }
    for (const TensorRef& tensor : collected.arguments) {
        const Span span = author_span(tensor->loc, tensor->home);
        if (tensor->kind == TensorKind::input) {
            kernel.inputs.push_back(
                {tensor->name, tensor->types.front(), names_of(tensor->dims), tensor->frozen, span});
        } else {
            kernel.consts.push_back({tensor->name, tensor->types.front(), names_of(tensor->dims), tensor->data, span});
        }
    }
    for (const TensorRef& tensor : collected.order) {
        kernel.definitions.push_back(lowering.definition(*tensor));
    }
    for (const TensorRef& tensor : collected.outputs) {
        kernel.outputs.push_back(names.tensors.at(tensor.get()));
    }
    for (const auto& [input, output] : collected.updates) {
        kernel.updates.emplace_back(input->name, names.tensors.at(output.get()));
    }
    kernel.estimates = collected.estimates;
    for (const auto& [group, path] : names.groups) {
        kernel.groups.push_back(lower_group(*group, path, names, lowering, kernel));
        diagnostics.insert(diagnostics.end(), group->problems.begin(), group->problems.end());
        if (group->vjp && !kernel.groups.back().vjp) {
            diagnostics.push_back(
                {Severity::error,
                 "L050",
                 kernel.groups.back().span,
                 fmt::format("`{}` has a gradient rule for one result, and {} of its tensors are used outside: {}",
                             group->function, kernel.groups.back().outputs.size(),
                             quoted_list(kernel.groups.back().outputs)),
                 {},
                 "use the result of the function alone"});
        }
        if (!group->macro_file.empty()) {
            const auto [at, fresh] = kernel.macro_files.emplace(group->macro_file, group->macro_text);
            if (!fresh && at->second != group->macro_text) {
                diagnostics.push_back(
                    {Severity::error,
                     "L049",
                     kernel.groups.back().span,
                     fmt::format("two functions carry different macro files called `{}`", group->macro_file),
                     {},
                     "give one of the two another name"});
            }
        }
    }

    check_meeting_names(kernel, diagnostics);
    if (has_error(diagnostics)) fail(std::move(diagnostics));
    for (Diagnostic& diagnostic : ir::validate(kernel)) {
        diagnostics.push_back(std::move(diagnostic));
    }
    if (has_error(diagnostics)) fail(std::move(diagnostics));
    static_cast<void>(infer_sizes(kernel, diagnostics));
    if (has_error(diagnostics)) fail(std::move(diagnostics));
    ir_ = std::make_shared<const ir::Kernel>(std::move(kernel));
}

} // namespace coulter
