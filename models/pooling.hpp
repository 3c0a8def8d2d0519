#pragma once
/// Pooling: the largest or the average element of a window.

#include "models/window.hpp"

namespace coulter::models {

/// The largest element of each window; what lies outside the image never wins, NaN always does.
/// \param image a float tensor with y.from and x.from. With padding y.to and x.to need an extent (see positions).
[[nodiscard]] Tensor max_pool(const Arg& image, const Axis& y, const Axis& x, const Window& window);

/// The sum of the elements of each window that lie inside the image, divided by their number; NaN where there are none.
/// \param image as above.
[[nodiscard]] Tensor average_pool(const Arg& image, const Axis& y, const Axis& x, const Window& window);

/// The same over any number of axes, each with a window of its own.
[[nodiscard]] Tensor max_pool(const Arg& image, const std::vector<Sliding>& axes);
[[nodiscard]] Tensor average_pool(const Arg& image, const std::vector<Sliding>& axes);

// The kernels, f32, stride 2: image[batch, iy, ix, channel] -> result[batch, y, x, channel].
[[nodiscard]] Kernel max_pool2d();        ///< 2x2
[[nodiscard]] Kernel max_pool2d_padded(); ///< 3x3, padded by 1
[[nodiscard]] Kernel avg_pool2d();        ///< 2x2
[[nodiscard]] Kernel avg_pool2d_padded(); ///< 3x3, padded by 1
// In one and three dimensions: image[batch, ix, channel] -> result[batch, x, channel] and
// image[batch, iz, iy, ix, channel] -> result[batch, z, y, x, channel]; -p size=3, stride=2, padding=1, dilation=1.
[[nodiscard]] Kernel max_pool1d(const Params& params);
[[nodiscard]] Kernel avg_pool1d(const Params& params);
[[nodiscard]] Kernel max_pool3d(const Params& params);
[[nodiscard]] Kernel avg_pool3d(const Params& params);

} // namespace coulter::models
