#include "models/capsule_parents.hpp"

namespace coulter::models {
namespace {

/// All that a gather over the positions of the parents of a child needs.
struct Gather {
    std::vector<Dim> dims;
    Expr value;
    ReduceOption exists;
};

Gather over_positions(const Arg& of_position, const CapsuleLayer& layer) {
    Gather gather{{}, of_position, {}};
    std::vector<AccessArg> bindings;
    std::optional<Expr> exists;
    for (const CapsuleAxis& each : layer.axes) {
        const Dim& child = each.axis.from;
        const Expr tap =
            layer.stride == 1 ? Expr(each.candidate) : child % layer.stride + layer.stride * each.candidate;
        const Expr position = (layer.stride == 1 ? Expr(child) : child / layer.stride) - each.candidate;
        bindings.push_back(each.axis.to(position));
        bindings.push_back(each.axis.tap(tap));
        const Expr here = tap < extent(each.axis.tap) && position >= 0 && position < extent(each.axis.to);
        exists = exists ? *exists && here : here;
        gather.dims.push_back(each.candidate);
    }
    if (exists) {
        gather.value = clamped(of_position(bindings));
        gather.exists = where(*exists);
    }
    return gather;
}

} // namespace

Expr most_parents(const Dim& tap, std::int64_t stride) {
    return (extent(tap) + (stride - 1)) / stride;
}

std::vector<Dim> children(const CapsuleLayer& layer) {
    std::vector<Dim> dims;
    for (const CapsuleAxis& each : layer.axes) {
        dims.push_back(each.axis.tap);
    }
    dims.insert(dims.end(), layer.in.begin(), layer.in.end());
    return dims;
}

Expr at_child(const Arg& of_child, const CapsuleLayer& layer) {
    std::vector<AccessArg> bindings;
    for (const CapsuleAxis& each : layer.axes) {
        const Expr first = layer.stride == 1 ? Expr(each.axis.to) : layer.stride * each.axis.to;
        bindings.push_back(each.axis.from(first + each.axis.tap));
    }
    return of_child(bindings);
}

Expr parent_count(const CapsuleLayer& layer) {
    Expr count = extent(layer.out);
    for (const CapsuleAxis& each : layer.axes) {
        const Dim& child = each.axis.from;
        const Expr first = (child + (layer.stride - extent(each.axis.tap))) / layer.stride;
        const Expr last = child / layer.stride;
        count = count * max(0, min(last, extent(each.axis.to) - 1) - max(first, 0) + 1);
    }
    return count;
}

Tensor sum_over_parents(const Arg& of_parent, const CapsuleLayer& layer) {
    Function f("sum_over_parents", {of_parent});
    if (layer.axes.empty()) {
        return sum({layer.out}, of_parent);
    }
    Tensor types("types");
    types = sum({layer.out}, of_parent);
    const Gather gather = over_positions(types, layer);
    return sum(gather.dims, gather.value, gather.exists);
}

Tensor max_over_parents(const Arg& of_parent, const CapsuleLayer& layer) {
    Function f("max_over_parents", {of_parent});
    if (layer.axes.empty()) {
        return max({layer.out}, of_parent);
    }
    Tensor types("types");
    types = max({layer.out}, of_parent);
    const Gather gather = over_positions(types, layer);
    return max(gather.dims, gather.value, gather.exists);
}

} // namespace coulter::models
