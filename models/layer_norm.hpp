#pragma once
/// Layer normalisation.

#include <coulter/coulter.h>

namespace coulter::models {

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, with mean and population variance over the dim `over`.
///
/// The variance is that of `x - mean`, in a second pass: in one pass a mean that is large beside the deviation loses
/// all digits. \param x a float expression with `over`, its other dims are the rows; \param gamma, beta of the same
/// type, with `over`. Source: J. Ba, J. Kiros, G. Hinton, Layer Normalization, 2016, https://arxiv.org/abs/1607.06450.
[[nodiscard]] Tensor layer_norm(const Arg& x, const Arg& gamma, const Arg& beta, const Dim& over,
                                double epsilon = 1e-5);

/// f32: x[row, col], gamma[col], beta[col] -> result[row, col], over col, epsilon 1e-5.
[[nodiscard]] Kernel layer_norm();

} // namespace coulter::models
