// chunk: a scan becomes scans of chunks, a scan of the chunks' ends, and a map that puts the two together.

#include "rewrite_common.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

/// `combine` of two states that are expressions.
std::vector<ir::Ref> combined(const ir::Scan& scan, const std::vector<ir::Ref>& left,
                              const std::vector<ir::Ref>& right) {
    ir::RewriteMemo memo;
    const auto visit = [&](const ir::Node& node, const std::vector<ir::Ref>&) -> ir::Ref {
        if (node.kind != ir::Kind::operand) {
            return nullptr;
        }
        return (node.right ? right : left)[static_cast<std::size_t>(node.component)];
    };
    std::vector<ir::Ref> states;
    for (const ir::Ref& each : scan.combine) {
        states.push_back(ir::rewrite(each, visit, memo));
    }
    return states;
}

/// All components of `tensor`, at these indices of its dims and by name along the others.
std::vector<ir::Ref> read_at(const ir::Kernel& kernel, const std::string& tensor,
                             const std::map<std::string, ir::Ref>& indices) {
    std::vector<ir::Ref> values;
    for (std::size_t i = 0; i < kernel.types_of(tensor).size(); ++i) {
        values.push_back(
            detail::substitute_dims(kernel, detail::read_by_name(kernel, tensor, static_cast<int>(i)), indices));
    }
    return values;
}

/// The value of each point of a chunk; where no point of the whole is left, what changes no state.
std::vector<ir::Ref> chunk_values(const ir::Kernel& kernel, const ir::Definition& scan, const detail::SplitDim& split) {
    const std::string& dim = scan.scan->dim;
    const ir::Ref inside = ir::binary(ir::Op::lt, split.index, ir::extent_node(dim));
    std::vector<ir::Ref> values;
    for (std::size_t i = 0; i < scan.values.size(); ++i) {
        ir::Ref value = detail::substitute_dims(kernel, scan.values[i], {{dim, split.index}});
        if (!split.exact) {
            value = detail::clamp_accesses(
                value, [&](const ir::Node& access) { return detail::uses_dim(access, split.outer); });
        }
        values.push_back(split.exact ? value : ir::select(inside, value, scan.scan->identity[i]));
    }
    return values;
}

} // namespace

ir::Kernel chunk(const ir::Kernel& kernel, const std::string& stage, std::int64_t factor, const std::string& name) {
    const std::size_t at = detail::position(kernel, stage);
    COULTER_INTERNAL_ASSERT(kernel.definitions[at].scan && kernel.definitions[at].scan->associative);
    const std::string carry_name = name + carry_suffix;
    ir::Kernel result = kernel;
    detail::pin_inferred_extents(result);
    const ir::Definition original = result.definitions[at];
    const ir::Scan& scan = *original.scan;
    const detail::SplitDim split = detail::add_split_dim(result, name, scan.dim, factor);

    ir::Definition part = original;
    part.name = name;
    const auto along = std::find(part.dims.begin(), part.dims.end(), scan.dim);
    part.dims.insert(part.dims.erase(along), {split.outer, split.inner});
    part.values = chunk_values(result, original, split);
    part.scan->dim = split.inner;
    part.scan->exclusive = false;
    result.definitions.insert(result.definitions.begin() + static_cast<std::ptrdiff_t>(at), part);

    // What a chunk starts from: all that the chunks before it end with.
    ir::Definition carry = original;
    carry.name = carry_name;
    std::replace(carry.dims.begin(), carry.dims.end(), scan.dim, split.outer);
    carry.values = read_at(result, name, {{split.inner, ir::index_constant(scan.reversed ? 0 : factor - 1)}});
    carry.scan->dim = split.outer;
    carry.scan->exclusive = true;
    result.definitions.insert(result.definitions.begin() + static_cast<std::ptrdiff_t>(at) + 1, carry);

    ir::Definition& whole = result.definitions[at + 2];
    const ir::Ref size = ir::index_constant(factor);
    const ir::Ref outer = ir::binary(ir::Op::div, ir::dim_node(scan.dim), size);
    const ir::Ref inner = ir::binary(ir::Op::mod, ir::dim_node(scan.dim), size);
    const std::vector<ir::Ref> start = read_at(result, carry_name, {{split.outer, outer}});
    const ir::Ref end = ir::index_constant(scan.reversed ? factor - 1 : 0); // where a chunk begins
    ir::Ref place = inner;
    if (scan.exclusive) {
        place = scan.reversed ? ir::binary(ir::Op::min, ir::binary(ir::Op::add, inner, ir::index_constant(1)), end)
                              : ir::binary(ir::Op::max, ir::binary(ir::Op::sub, inner, ir::index_constant(1)), end);
    }
    whole.scan.reset();
    whole.values = combined(scan, start, read_at(result, name, {{split.outer, outer}, {split.inner, place}}));
    for (std::size_t i = 0; scan.exclusive && i < whole.values.size(); ++i) {
        whole.values[i] = ir::select(ir::binary(ir::Op::eq, inner, end), start[i], whole.values[i]);
    }
    return result;
}

} // namespace coulter::schedule
