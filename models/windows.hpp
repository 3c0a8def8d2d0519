#pragma once
/// Products of images and weights under windows, over any number of axes: convolutions in one to three dimensions, to
/// both sides, and those whose weights differ from place to place.

#include "models/window.hpp"

namespace coulter::models {

/// A convolution over one, two or three axes, each with a stride, a dilation and zeros around of its own:
///
///     result = sum over the taps and `in` of image(from(stride * to + dilation * tap - padding), ...) * weight
///
/// Dims bind by name as in convolution.hpp: an output channel is a dim of `weight` alone, a group is a dim of both, a
/// depthwise convolution has no `in`. \param image a tensor with the axes' `from` and `in`; \param weight an expression
/// with the taps and `in`; both of one float type. Padded axes need an extent of `to`: `positions(from, tap, window)`.
/// Source: V. Dumoulin, F. Visin, A guide to convolution arithmetic, 2016, https://arxiv.org/abs/1603.07285.
[[nodiscard]] Tensor convolution(const Arg& image, const Arg& weight, const std::vector<Sliding>& axes,
                                 const std::vector<Dim>& in);

/// One axis of a transposed convolution, where place `from` of the image reaches the places
/// `stride * from + dilation * tap - padding` of the result. `candidate` numbers the places of the image that one place
/// of the result may see: `Dim("candidate", most_sources(tap, window))`; it goes unused with stride 1.
struct Spreading {
    Axis axis;
    Window window;
    Dim candidate;
};

/// The most places of the image that reach one of the result, rounded up.
[[nodiscard]] Expr most_sources(const Dim& tap, const Window& window);

/// The extent of the result along an axis: `(extent(from) - 1) * stride + dilation * (extent(tap) - 1) + 1 - 2 *
/// padding + more`, where `more` (PyTorch: output_padding) says which of the sizes that a convolution maps to one is
/// meant.
[[nodiscard]] Expr spread_positions(const Dim& from, const Dim& tap, const Window& window, std::int64_t more = 0);

/// A transposed convolution: what the gradient of a convolution by its image is, as a gather. For each place of the
/// result, the sum over `in` and over all places and taps of the image that reach it of image * weight.
///
/// Taps that reach a place of the result along an axis are those of one residue of the stride: they are numbered, not
/// searched for. \param image a tensor with the axes' `from` and `in`; \param weight a tensor with the taps.
/// `axis.to` needs an extent: `spread_positions(...)`. Source: as above, section 4.
[[nodiscard]] Tensor transposed_convolution(const Arg& image, const Arg& weight, const std::vector<Spreading>& axes,
                                            const std::vector<Dim>& in);

/// A convolution whose weights differ from position to position: `weight` has the positions `to` besides the taps, `in`
/// and an output channel. Source: K. Gregor, Y. LeCun, Emergence of complex-like cells in a temporal product network
/// with local receptive fields, 2010, https://arxiv.org/abs/1006.0448.
[[nodiscard]] Tensor locally_connected(const Arg& image, const Arg& weight, const std::vector<Sliding>& axes,
                                       const std::vector<Dim>& in);

/// Each pixel's own weights over its neighbourhood, shared by the channels of a group:
/// `result = sum over taps of image(from(...), group, channel) * weight(to, tap, group)`. Nothing is summed over
/// channels. Source: D. Li et al., Involution, 2021, https://arxiv.org/abs/2103.06255.
[[nodiscard]] Tensor involution(const Arg& image, const Arg& weight, const std::vector<Sliding>& axes);

/// How alike each place of `a` is to the places of `b` around it: `sum over channel of a * b(from(to + tap -
/// padding))`, 0 beyond the image. The taps are displacements, from -padding with `extent(tap) = 2 * padding + 1`; a
/// dilation skips some. \param a an expression over the positions; \param b a tensor with the axes' `from`. Source: P.
/// Fischer et al., FlowNet, 2015, section 3, https://arxiv.org/abs/1504.06852, for patches of one pixel.
[[nodiscard]] Tensor correlation(const Arg& a, const Arg& b, const std::vector<Sliding>& axes,
                                 const std::vector<Dim>& channel);

// The kernels, all f32.
/// image[batch, ix, in], weight[kx, in, out], bias[out] -> result[batch, x, out]; -p size=3, stride=1, padding=1,
/// dilation=1.
[[nodiscard]] Kernel conv1d(const Params& params);
/// image[batch, iz, iy, ix, in], weight[kz, ky, kx, in, out], bias[out] -> result[batch, z, y, x, out]; the same.
[[nodiscard]] Kernel conv3d(const Params& params);
/// image[batch, iz, iy, ix, channel], weight[kz, ky, kx, channel] -> result[batch, z, y, x, channel]; the same.
[[nodiscard]] Kernel depthwise_conv3d(const Params& params);
/// image[batch, iy, ix, in], weight[ky, kx, in, out], bias[out] -> result[batch, y, x, out]; -p size=3, stride=2,
/// padding=1, dilation=1, more=1.
[[nodiscard]] Kernel conv_transpose2d(const Params& params);
/// image[batch, ix, group, in], weight[kx, group, in, out] -> result[batch, x, group, out]; -p size=3, stride=1,
/// padding=0, dilation=1, more=0.
[[nodiscard]] Kernel conv_transpose1d(const Params& params);
/// image[batch, iy, ix, in], weight[y, x, ky 3, kx 3, in, out] -> result[batch, y, x, out], padded by 1.
[[nodiscard]] Kernel locally_connected();
/// image[batch, iy, ix, group, channel], weight[batch, y, x, ky, kx, group] -> result[batch, y, x, group, channel]; -p
/// size=7, padded by half of it, rounded down.
[[nodiscard]] Kernel involution(const Params& params);
/// a[batch, y, x, channel], b[batch, iy, ix, channel] -> result[batch, y, x, dy, dx]; -p reach=10 displacements to each
/// side, dilation=2 apart.
[[nodiscard]] Kernel correlation(const Params& params);

} // namespace coulter::models
