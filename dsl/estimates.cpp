#include "coulter/estimates.hpp"

#include <algorithm>
#include <limits>

namespace coulter {
namespace {

using Extents = std::map<std::string, std::int64_t>;

/// Saturates: an estimate beyond 2^63 is an estimate still.
std::int64_t times(std::int64_t a, std::int64_t b) {
    std::int64_t product = 0;
    return __builtin_mul_overflow(a, b, &product) ? std::numeric_limits<std::int64_t>::max() : product;
}

std::int64_t points(const std::vector<std::string>& dims, const Extents& extents) {
    std::int64_t count = 1;
    for (const std::string& dim : dims) {
        const auto at = extents.find(dim);
        COULTER_INTERNAL_ASSERT(at != extents.end());
        if (at->second <= 0) {
            return 0;
        }
    }
    for (const std::string& dim : dims) {
        count = times(count, extents.at(dim));
    }
    return count;
}

/// Arithmetic on values counts; comparisons, logic, bits, selects, casts and index arithmetic do not.
double operations(const ir::Node& node) {
    const bool on_values = is_float(node.type) || is_integer(node.type);
    if (!on_values) {
        return 0;
    }
    switch (node.kind) {
    case ir::Kind::unary: return node.op == ir::Op::neg ? 1 : 0;
    case ir::Kind::binary: return node.op >= ir::Op::add && node.op <= ir::Op::max ? 1 : 0;
    case ir::Kind::call: return node.op == ir::Op::fma ? 2 : 1;
    default: return 0;
    }
}

double operations(const std::vector<ir::Ref>& roots) {
    double count = 0;
    for (const ir::Node* node : ir::postorder(roots)) {
        count += operations(*node);
    }
    return count;
}

/// Of folding one element into the result. argmin, argmax, any and all compare.
double fold_operations(const ir::Definition& definition) {
    if (definition.scan) {
        return operations(definition.scan->combine);
    }
    if (!definition.reduction) {
        return 0;
    }
    switch (definition.reduction->op) {
    case ir::ReduceOp::sum:
    case ir::ReduceOp::product:
    case ir::ReduceOp::min:
    case ir::ReduceOp::max: return static_cast<double>(definition.types.size());
    case ir::ReduceOp::custom: return operations(definition.reduction->combine);
    case ir::ReduceOp::argmin:
    case ir::ReduceOp::argmax:
    case ir::ReduceOp::any:
    case ir::ReduceOp::all: break;
    }
    return 0;
}

/// Loop dims without the dims that a scatter binds.
std::vector<std::string> loops(const ir::Definition& definition) {
    std::vector<std::string> dims = definition.dims;
    if (definition.reduction) {
        for (const ir::Into& into : definition.reduction->into) {
            std::erase(dims, into.dim);
        }
        dims.insert(dims.end(), definition.reduction->dims.begin(), definition.reduction->dims.end());
    } else if (definition.scan) {
        for (const std::string& dim : definition.scan->dims()) {
            if (std::find(dims.begin(), dims.end(), dim) == dims.end()) {
                dims.push_back(dim);
            }
        }
    }
    return dims;
}

double flops(const ir::Definition& definition, const Extents& extents) {
    std::vector<ir::Ref> roots = definition.values;
    if (definition.reduction) {
        if (definition.reduction->where) {
            roots.push_back(definition.reduction->where);
        }
        for (const ir::Into& into : definition.reduction->into) {
            roots.push_back(into.index);
        }
    }
    const double each = operations(roots) + fold_operations(definition);
    return each * static_cast<double>(points(loops(definition), extents));
}

TensorEstimate tensor(const std::string& name, const std::vector<std::string>& dims, const std::vector<Type>& types,
                      const Extents& extents) {
    TensorEstimate estimate{name, points(dims, extents), 0, 0};
    std::int64_t each = 0;
    for (const Type type : types) {
        each += bytes(type);
    }
    estimate.bytes = times(estimate.elements, each);
    return estimate;
}

} // namespace

KernelEstimate estimate(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents) {
    KernelEstimate all;
    const auto argument = [&](const TensorEstimate& estimate) {
        if (__builtin_add_overflow(all.argument_bytes, estimate.bytes, &all.argument_bytes)) {
            all.argument_bytes = std::numeric_limits<std::int64_t>::max();
        }
    };
    for (const ir::Input& input : kernel.inputs) {
        all.tensors.push_back(tensor(input.name, input.dims, {input.type}, extents));
        argument(all.tensors.back());
    }
    for (const ir::Const& constant : kernel.consts) {
        all.tensors.push_back(tensor(constant.name, constant.dims, {constant.type}, extents));
    }
    for (const ir::Definition& definition : kernel.definitions) {
        TensorEstimate estimate = tensor(definition.name, definition.dims, definition.types, extents);
        estimate.flops = flops(definition, extents);
        all.flops += estimate.flops;
        if (kernel.is_output(definition.name)) {
            argument(estimate);
        }
        all.tensors.push_back(std::move(estimate));
    }
    return all;
}

} // namespace coulter
