#pragma once
/// The bilateral grid: an image at a low resolution with its brightness as a third axis, in which blurring keeps edges.
///
/// Source of all: J. Chen, S. Paris, F. Durand, Real-time Edge-Aware Image Processing with the Bilateral Grid, SIGGRAPH
/// 2007.

#include <coulter/coulter.h>

namespace coulter::models {

/// How an image and its grid relate: cell (gy, gx, gz) stands for the pixels around (cell * gy, cell * gx) whose guide
/// is around gz / (extent(gz) - 1).
struct BilateralAxes {
    Dim y, x; ///< of the image
    Dim gy, gx,
        gz; ///< of the grid: extents `grid_cells(y, cell)`, `grid_cells(x, cell)`, and the number of bins, 2 or more
    std::int64_t cell;
};

/// `extent(d) / cell + 2`, so that every pixel lies between two cells.
[[nodiscard]] Expr grid_cells(const Dim& d, std::int64_t cell);

/// Values and weights in a grid: homogeneous coordinates.
struct BilateralGrid {
    Tensor value;
    Tensor weight;
};

/// Each pixel adds its value, and 1 as its weight, to the cell nearest to it, divided between the two bins around its
/// guide.
///
/// A gather: every cell goes through the `cell` * `cell` pixels that are nearest to it, once for all its bins side by
/// side, where a scatter would go through the image one element at a time. \param value, guide tensors over y and x;
/// the guide in 0 .. 1 is what edges are seen in. \param ry, rx dims of the extent `cell`.
[[nodiscard]] BilateralGrid bilateral_splat(const Arg& value, const Arg& guide, const BilateralAxes& axes,
                                            const Dim& ry, const Dim& rx);

/// A blur of 1, 4, 6, 4, 1 along each axis of a grid, one after the other; nothing lies beyond.
[[nodiscard]] Tensor bilateral_blur(const Arg& grid, const BilateralAxes& axes);

/// What a grid holds for each pixel: trilinear interpolation at (y / cell, x / cell, guide * (extent(gz) - 1)), the
/// nearest cell beyond. \param grid a tensor, whose other dims bind by name, such as coefficients.
[[nodiscard]] Tensor bilateral_slice(const Arg& grid, const Arg& guide, const BilateralAxes& axes);

/// Splat, blur and slice: value[y, x], guide[y, x] in 0 .. 1 -> result[y, x], f32; -p cell=16, bins=8.
[[nodiscard]] Kernel bilateral_grid(const Params& params);
/// Per-pixel affine maps from a grid: image[y, x, in], guide[y, x], grid[gy, gx, gz, out, in], offset[gy, gx, gz, out]
/// -> result[y, x, out], f32, on cells of 16 pixels. Source: M. Gharbi et al., Deep Bilateral Learning for Real-Time
/// Image Enhancement, 2017, https://arxiv.org/abs/1707.02880.
[[nodiscard]] Kernel bilateral_slice();

} // namespace coulter::models
