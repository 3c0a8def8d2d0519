#pragma once
/// Distances between all pairs of two sets of points, and sums of kernels over them.

#include <coulter/coulter.h>

namespace coulter::models {

// x and y are expressions of one float type that have `channel`, the coordinates; the dims that tell their points apart
// stay, pairwise where both have them (a batch). Differences are squared, not expanded into products, so that close
// points keep their digits.

/// `sum over channel of |x - y|`.
[[nodiscard]] Tensor pairwise_l1(const Arg& x, const Arg& y, const Dim& channel);

/// `sqrt(sum over channel of (x - y)^2)`.
[[nodiscard]] Tensor pairwise_l2(const Arg& x, const Arg& y, const Dim& channel);

/// `1 - sum over channel of x * y / (max(|x|, epsilon) * max(|y|, epsilon))`; 1 for a vector of length 0.
[[nodiscard]] Tensor pairwise_cosine(const Arg& x, const Arg& y, const Dim& channel, double epsilon = 1e-8);

/// `sum over the points of y of exp(-gamma * l1(x, y)) * b`: a sum of Laplacian kernels, of which no matrix needs to be
/// stored. \param points the dim of y's points; \param b over it.
/// Source: C. Rasmussen, C. Williams, Gaussian Processes for Machine Learning, 2006, section 4.2.1 (the exponential).
[[nodiscard]] Tensor laplacian_sum(const Arg& x, const Arg& y, const Arg& b, const Dim& points, const Dim& channel,
                                   double gamma);

// The kernels, f32: x[i, channel], y[j, channel] -> result[i, j].
[[nodiscard]] Kernel pairwise_l1();
[[nodiscard]] Kernel pairwise_l2();
[[nodiscard]] Kernel pairwise_cosine();
/// The same with b[j] -> result[i], gamma 0.5.
[[nodiscard]] Kernel laplacian_sum();

} // namespace coulter::models
