#pragma once
/// Products of matrices, and of whatever has dims in common.

#include <coulter/coulter.h>

namespace coulter::models {

/// Sums `a * b` over the dims `over`; all other dims of the two stay, those in common pairwise (a batch).
/// \param a, b expressions of one float type, which is also the accumulator's.
[[nodiscard]] Tensor matmul(const Arg& a, const Arg& b, const Dims& over);

/// f32: a[i, k], b[k, j] -> c[i, j] = sum over k of a(i, k) * b(k, j).
[[nodiscard]] Kernel matmul();

} // namespace coulter::models
