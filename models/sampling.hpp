#pragma once
/// Reading images between their elements, and what is built on it: resizing, warping, deformable convolution.

#include "models/window.hpp"

namespace coulter::models {

/// What lies beyond an image.
enum class Beyond : std::uint8_t {
    zero,
    nearest ///< the nearest element
};

/// A place along an axis: `at` in elements, a float expression; whole numbers are elements, 0 the first.
struct Place {
    Dim from;
    Arg at;
};

/// Linear interpolation along each axis between the two elements around a place: bilinear over two axes, trilinear over
/// three. A NaN among the places gives NaN. \param image a tensor of a float type with the axes' `from`; its other dims
/// bind by name.
/// Source: W. Press et al., Numerical Recipes, 3rd edition, 2007, section 3.6.
[[nodiscard]] Tensor sample_linear(const Arg& image, const std::vector<Place>& places, Beyond beyond);

/// Whether -1 and 1 in a grid are the centres of the first and last elements, or the outer edges.
enum class Corners : std::uint8_t { edges, centres };

/// The same at places that a grid gives from -1 to 1, whatever the extent.
/// Source: M. Jaderberg et al., Spatial Transformer Networks, 2015, section 3.3, https://arxiv.org/abs/1506.02025.
[[nodiscard]] Tensor grid_sample(const Arg& image, const std::vector<Place>& places, Beyond beyond = Beyond::zero,
                                 Corners corners = Corners::edges);

/// One axis of an image that changes its size; `to` needs an extent of its own.
struct Resized {
    Dim from;
    Dim to;
};

/// Linear interpolation at `(to + 1/2) * extent(from) / extent(to) - 1/2` along each axis, the nearest element beyond.
[[nodiscard]] Tensor resize_linear(const Arg& image, const std::vector<Resized>& axes);
/// The element at `to * extent(from) / extent(to)`, rounded down, along each axis. The image may have any type.
[[nodiscard]] Tensor resize_nearest(const Arg& image, const std::vector<Resized>& axes);

/// A convolution whose taps are moved: along each axis tap `tap` of position `to` reads the image at `stride * to +
/// dilation
/// * tap - padding + offset`, by linear interpolation with zeros beyond, and what is read is multiplied by a mask.
///
/// \param offsets one per axis, over positions, taps and what else tells offsets apart, such as a group of channels;
/// \param mask over the same dims or fewer, 1 where there is none; \param weight with the taps and `in`.
/// Source: X. Zhu et al., Deformable ConvNets v2, 2018, section 3, https://arxiv.org/abs/1811.11168.
[[nodiscard]] Tensor deformable_conv(const Arg& image, const std::vector<Arg>& offsets, const Arg& mask,
                                     const Arg& weight, const std::vector<Sliding>& axes, const std::vector<Dim>& in);

// The kernels, all f32.
/// image[batch, iy, ix, channel], grid[batch, y, x, axis 2], of which the first is x -> result[batch, y, x, channel];
/// -p centres=false, nearest=false.
[[nodiscard]] Kernel grid_sample(const Params& params);
/// image[batch, iz, iy, ix, channel], grid[batch, point, axis 3], x first -> result[batch, point, channel].
[[nodiscard]] Kernel grid_sample3d();
/// image[batch, iy, ix, channel] -> result[batch, y, x, channel], y and x 3/2 as long, rounded up.
[[nodiscard]] Kernel resize_bilinear();
[[nodiscard]] Kernel resize_nearest();
/// image[batch, iy, ix, in], offset[batch, y, x, ky, kx, axis 2] (y first), mask[batch, y, x, ky, kx], weight[ky 3, kx
/// 3, in, out] (frozen) -> result[batch, y, x, out], padded by 1.
[[nodiscard]] Kernel deformable_conv();

} // namespace coulter::models
