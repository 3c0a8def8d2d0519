#pragma once
/// Quantisation to 8 and 4 bits, and products of quantised matrices.
///
/// Source of all 8-bit forms: B. Jacob et al., Quantization and Training of Neural Networks for Efficient
/// Integer-Arithmetic-Only Inference, 2018, section 2, https://arxiv.org/abs/1712.05877; of scales per block of 4-bit
/// weights: T. Dettmers and L. Zettlemoyer, The case for 4-bit precision, 2023, section 2,
/// https://arxiv.org/abs/2212.09720.

#include <coulter/coulter.h>

namespace coulter::models {

/// Integers of 8 bits that stand for `scale * q`.
struct Quantised {
    Tensor q;     ///< i8, in -127 .. 127
    Tensor scale; ///< over the dims of x but `over`
};

/// The largest magnitude over `over` becomes 127: `scale = max |x| / 127`, `q = x / scale` rounded half to even; 0
/// where all is 0, and for NaN. \param x an expression of a float type.
[[nodiscard]] Quantised quantise_i8(const Arg& x, const Dim& over);

/// Integers of 8 bits that stand for `scale * (q - zero)`, where the range of values is not symmetric.
struct QuantisedAffine {
    Tensor q;     ///< u8
    Tensor scale; ///< over the dims of x but `over`
    Tensor zero;  ///< u8, likewise: what stands for 0
};

/// The range of values over `over`, widened to hold 0, becomes 0 .. 255: `scale = (highest - lowest) / 255`,
/// `zero = -lowest / scale`, `q = x / scale + zero`, each rounded half to even; zero and q are 0 where all is 0, and
/// for NaN. \param x an expression of a float type.
[[nodiscard]] QuantisedAffine quantise_affine(const Arg& x, const Dim& over);
/// `scale * (q - zero)`, of the scale's type. \param q and \param zero of 8-bit types.
[[nodiscard]] Tensor dequantise(const Arg& q, const Arg& scale, const Arg& zero);

/// The product of rows that are quantised by quantise_affine and columns that are by quantise_i8, summed in i32:
///
///     result = x_scale * scale * (sum over k of x * weight - x_zero * sum over k of weight)
///
/// exact but for the two products of scales, for k of up to 65,000. The factors of the sum are u8 and i8, of which
/// processors add four products at once. \param x u8, and \param weight i8, tensors with `k`.
[[nodiscard]] Tensor affine_int8_matmul(const Arg& x, const Arg& x_scale, const Arg& x_zero, const Arg& weight,
                                        const Arg& scale, const Dim& k);

/// Where a sum is cut into groups of `size`, of which the last may be shorter.
struct Groups {
    std::int64_t size;
    Dim group;  ///< `Dim("group", group_count(k, size))`
    Dim within; ///< `Dim("within", size)`
};
[[nodiscard]] Expr group_count(const Dim& k, std::int64_t size);

/// quantise_i8 of each group along k. \param x an expression of a float type with `k`. q is over the dims of x, scale
/// has `groups.group` in place of `k`.
[[nodiscard]] Quantised quantise_i8_groups(const Arg& x, const Dim& k, const Groups& groups);

/// Weights that stand for `scale * (q - zero)`, with a scale and a zero point per group.
struct GroupedWeight {
    Arg q;     ///< i8, a tensor with `k`
    Arg scale; ///< with `group`
    Arg zero;  ///< i8, with `group`
};

/// The product of quantised rows and weights that are quantised in groups along k, summed in i32 within a group:
///
///     result = x.scale * sum over groups of scale * (sum within of x * q - zero * sum within of x)
///
/// exact but for the f32 sum over groups, for groups of up to 65,000. Any size of group will do, and any k from one
/// whole group on (fewer are an error of the call). \param x i8, a tensor with `k`; \param x_scale without it.
[[nodiscard]] Tensor grouped_int8_matmul(const Arg& x, const Arg& x_scale, const GroupedWeight& weight, const Dim& k,
                                         const Groups& groups);

/// Blocks of `size` elements, an even number, two of which share a byte.
struct Blocks {
    std::int64_t size;
    Dim group; ///< a block: `Dim("group", group_count(k, size))`, or the extent of the weight's own
    Dim byte;  ///< `Dim("byte", size / 2)`
};

/// Integers of 4 bits that stand for `scale * q`. Byte b of a block holds element b in its low four bits and element
/// b + size / 2 in the high ones, each as q + 8: halves of a block are contiguous, so that vectors need no shuffle.
struct PackedWeight {
    Arg q;     ///< u8, with `group` and `byte`
    Arg scale; ///< with `group`
};
struct QuantisedBlocks {
    Tensor q;
    Tensor scale;
};

/// A byte of two integers in -8 .. 7. \param low and \param high i8.
[[nodiscard]] Expr pack_i4(const Expr& low, const Expr& high);
/// Of such a byte: i8, in -8 .. 7.
struct Halves {
    Expr low;
    Expr high;
};
[[nodiscard]] Halves unpack_i4(const Expr& packed);

/// The largest magnitude of each block along k becomes 7: `scale = max |x| / 7`, `q = x / scale` rounded half to even;
/// 0 where all is 0, and for NaN. A last block that k does not fill ends with zeros. \param x an expression of a float
/// type with `k`.
[[nodiscard]] QuantisedBlocks quantise_i4(const Arg& x, const Dim& k, const Blocks& blocks);
/// `scale * q` over the dims of the weight, with `k` for its blocks. \param k has an extent, such as
/// `Dim("k", blocks.size * extent(blocks.group))`.
[[nodiscard]] Tensor dequantise_i4(const PackedWeight& weight, const Dim& k, const Blocks& blocks);
/// `sum over groups of scale * (sum within of x * q)`, in the type of x.
/// \param x of a float type, with `k` of as many elements as the blocks have (fewer are an error of the call).
[[nodiscard]] Tensor int4_matmul(const Arg& x, const PackedWeight& weight, const Dim& k, const Blocks& blocks);
/// The same of quantised rows, summed in i32 within a block, and times x_scale: exact but for the sum over groups.
/// \param x i8, a tensor with `k`; \param x_scale without it.
[[nodiscard]] Tensor int4_int8_matmul(const Arg& x, const Arg& x_scale, const PackedWeight& weight, const Dim& k,
                                      const Blocks& blocks);

/// x[row, k] i8, x_scale[row] f32, weight[col, k] i8 (frozen), scale[col, group] f32, zero[col, group] i8 ->
/// result[row, col] f32; -p group=33.
[[nodiscard]] Kernel grouped_int8_matmul(const Params& params);
/// x[row, k] f32 -> q[row, k] i8, scale[row] f32.
[[nodiscard]] Kernel quantise_i8();
/// x[row, k] f32 -> q[row, k] i8, scale[row, group] f32; -p group=32.
[[nodiscard]] Kernel quantise_i8_groups(const Params& params);
/// x[row, k] f32 -> q[row, k] u8, scale[row] f32, zero[row] u8, and what they stand for, back[row, k] f32.
[[nodiscard]] Kernel quantise_affine();
/// x[row, k] u8, x_scale[row] f32, x_zero[row] u8, weight[col, k] i8 (frozen), scale[col] f32 -> result[row, col] f32.
[[nodiscard]] Kernel affine_int8_matmul();
/// x[col, k] f32 -> q[col, group, byte] u8, scale[col, group] f32; -p block=32.
[[nodiscard]] Kernel quantise_i4(const Params& params);
/// q[col, group, byte] u8, scale[col, group] f32 -> result[col, k] f32, of whole blocks; -p block=32.
[[nodiscard]] Kernel dequantise_i4(const Params& params);
/// x[row, k] f32, weight[col, group, byte] u8 and scale[col, group] f32 (frozen) -> result[row, col] f32; -p block=32.
[[nodiscard]] Kernel int4_matmul(const Params& params);
/// The same with x[row, k] i8, x_scale[row] f32.
[[nodiscard]] Kernel int4_int8_matmul(const Params& params);

} // namespace coulter::models
