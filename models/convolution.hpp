#pragma once
/// Two-dimensional convolution over named dims, and its kernels.

#include "models/window.hpp"

namespace coulter::models {

/// A convolution over two axes, as machine learning has it: the weights are not flipped, and zeros lie around the
/// image.
///
///     result = sum over y.tap, x.tap, in of image(y.from(sy*y.to + dy*y.tap - p), x.from(...)) * weight
///
/// Dims that are not reduced bind by name: an output channel is a dim of `weight` alone, a group is a dim of both, a
/// depthwise convolution has no `in`. \param image a tensor with y.from, x.from and `in`; \param weight an expression
/// with y.tap, x.tap and `in`; both of one float type, which is also the accumulator's. With padding, or where another
/// tensor has them, y.to and x.to need an extent: `positions(from, tap, window)`.
/// Source: https://arxiv.org/abs/1603.07285 (arithmetic of sizes).
[[nodiscard]] Tensor convolution(const Arg& image, const Arg& weight, const Axis& y, const Axis& x,
                                 const std::vector<Dim>& in, const Window& window = {});

// The kernels, f32 in NHWC with 3x3 windows:
//   image[batch, iy, ix, in], weight[ky 3, kx 3, in, out] (frozen), bias[out] -> result[batch, y, x, out]
//   result = bias + convolution(image, weight)
[[nodiscard]] Kernel conv2d();         ///< padded by 1, ends in relu
[[nodiscard]] Kernel conv2d_strided(); ///< padded by 1, stride 2
[[nodiscard]] Kernel conv2d_dilated(); ///< padded by 2, dilation 2
[[nodiscard]] Kernel conv2d_valid();   ///< without padding
/// Padded by 1, within each group: image[batch, iy, ix, group, in], weight[ky, kx, group, in, out], bias[group, out]
/// -> result[batch, y, x, group, out].
[[nodiscard]] Kernel conv2d_grouped();

} // namespace coulter::models
