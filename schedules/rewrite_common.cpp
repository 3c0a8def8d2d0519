#include "rewrite_common.hpp"

#include "coulter/sizes.hpp"

#include <algorithm>

namespace coulter::schedule {

std::string display_name(const std::string& dim) {
    const std::size_t colon = dim.rfind(':');
    return colon == std::string::npos ? dim : dim.substr(colon + 1);
}

namespace detail {

SplitDim add_split_dim(ir::Kernel& kernel, const std::string& stage, const std::string& dim, std::int64_t factor) {
    const ir::Dim* found = kernel.find_dim(dim);
    COULTER_INTERNAL_ASSERT(found != nullptr && factor >= 1);
    const ir::Dim whole = *found;

    SplitDim split;
    const std::string stem = stage + ":" + display_name(dim);
    split.outer = stem + ".o";
    split.inner = stem + ".i";
    COULTER_INTERNAL_ASSERT(kernel.find_dim(split.outer) == nullptr && kernel.find_dim(split.inner) == nullptr);
    split.exact = factor == 1 || (whole.size && *whole.size % factor == 0);

    ir::Dim outer{split.outer, std::nullopt, nullptr, whole.span};
    if (whole.size) {
        outer.size = *whole.size / factor + (*whole.size % factor != 0 ? 1 : 0);
    } else {
        outer.extent =
            ir::binary(ir::Op::div, ir::binary(ir::Op::add, ir::extent_node(dim), ir::index_constant(factor - 1)),
                       ir::index_constant(factor));
    }
    kernel.dims.push_back(outer);
    kernel.dims.push_back(ir::Dim{split.inner, factor, nullptr, whole.span});

    split.index =
        ir::binary(ir::Op::add, ir::binary(ir::Op::mul, ir::dim_node(split.outer), ir::index_constant(factor)),
                   ir::dim_node(split.inner));
    return split;
}

ir::Ref read_by_name(const ir::Kernel& kernel, const std::string& tensor, int component) {
    ir::Node node;
    node.kind = ir::Kind::access;
    node.type = kernel.types_of(tensor).at(static_cast<std::size_t>(component));
    node.name = tensor;
    node.component = component;
    return ir::make_node(std::move(node));
}

ir::Ref with_bindings(const ir::Node& access, const std::string& tensor, const std::vector<std::string>& tensor_dims,
                      const std::vector<ir::Ref>& bindings, const ir::Ref& pad) {
    ir::Node node;
    node.kind = ir::Kind::access;
    node.type = access.type;
    node.name = tensor;
    node.component = access.component;
    node.boundary = access.boundary;
    for (std::size_t i = 0; i < tensor_dims.size(); ++i) {
        const bool identity = bindings[i]->kind == ir::Kind::dim && bindings[i]->name == tensor_dims[i];
        if (!identity) {
            node.dims.push_back(tensor_dims[i]);
            node.args.push_back(bindings[i]);
        }
    }
    if (node.boundary == ir::Boundary::padded) {
        node.args.push_back(pad);
    }
    return ir::make_node(std::move(node));
}

ir::Ref substitute_dims(const ir::Kernel& kernel, const ir::Ref& root, const std::map<std::string, ir::Ref>& indices) {
    ir::RewriteMemo memo;
    const auto visit = [&](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
        if (node.kind == ir::Kind::dim) {
            const auto at = indices.find(node.name);
            return at == indices.end() ? nullptr : at->second;
        }
        if (node.kind != ir::Kind::access) {
            return nullptr;
        }
        const std::vector<std::string>& tensor_dims = kernel.dims_of(node.name);
        std::vector<ir::Ref> bindings;
        bool changed = args != node.args;
        for (const std::string& own : tensor_dims) {
            const auto bound = std::find(node.dims.begin(), node.dims.end(), own);
            if (bound != node.dims.end()) {
                bindings.push_back(args[static_cast<std::size_t>(bound - node.dims.begin())]);
                continue;
            }
            const auto at = indices.find(own);
            bindings.push_back(at == indices.end() ? ir::dim_node(own) : at->second);
            changed = changed || at != indices.end();
        }
        if (!changed) {
            return nullptr;
        }
        return with_bindings(node, node.name, tensor_dims, bindings, args.empty() ? nullptr : args.back());
    };
    return ir::rewrite(root, visit, memo);
}

ir::Ref clamp_accesses(const ir::Ref& root, const std::function<bool(const ir::Node&)>& wanted) {
    ir::RewriteMemo memo;
    const auto visit = [&](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
        if (node.kind != ir::Kind::access || node.boundary != ir::Boundary::checked || node.dims.empty() ||
            !wanted(node)) {
            return nullptr;
        }
        ir::Node clamped = node;
        clamped.args = args;
        clamped.boundary = ir::Boundary::clamped;
        return ir::make_node(std::move(clamped));
    };
    return ir::rewrite(root, visit, memo);
}

bool uses_dim(const ir::Node& access, const std::string& dim) {
    const std::vector<const ir::Node*> nodes = ir::postorder(access.args);
    return std::any_of(nodes.begin(), nodes.end(),
                       [&](const ir::Node* node) { return node->kind == ir::Kind::dim && node->name == dim; });
}

void rewrite_definition(ir::Definition& definition,
                        const std::function<ir::Ref(const ir::Node&, const std::vector<ir::Ref>&)>& visit) {
    ir::RewriteMemo memo;
    const auto apply = [&](std::vector<ir::Ref>& expressions) {
        for (ir::Ref& expression : expressions) {
            expression = ir::rewrite(expression, visit, memo);
        }
    };
    // The memo is keyed by node: the old expressions must outlive it.
    const std::vector<ir::Ref> keep_alive = ir::roots(definition);
    apply(definition.values);
    if (definition.reduction) {
        ir::Reduction& reduction = *definition.reduction;
        reduction.where = ir::rewrite(reduction.where, visit, memo);
        for (ir::Into& into : reduction.into) {
            into.index = ir::rewrite(into.index, visit, memo);
        }
        apply(reduction.identity);
        apply(reduction.combine);
    }
    if (definition.scan) {
        apply(definition.scan->identity);
        apply(definition.scan->combine);
    }
}

void pin_inferred_extents(ir::Kernel& kernel) {
    std::vector<Diagnostic> diagnostics;
    const Sizes sizes = infer_sizes(kernel, diagnostics);
    for (ir::Dim& dim : kernel.dims) {
        const auto rule = sizes.rules.find(dim.name);
        if (rule != sizes.rules.end() && rule->second.source == ExtentSource::inferred && rule->second.value) {
            dim.extent = rule->second.value;
        }
    }
}

std::size_t position(const ir::Kernel& kernel, const std::string& definition) {
    const auto at = std::find_if(kernel.definitions.begin(), kernel.definitions.end(),
                                 [&](const ir::Definition& d) { return d.name == definition; });
    COULTER_INTERNAL_ASSERT(at != kernel.definitions.end());
    return static_cast<std::size_t>(at - kernel.definitions.begin());
}

} // namespace detail
} // namespace coulter::schedule
