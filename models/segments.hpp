#pragma once
/// Sums over groups of rows.

#include <coulter/coulter.h>

namespace coulter::models {

/// y[s] = sum of x[i] over first[s] <= i < first[s + 1]: segments that lie side by side, as the rows of a sparse matrix
/// in CSR do. A gather: each segment reads its own part, and a schedule may run them at the same time.
///
/// \param x has the dim `over`. \param first integers along `edge`, ascending. \param segment a dim of the extent
/// `extent(edge) - 1`. An empty segment gives 0.
[[nodiscard]] Tensor segment_sum(const Arg& x, const Dim& over, const Input& first, const Dim& edge,
                                 const Dim& segment);

/// y[s] = sum of x[i] over all i with label[i] = s, in whatever order labels come: a scatter. What has a label outside
/// of 0 .. extent(segment) - 1 is left out.
///
/// \param x has the dim `over`. \param label an integer along `over`. \param segment the dim of the result. \param
/// meeting `atomic`: threads may add to one segment, in an order that differs from call to call.
[[nodiscard]] Tensor scatter_sum(const Arg& x, const Dim& over, const Arg& label, const Dim& segment,
                                 Meeting meeting = in_order);

/// f32: x[i, col], first[edge] of i32 -> sums[segment, col].
[[nodiscard]] Kernel segment_sums();

/// f32: x[i, col], label[i] of i32, start[segment, col] -> sums[segment, col] + start.
[[nodiscard]] Kernel scatter_sums();

} // namespace coulter::models
