#include "models/convolution.hpp"

#include "models/activations.hpp"
#include "models/windows.hpp"

namespace coulter::models {

Tensor convolution(const Arg& image, const Arg& weight, const Axis& y, const Axis& x, const std::vector<Dim>& in,
                   const Window& window) {
    return convolution(image, weight, {{y, window}, {x, window}}, in);
}

namespace {

enum class Activation : std::uint8_t { none, relu };

/// A kernel over 3x3 windows; `groups` holds the dim of groups, or nothing.
Kernel conv2d_kernel(const std::string& name, const Window& window, Activation activation,
                     const std::vector<Dim>& groups = {}) {
    Dim batch("batch"), iy("iy"), ix("ix"), in("in"), out("out"), ky("ky", 3), kx("kx", 3);
    const bool is_padded = window.padding > 0;
    Dim y = is_padded ? Dim("y", positions(iy, ky, window)) : Dim("y");
    Dim x = is_padded ? Dim("x", positions(ix, kx, window)) : Dim("x");
    const auto with_groups = [&](std::vector<Dim> dims, const std::vector<Dim>& inner) {
        dims.insert(dims.end(), groups.begin(), groups.end());
        dims.insert(dims.end(), inner.begin(), inner.end());
        return dims;
    };

    Input image("image", f32, with_groups({batch, iy, ix}, {in}));
    Input weight("weight", f32, with_groups({ky, kx}, {in, out}));
    Input bias("bias", f32, with_groups({}, {out}));
    weight.frozen();

    Tensor sums("sums"), result("result");
    sums = convolution(image, weight, {iy, y, ky}, {ix, x, kx}, {in}, window);
    const Expr biased = sums + bias;
    result(with_groups({batch, y, x}, {out})) = activation == Activation::relu ? Expr(relu(biased)) : biased;
    if (groups.empty()) {
        return Kernel(name, {result}, estimates({{batch, 1}, {iy, 56}, {ix, 56}, {in, 64}, {out, 64}}));
    }
    return Kernel(name, {result},
                  estimates({{batch, 1}, {iy, 56}, {ix, 56}, {groups.front(), 4}, {in, 16}, {out, 16}}));
}

} // namespace

Kernel conv2d() {
    return conv2d_kernel("conv2d", {.padding = 1}, Activation::relu);
}
Kernel conv2d_strided() {
    return conv2d_kernel("conv2d_strided", {.stride = 2, .padding = 1}, Activation::none);
}
Kernel conv2d_dilated() {
    return conv2d_kernel("conv2d_dilated", {.padding = 2, .dilation = 2}, Activation::none);
}
Kernel conv2d_valid() {
    return conv2d_kernel("conv2d_valid", {}, Activation::none);
}
Kernel conv2d_grouped() {
    return conv2d_kernel("conv2d_grouped", {.padding = 1}, Activation::none, {Dim("group")});
}

} // namespace coulter::models
