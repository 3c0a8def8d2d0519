#include "models/quantised.hpp"

#include "models/arguments.hpp"

namespace coulter::models {

Quantised quantise_i8(const Arg& x, const Dim& over) {
    Function f("quantise_i8", {x});
    require_dim(f, x, "the tensor", over);
    const Type type = x.type().value_or(f32);
    Tensor largest("max"), scale("scale"), inverse("inverse"), q("q");
    largest = max({over}, abs(x));
    scale = largest / 127;
    inverse = select(largest == 0, cast(type, 0.0), 127 / largest);
    q = i8(clamp(round(x * inverse), -127, 127));
    return {q, scale};
}

Expr group_count(const Dim& k, std::int64_t size) {
    return (extent(k) + (size - 1)) / size;
}

Tensor grouped_int8_matmul(const Arg& x, const Arg& x_scale, const GroupedWeight& weight, const Dim& k,
                           const Groups& groups) {
    Function f("grouped_int8_matmul", {x, x_scale, weight.q, weight.scale, weight.zero});
    require_at_least(f, groups.size, 1, "the size of a group");
    require_dim(f, x, "the rows", k);
    require_dim(f, weight.q, "the weight", k);
    require_dim(f, weight.scale, "the scale", groups.group);
    require_dim(f, weight.zero, "the zero point", groups.group);
    for (const Arg* each : {&x, &weight.q, &weight.zero}) {
        const std::optional<Type> type = each->type();
        f.require(!type || *type == Type::i8, "rows, weight and zero point are i8");
    }
    const Type type = weight.scale.type().value_or(f32);
    // The last group is read from the last `size` elements, without those of the group before: elements that lie side
    // by side need no clamp of their own.
    const Expr first = groups.size * groups.group;
    const Expr at = min(first, extent(k) - groups.size) + groups.within;
    const ReduceOption own = where(at >= first);
    const Expr row = i32(x(k(at)));
    Tensor dot("dot"), total("sum");
    dot = sum({groups.within}, row * i32(weight.q(k(at))), own);
    total = sum({groups.within}, row, own);
    const Expr exact = cast(type, dot - i32(weight.zero) * total);
    return sum({groups.group}, exact * weight.scale) * x_scale;
}

Kernel grouped_int8_matmul(const Params& params) {
    const std::int64_t size = params.integer("group", 33);
    Dim row("row"), col("col"), k("k");
    const Groups groups{size, Dim("group", group_count(k, size)), Dim("within", size)};
    Input x("x", i8, {row, k}), x_scale("x_scale", f32, {row}), weight("weight", i8, {col, k}),
        scale("scale", f32, {col, groups.group}), zero("zero", i8, {col, groups.group});
    weight.frozen();
    scale.frozen();
    zero.frozen();
    Tensor result("result");
    result(row, col) = grouped_int8_matmul(x, x_scale, {weight, scale, zero}, k, groups);
    return Kernel("grouped_int8_matmul", {result}, estimates({{row, 1}, {col, 4096}, {k, 4096}}));
}

Kernel quantise_i8() {
    Dim row("row"), k("k");
    Input x("x", f32, {row, k});
    const Quantised quantised = quantise_i8(x, k);
    Tensor q("q"), scale("scale");
    q(row, k) = quantised.q;
    scale(row) = quantised.scale;
    return Kernel("quantise_i8", {q, scale}, estimates({{row, 256}, {k, 4096}}));
}

} // namespace coulter::models
