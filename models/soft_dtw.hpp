#pragma once
/// How well two sequences fit that run at different speeds.

#include <coulter/coulter.h>

namespace coulter::models {

/// The soft minimum over all alignments of two sequences of what their pairs cost together:
///
///     R(i, j) = cost(i, j) + softmin(R(i-1, j-1), R(i-1, j), R(i, j-1)),    R(-1, -1) = 0, elsewhere outside infinity
///     softmin(a, b, c) = -gamma * log(exp(-a / gamma) + exp(-b / gamma) + exp(-c / gamma))
///     result = R(last i, last j)
///
/// The exponents are taken relative to the smallest of the three, so that none overflows. Pairs that must not meet cost
/// infinity. The result is infinity where no alignment is left, and where a sequence is empty.
///
/// \param cost an expression of a float type with the dims `first` and `second`; others tell alignments apart;
/// \param gamma above 0; towards 0 the result becomes that of dynamic time warping. Source: M. Cuturi, M. Blondel,
/// Soft-DTW, 2017, algorithm 1, https://arxiv.org/abs/1703.01541; its gradient by `cost` is their algorithm 2.
[[nodiscard]] Tensor soft_dtw(const Arg& cost, const Dim& first, const Dim& second, const Arg& gamma);

/// cost[batch, i, j], gamma -> result[batch], all f32.
[[nodiscard]] Kernel soft_dtw();

} // namespace coulter::models
