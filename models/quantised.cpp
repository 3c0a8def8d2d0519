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

QuantisedAffine quantise_affine(const Arg& x, const Dim& over) {
    Function f("quantise_affine", {x});
    require_dim(f, x, "the tensor", over);
    Tensor lowest("lowest"), highest("highest"), scale("scale"), inverse("inverse"), zero("zero"), q("q");
    lowest = min({over}, x);
    highest = max({over}, x);
    const Expr range = max(highest, 0) - min(lowest, 0);
    scale = range / 255;
    inverse = select(range == 0, cast(x.type().value_or(f32), 0.0), 255 / range);
    zero = u8(clamp(round(-min(lowest, 0) * inverse), 0, 255));
    q = u8(clamp(round(x * inverse) + cast(x.type().value_or(f32), zero), 0, 255));
    return {q, scale, zero};
}

Tensor dequantise(const Arg& q, const Arg& scale, const Arg& zero) {
    Function f("dequantise", {q, scale, zero});
    return scale * cast(scale.type().value_or(f32), i32(q) - i32(zero));
}

Tensor affine_int8_matmul(const Arg& x, const Arg& x_scale, const Arg& x_zero, const Arg& weight, const Arg& scale,
                          const Dim& k) {
    Function f("affine_int8_matmul", {x, x_scale, x_zero, weight, scale});
    require_dim(f, x, "the rows", k);
    require_dim(f, weight, "the weight", k);
    f.require(x.type().value_or(u8) == Type::u8 && weight.type().value_or(i8) == Type::i8,
              "rows are u8, and the weight is i8");
    Tensor dot("dot"), total("sum");
    dot = sum({k}, i32(x) * i32(weight));
    total = sum({k}, i32(weight));
    return x_scale * scale * cast(scale.type().value_or(f32), dot - i32(x_zero) * total);
}

Expr group_count(const Dim& k, std::int64_t size) {
    return (extent(k) + (size - 1)) / size;
}

