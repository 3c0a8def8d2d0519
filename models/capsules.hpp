#pragma once
/// Convolutional capsules.

#include <coulter/coulter.h>

namespace coulter::models {

/// Convolutional capsule votes, summed over the capsules that a window covers: 3x3 windows, stride 2, no padding.
///
///     votes(batch, y, x, out, row, col) =
///         sum over ky, kx, in, k of pose(batch, 2*y + ky, 2*x + kx, in, row, k) * weight(ky, kx, in, out, k, col)
///
/// f32: pose[batch, iy, ix, in, row 4, k 4], weight[ky 3, kx 3, in, out, k 4, col 4] (frozen), votes[batch, y, x, out,
/// row 4, col 4]. Source: equation 2 of P. Barham and M. Isard, Machine Learning Systems are Stuck in a Rut, HotOS
/// 2019.
[[nodiscard]] Kernel conv_capsules();

} // namespace coulter::models
