#pragma once
/// Products of quantised matrices.
///
/// Source of all: B. Jacob et al., Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
/// Inference, 2018, section 2, https://arxiv.org/abs/1712.05877.

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

/// Where a sum is cut into groups of `size`, of which the last may be shorter.
struct Groups {
    std::int64_t size;
    Dim group;  ///< `Dim("group", group_count(k, size))`
    Dim within; ///< `Dim("within", size)`
};
[[nodiscard]] Expr group_count(const Dim& k, std::int64_t size);

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

/// x[row, k] i8, x_scale[row] f32, weight[col, k] i8 (frozen), scale[col, group] f32, zero[col, group] i8 ->
/// result[row, col] f32; -p group=33.
[[nodiscard]] Kernel grouped_int8_matmul(const Params& params);
/// x[row, k] f32 -> q[row, k] i8, scale[row] f32.
[[nodiscard]] Kernel quantise_i8();

} // namespace coulter::models