Quantised quantise_i8_groups(const Arg& x, const Dim& k, const Groups& groups) {
    Function f("quantise_i8_groups", {x});
    require_at_least(f, groups.size, 1, "the size of a group");
    require_dim(f, x, "the tensor", k);
    Tensor largest("max"), scale("scale"), inverse("inverse"), q("q");
    largest = max({groups.within}, abs(padded(x, 0)(k(groups.size * groups.group + groups.within))));
    scale = largest / 127;
    inverse = select(largest == 0, cast(x.type().value_or(f32), 0.0), 127 / largest);
    q = i8(clamp(round(x * inverse(groups.group(k / groups.size))), -127, 127));
    return {q, scale};
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

Expr pack_i4(const Expr& low, const Expr& high) {
    return u8(low + 8) | (u8(high + 8) << 4);
}

Halves unpack_i4(const Expr& packed) {
    return {i8(packed & 15) - 8, i8(packed >> 4) - 8};
}

namespace {

void require_blocks(const Function& f, const Blocks& blocks) {
    require_at_least(f, blocks.size, 2, "the size of a block");
    f.require(blocks.size % 2 == 0, "the size of a block is even, as two elements share a byte");
}

void require_weight(const Function& f, const PackedWeight& weight, const Blocks& blocks) {
    require_blocks(f, blocks);
    require_dim(f, weight.q, "the weight", blocks.group);
    require_dim(f, weight.q, "the weight", blocks.byte);
    require_dim(f, weight.scale, "the scale", blocks.group);
    f.require(weight.q.type().value_or(u8) == Type::u8, "the weight is u8, two elements in a byte");
}

/// The products of a byte's two elements.
Expr byte_products(const Arg& x, const PackedWeight& weight, const Dim& k, const Blocks& blocks, Type type) {
    const Expr at = blocks.size * blocks.group + blocks.byte;
    const Halves w = unpack_i4(weight.q);
    return cast(type, x(k(at))) * cast(type, w.low) + cast(type, x(k(at + blocks.size / 2))) * cast(type, w.high);
}

} // namespace

QuantisedBlocks quantise_i4(const Arg& x, const Dim& k, const Blocks& blocks) {
    Function f("quantise_i4", {x});
    require_blocks(f, blocks);
    require_dim(f, x, "the tensor", k);
    const Expr at = blocks.size * blocks.group + blocks.byte;
    const Expr low = padded(x, 0)(k(at));
    const Expr high = padded(x, 0)(k(at + blocks.size / 2));
    Tensor largest("max"), scale("scale"), inverse("inverse"), q("q");
    largest = max({blocks.byte}, max(abs(low), abs(high)));
    scale = largest / 7;
    inverse = select(largest == 0, cast(x.type().value_or(f32), 0.0), 7 / largest);
    const auto whole = [&](const Expr& value) { return i8(clamp(round(value * inverse), -7, 7)); };
    q = pack_i4(whole(low), whole(high));
    return {q, scale};
}

Tensor dequantise_i4(const PackedWeight& weight, const Dim& k, const Blocks& blocks) {
    Function f("dequantise_i4", {weight.q, weight.scale});
    require_weight(f, weight, blocks);
    const Expr block = k / blocks.size;
    const Expr within = k % blocks.size;
    const Halves halves = unpack_i4(weight.q(blocks.group(block), blocks.byte(within % (blocks.size / 2))));
    return weight.scale(blocks.group(block)) *
           cast(weight.scale.type().value_or(f32), select(within < blocks.size / 2, halves.low, halves.high));
}

Tensor int4_matmul(const Arg& x, const PackedWeight& weight, const Dim& k, const Blocks& blocks) {
    Function f("int4_matmul", {x, weight.q, weight.scale});
    require_weight(f, weight, blocks);
    require_dim(f, x, "the rows", k);
    Tensor dot("dot");
    dot = sum({blocks.byte}, byte_products(x, weight, k, blocks, x.type().value_or(f32)));
    return sum({blocks.group}, dot * weight.scale);
}

Tensor int4_int8_matmul(const Arg& x, const Arg& x_scale, const PackedWeight& weight, const Dim& k,
                        const Blocks& blocks) {
    Function f("int4_int8_matmul", {x, x_scale, weight.q, weight.scale});
    require_weight(f, weight, blocks);
    require_dim(f, x, "the rows", k);
    f.require(x.type().value_or(i8) == Type::i8, "rows are i8");
    Tensor dot("dot");
    dot = sum({blocks.byte}, byte_products(x, weight, k, blocks, i32));
    return sum({blocks.group}, cast(weight.scale.type().value_or(f32), dot) * weight.scale) * x_scale;
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

Kernel quantise_i8_groups(const Params& params) {
    const std::int64_t size = params.integer("group", 32);
    Dim row("row"), k("k");
    const Groups groups{size, Dim("group", group_count(k, size)), Dim("within", size)};
    Input x("x", f32, {row, k});
    const Quantised quantised = quantise_i8_groups(x, k, groups);
    Tensor q("q"), scale("scale");
    q(row, k) = quantised.q;
    scale(row, groups.group) = quantised.scale;
    return Kernel("quantise_i8_groups", {q, scale}, estimates({{row, 256}, {k, 4096}}));
}

Kernel quantise_affine() {
    Dim row("row"), k("k");
    Input x("x", f32, {row, k});
    const QuantisedAffine quantised = quantise_affine(x, k);
    Tensor q("q"), scale("scale"), zero("zero"), back("back");
    q(row, k) = quantised.q;
    scale(row) = quantised.scale;
    zero(row) = quantised.zero;
    back(row, k) = dequantise(q, scale, zero);
    return Kernel("quantise_affine", {q, scale, zero, back}, estimates({{row, 256}, {k, 4096}}));
}

Kernel affine_int8_matmul() {
    Dim row("row"), col("col"), k("k");
    Input x("x", u8, {row, k}), x_scale("x_scale", f32, {row}), x_zero("x_zero", u8, {row}),
        weight("weight", i8, {col, k}), scale("scale", f32, {col});
    weight.frozen();
    Tensor result("result");
    result(row, col) = affine_int8_matmul(x, x_scale, x_zero, weight, scale, k);
    return Kernel("affine_int8_matmul", {result}, estimates({{row, 256}, {col, 1024}, {k, 1024}}));
}

namespace {

/// The blocks of a weight that is there already.
Blocks given_blocks(const Params& params) {
    const std::int64_t size = params.integer("block", 32);
    return {size, Dim("group"), Dim("byte", size / 2)};
}

} // namespace

Kernel quantise_i4(const Params& params) {
    const std::int64_t size = params.integer("block", 32);
    Dim col("col"), k("k");
    const Blocks blocks{size, Dim("group", group_count(k, size)), Dim("byte", size / 2)};
    Input x("x", f32, {col, k});
    const QuantisedBlocks quantised = quantise_i4(x, k, blocks);
    Tensor q("q"), scale("scale");
    q(col, blocks.group, blocks.byte) = quantised.q;
    scale(col, blocks.group) = quantised.scale;
    return Kernel("quantise_i4", {q, scale}, estimates({{col, 4096}, {k, 4096}}));
}

Kernel dequantise_i4(const Params& params) {
    const Blocks blocks = given_blocks(params);
    Dim col("col"), k("k", blocks.size * extent(blocks.group));
    Input q("q", u8, {col, blocks.group, blocks.byte}), scale("scale", f32, {col, blocks.group});
    Tensor result("result");
    result(col, k) = dequantise_i4({q, scale}, k, blocks);
    return Kernel("dequantise_i4", {result}, estimates({{col, 4096}, {blocks.group, 4096 / blocks.size}}));
}

Kernel int4_matmul(const Params& params) {
    const Blocks blocks = given_blocks(params);
    Dim row("row"), col("col"), k("k");
    Input x("x", f32, {row, k}), weight("weight", u8, {col, blocks.group, blocks.byte}),
        scale("scale", f32, {col, blocks.group});
    weight.frozen();
    scale.frozen();
    Tensor result("result");
    result(row, col) = int4_matmul(x, {weight, scale}, k, blocks);
    return Kernel("int4_matmul", {result},
                  estimates({{row, 1}, {col, 4096}, {k, 4096}, {blocks.group, 4096 / blocks.size}}));
}

Kernel int4_int8_matmul(const Params& params) {
    const Blocks blocks = given_blocks(params);
    Dim row("row"), col("col"), k("k");
    Input x("x", i8, {row, k}), x_scale("x_scale", f32, {row}), weight("weight", u8, {col, blocks.group, blocks.byte}),
        scale("scale", f32, {col, blocks.group});
    weight.frozen();
    scale.frozen();
    Tensor result("result");
    result(row, col) = int4_int8_matmul(x, x_scale, {weight, scale}, k, blocks);
    return Kernel("int4_int8_matmul", {result},
                  estimates({{row, 1}, {col, 4096}, {k, 4096}, {blocks.group, 4096 / blocks.size}}));
}

} // namespace coulter::models
