// rfactor: one reduction becomes a reduction of partial results.

#include "rewrite_common.hpp"

#include <algorithm>
#include <limits>

namespace coulter::schedule {
namespace {

bool has_data_index(const ir::Node& access) {
    const std::vector<const ir::Node*> nodes = ir::postorder(access.args);
    return std::any_of(nodes.begin(), nodes.end(), [](const ir::Node* node) { return node->kind == ir::Kind::access; });
}

/// The partial results and the reduction that combines them over `kept`.
ir::Kernel split_definition(ir::Kernel kernel, std::size_t at, ir::Definition part, const std::string& kept,
                            const ir::Ref& outer_where) {
    ir::Definition& combined = kernel.definitions[at];
    ir::Reduction outer = *combined.reduction;
    outer.dims = {kept};
    outer.where = outer_where;
    outer.into.clear(); // the parts lie where they were scattered to
    outer.atomic = false;
    const std::string name = part.name;
    const auto components = static_cast<int>(part.types.size());
    kernel.definitions.insert(kernel.definitions.begin() + static_cast<std::ptrdiff_t>(at), std::move(part));
    ir::Definition& stage = kernel.definitions[at + 1];
    stage.reduction = std::move(outer);
    stage.values.clear();
    for (int component = 0; component < components; ++component) {
        stage.values.push_back(detail::read_by_name(kernel, name, component));
    }
    return kernel;
}

/// What of a condition says nothing about the reduced dims of the parts: where it does not hold, a part adds nothing.
/// It bounds the loops of what combines the parts, and the parts that are asked for. Null: nothing.
ir::Ref about_parts(const ir::Kernel& kernel, const ir::Ref& where, const std::vector<std::string>& reduced) {
    if (!where) {
        return nullptr;
    }
    if (where->kind == ir::Kind::binary && where->op == ir::Op::logical_and) {
        const ir::Ref left = about_parts(kernel, where->args[0], reduced);
        const ir::Ref right = about_parts(kernel, where->args[1], reduced);
        return left && right ? ir::binary(ir::Op::logical_and, left, right) : left ? left : right;
    }
    const std::vector<std::string> used = ir::free_dims(kernel, {where});
    const bool is_about_steps = std::any_of(used.begin(), used.end(), [&](const std::string& dim) {
        return std::find(reduced.begin(), reduced.end(), dim) != reduced.end();
    });
    return is_about_steps ? nullptr : where;
}

bool keeps_index(const ir::Reduction& reduction) {
    return reduction.op == ir::ReduceOp::argmin || reduction.op == ir::ReduceOp::argmax;
}

/// What combines the (index, value) of two parts of an argmin or argmax, whatever the order in which they meet: the
/// better value wins, then the smaller index; a NaN wins over everything but a NaN of a smaller index; the index -1
/// stands for a part without elements.
std::vector<ir::Ref> combine_extremes(ir::ReduceOp op, Type type) {
    const auto both = [](const ir::Ref& a, const ir::Ref& b) { return ir::binary(ir::Op::logical_and, a, b); };
    const auto either = [](const ir::Ref& a, const ir::Ref& b) { return ir::binary(ir::Op::logical_or, a, b); };
    const ir::Ref left_index = ir::operand(Type::i32, 0, false);
    const ir::Ref right_index = ir::operand(Type::i32, 0, true);
    const ir::Ref left = ir::operand(type, 1, false);
    const ir::Ref right = ir::operand(type, 1, true);
    ir::Ref wins = ir::binary(op == ir::ReduceOp::argmin ? ir::Op::lt : ir::Op::gt, right, left);
    ir::Ref ties = ir::binary(ir::Op::eq, right, left);
    if (is_float(type)) {
        const ir::Ref left_is_nan = ir::call(ir::Op::is_nan, {left});
        const ir::Ref right_is_nan = ir::call(ir::Op::is_nan, {right});
        wins = either(wins, both(right_is_nan, ir::unary(ir::Op::logical_not, left_is_nan)));
        ties = either(ties, both(right_is_nan, left_is_nan));
    }
    const ir::Ref none = ir::integer_constant(Type::i32, 0);
    const ir::Ref first = both(ties, ir::binary(ir::Op::lt, right_index, left_index));
    const ir::Ref take = both(ir::binary(ir::Op::ge, right_index, none),
                              either(ir::binary(ir::Op::lt, left_index, none), either(wins, first)));
    return {ir::select(take, right_index, left_index), ir::select(take, right, left)};
}

/// Lets `combined`, which reads the parts of an argmin or argmax, compare them. A part knows the index within the dim
/// `reduced`; the index within the whole dim is a function of it.
void combine_indices(const ir::Kernel& kernel, ir::Definition& combined, const std::string& reduced,
                     const ir::Ref& index_of_whole) {
    const ir::ReduceOp op = combined.reduction->op;
    const Type type = combined.types.back();
    const bool lowest = op == ir::ReduceOp::argmin;
    ir::Reduction& reduction = *combined.reduction;
    reduction.op = ir::ReduceOp::custom;
    reduction.combine = combine_extremes(op, type);
    const double infinity = std::numeric_limits<double>::infinity();
    reduction.identity = {ir::integer_constant(Type::i32, -1),
                          is_float(type)
                              ? ir::real_constant(type, lowest ? infinity : -infinity)
                              : ir::integer_constant(type, lowest ? static_cast<std::int64_t>(highest_integer(type))
                                                                  : lowest_integer(type))};
    ir::Ref& index = combined.values[0];
    const ir::Ref whole = detail::substitute_dims(kernel, index_of_whole, {{reduced, ir::cast(Type::index, index)}});
    const ir::Ref none = ir::binary(ir::Op::lt, index, ir::integer_constant(Type::i32, 0));
    index = ir::select(none, index, ir::cast(Type::i32, whole));
}

/// A reduction over `dim` alone: its elements become a stage, and the condition stays with the reduction.
ir::Kernel store_elements(ir::Kernel kernel, std::size_t at, const std::string& dim, const std::string& name) {
    const ir::Definition& stage = kernel.definitions[at];
    const ir::Ref where = stage.reduction->where;
    ir::Definition part = stage;
    part.name = name;
    part.dims.push_back(dim);
    part.reduction.reset();
    part.types.clear();
    for (ir::Ref& value : part.values) {
        part.types.push_back(value->type);
        if (where) {
            // The elements are now computed at every index, so what `where` guarded must be legal everywhere.
            value = detail::clamp_accesses(value, [](const ir::Node& access) { return !access.dims.empty(); });
        }
    }
    return split_definition(std::move(kernel), at, std::move(part), dim, where);
}

} // namespace

ir::Kernel rfactor(const ir::Kernel& kernel, const std::string& stage, const std::string& dim, std::int64_t factor,
                   RfactorPart part, const std::string& name) {
    const std::size_t at = detail::position(kernel, stage);
    const ir::Definition& original = kernel.definitions[at];
    COULTER_INTERNAL_ASSERT(original.reduction.has_value());
    const ir::Reduction& reduction = *original.reduction;
    COULTER_INTERNAL_ASSERT(reduction.into.empty() || part != RfactorPart::whole || reduction.dims.size() > 1);
    COULTER_INTERNAL_ASSERT(std::find(reduction.dims.begin(), reduction.dims.end(), dim) != reduction.dims.end());

    ir::Kernel result = kernel;
    if (part == RfactorPart::whole) {
        if (reduction.dims.size() == 1) {
            return store_elements(std::move(result), at, dim, name);
        }
        ir::Definition inner = original;
        inner.name = name;
        inner.dims.push_back(dim);
        std::erase(inner.reduction->dims, dim);
        const bool scatters = !reduction.into.empty();
        const ir::Ref outer_where = scatters ? nullptr : about_parts(kernel, reduction.where, inner.reduction->dims);
        return split_definition(std::move(result), at, std::move(inner), dim, outer_where);
    }

    detail::pin_inferred_extents(result);
    const detail::SplitDim split = detail::add_split_dim(result, name, dim, factor);
    const std::string& kept = part == RfactorPart::outer ? split.outer : split.inner;
    const std::string& reduced = part == RfactorPart::outer ? split.inner : split.outer;
    ir::Definition inner = original;
    inner.name = name;
    inner.dims.push_back(kept);
    std::replace(inner.reduction->dims.begin(), inner.reduction->dims.end(), dim, reduced);
    for (ir::Ref& value : inner.values) {
        value = detail::substitute_dims(result, value, {{dim, split.index}});
    }
    for (ir::Into& into : inner.reduction->into) {
        into.index = detail::substitute_dims(result, into.index, {{dim, split.index}});
    }
    ir::Ref& where = inner.reduction->where;
    where = detail::substitute_dims(result, where, {{dim, split.index}});
    if (!split.exact) {
        const ir::Ref inside = ir::binary(ir::Op::lt, split.index, ir::extent_node(dim));
        // Both sides of `&&` are evaluated beyond the extent, where the author's condition must not read outside.
        const auto leaves_extent = [&](const ir::Node& access) {
            return detail::uses_dim(access, split.outer) || has_data_index(access);
        };
        where = where ? ir::binary(ir::Op::logical_and, inside, detail::clamp_accesses(where, leaves_extent)) : inside;
    }
    result = split_definition(std::move(result), at, std::move(inner), kept, nullptr);
    if (keeps_index(reduction)) {
        combine_indices(result, result.definitions[at + 1], reduced, split.index);
    }
    return result;
}

} // namespace coulter::schedule
