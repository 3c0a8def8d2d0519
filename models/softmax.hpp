#pragma once
/// Softmax.

#include <coulter/coulter.h>

namespace coulter::models {

/// `exp(x) / sum over `over` of exp(x)`, shifted by the largest element so that exp does not overflow.
///
/// -inf has probability 0; where all is -inf, or something is +inf or NaN, the result is NaN. \param x an expression
/// of a float type with the dim `over`; its other dims are the rows.
[[nodiscard]] Tensor softmax(const Arg& x, const Dim& over);

/// f32: x[row, col] -> result[row, col], over col.
[[nodiscard]] Kernel softmax();

} // namespace coulter::models
