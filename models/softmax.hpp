#pragma once
/// Softmax.

#include <coulter/coulter.h>

namespace coulter::models {

/// `exp(x) / sum over `over` of exp(x)`, shifted by the largest element so that exp does not overflow.
///
/// -inf has probability 0; where all is -inf, or something is +inf or NaN, the result is NaN. \param x an expression
/// of a float type with the dim `over`; its other dims are the rows.
[[nodiscard]] Tensor softmax(const Arg& x, const Dim& over);

/// `x - log(sum over `over` of exp(x))`: the logarithm of softmax, exact also where a probability is below what its
/// type holds. -inf stays -inf; a row as NaN as that of softmax. \param x as above. Source: I. Goodfellow, Y. Bengio,
/// A. Courville, Deep Learning, 2016, section 6.2.2.3.
[[nodiscard]] Tensor log_softmax(const Arg& x, const Dim& over);

/// f32: x[row, col] -> result[row, col], over col.
[[nodiscard]] Kernel softmax();
/// The same for log_softmax.
[[nodiscard]] Kernel log_softmax();

} // namespace coulter::models
