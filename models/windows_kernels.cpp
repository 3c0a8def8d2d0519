// The kernels of windows.hpp.

#include "models/windows.hpp"

namespace coulter::models {
namespace {

struct Geometry {
    std::int64_t size;
    Window window;
};

Geometry geometry(const Params& params, const Geometry& otherwise) {
    return {params.integer("size", otherwise.size),
            {.stride = params.integer("stride", otherwise.window.stride),
             .padding = params.integer("padding", otherwise.window.padding),
             .dilation = params.integer("dilation", otherwise.window.dilation)}};
}

/// An axis whose dims are called `i<name>`, `<name>` and `k<name>`.
Sliding sliding(const std::string& name, const Geometry& geometry) {
    const Dim from("i" + name), tap("k" + name, geometry.size);
    return {{from, Dim(name, positions(from, tap, geometry.window)), tap}, geometry.window};
}

Spreading spreading(const std::string& name, const Geometry& geometry, std::int64_t more) {
    const Dim from("i" + name), tap("k" + name, geometry.size);
    return {{from, Dim(name, spread_positions(from, tap, geometry.window, more)), tap},
            geometry.window,
            Dim("c" + name, most_sources(tap, geometry.window))};
}

constexpr Geometry three_padded{3, {.stride = 1, .padding = 1, .dilation = 1}};

} // namespace

Kernel conv1d(const Params& params) {
    const Sliding x = sliding("x", geometry(params, three_padded));
    Dim batch("batch"), in("in"), out("out");
    Input image("image", f32, {batch, x.axis.from, in}), weight("weight", f32, {x.axis.tap, in, out}),
        bias("bias", f32, {out});
    weight.frozen();
    Tensor sums("sums"), result("result");
    sums = convolution(image, weight, {x}, {in});
    result(batch, x.axis.to, out) = sums + bias;
    return Kernel("conv1d", {result}, estimates({{batch, 1}, {x.axis.from, 1024}, {in, 64}, {out, 64}}));
}

Kernel conv3d(const Params& params) {
    const Geometry g = geometry(params, three_padded);
    const Sliding z = sliding("z", g), y = sliding("y", g), x = sliding("x", g);
    Dim batch("batch"), in("in"), out("out");
    Input image("image", f32, {batch, z.axis.from, y.axis.from, x.axis.from, in});
    Input weight("weight", f32, {z.axis.tap, y.axis.tap, x.axis.tap, in, out}), bias("bias", f32, {out});
    weight.frozen();
    Tensor sums("sums"), result("result");
    sums = convolution(image, weight, {z, y, x}, {in});
    result(batch, z.axis.to, y.axis.to, x.axis.to, out) = sums + bias;
    return Kernel("conv3d", {result},
                  estimates({{batch, 1}, {z.axis.from, 8}, {y.axis.from, 28}, {x.axis.from, 28}, {in, 32}, {out, 32}}));
}

Kernel depthwise_conv3d(const Params& params) {
    const Geometry g = geometry(params, three_padded);
    const Sliding z = sliding("z", g), y = sliding("y", g), x = sliding("x", g);
    Dim batch("batch"), channel("channel");
    Input image("image", f32, {batch, z.axis.from, y.axis.from, x.axis.from, channel});
    Input weight("weight", f32, {z.axis.tap, y.axis.tap, x.axis.tap, channel});
    weight.frozen();
    Tensor result("result");
    result(batch, z.axis.to, y.axis.to, x.axis.to, channel) = convolution(image, weight, {z, y, x}, {});
    return Kernel("depthwise_conv3d", {result},
                  estimates({{batch, 1}, {z.axis.from, 16}, {y.axis.from, 112}, {x.axis.from, 112}, {channel, 64}}));
}

Kernel conv_transpose2d(const Params& params) {
    const Geometry g = geometry(params, {3, {.stride = 2, .padding = 1, .dilation = 1}});
    const std::int64_t more = params.integer("more", 1);
    const Spreading y = spreading("y", g, more), x = spreading("x", g, more);
    Dim batch("batch"), in("in"), out("out");
    Input image("image", f32, {batch, y.axis.from, x.axis.from, in});
    Input weight("weight", f32, {y.axis.tap, x.axis.tap, in, out}), bias("bias", f32, {out});
    weight.frozen();
    Tensor sums("sums"), result("result");
    sums = transposed_convolution(image, weight, {y, x}, {in});
    result(batch, y.axis.to, x.axis.to, out) = sums + bias;
    return Kernel("conv_transpose2d", {result},
                  estimates({{batch, 1}, {y.axis.from, 28}, {x.axis.from, 28}, {in, 64}, {out, 64}}));
}

Kernel conv_transpose1d(const Params& params) {
    const Geometry g = geometry(params, {3, {.stride = 1, .padding = 0, .dilation = 1}});
    const Spreading x = spreading("x", g, params.integer("more", 0));
    Dim batch("batch"), group("group"), in("in"), out("out");
    Input image("image", f32, {batch, x.axis.from, group, in}), weight("weight", f32, {x.axis.tap, group, in, out});
    weight.frozen();
    Tensor result("result");
    result(batch, x.axis.to, group, out) = transposed_convolution(image, weight, {x}, {in});
    return Kernel("conv_transpose1d", {result},
                  estimates({{batch, 1}, {x.axis.from, 1024}, {group, 4}, {in, 16}, {out, 16}}));
}

Kernel locally_connected() {
    const Sliding y = sliding("y", three_padded), x = sliding("x", three_padded);
    Dim batch("batch"), in("in"), out("out");
    Input image("image", f32, {batch, y.axis.from, x.axis.from, in});
    Input weight("weight", f32, {y.axis.to, x.axis.to, y.axis.tap, x.axis.tap, in, out});
    weight.frozen();
    Tensor result("result");
    result(batch, y.axis.to, x.axis.to, out) = locally_connected(image, weight, {y, x}, {in});
    return Kernel("locally_connected", {result},
                  estimates({{batch, 8}, {y.axis.from, 32}, {x.axis.from, 32}, {in, 32}, {out, 32}}));
}

Kernel involution(const Params& params) {
    const std::int64_t size = params.integer("size", 7);
    const Geometry g{size, {.stride = 1, .padding = size / 2, .dilation = 1}};
    const Sliding y = sliding("y", g), x = sliding("x", g);
    Dim batch("batch"), group("group"), channel("channel");
    Input image("image", f32, {batch, y.axis.from, x.axis.from, group, channel});
    Input weight("weight", f32, {batch, y.axis.to, x.axis.to, y.axis.tap, x.axis.tap, group});
    Tensor result("result");
    result(batch, y.axis.to, x.axis.to, group, channel) = involution(image, weight, {y, x});
    return Kernel("involution", {result},
                  estimates({{batch, 1}, {y.axis.from, 56}, {x.axis.from, 56}, {group, 16}, {channel, 16}}));
}

Kernel correlation(const Params& params) {
    const std::int64_t reach = params.integer("reach", 10), dilation = params.integer("dilation", 2);
    const Window window{.stride = 1, .padding = reach * dilation, .dilation = dilation};
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), channel("channel"), dy("dy", 2 * reach + 1),
        dx("dx", 2 * reach + 1);
    Input a("a", f32, {batch, y, x, channel}), b("b", f32, {batch, iy, ix, channel});
    Tensor result("result");
    result(batch, y, x, dy, dx) = correlation(a, b, {{{iy, y, dy}, window}, {{ix, x, dx}, window}}, {channel});
    return Kernel("correlation", {result},
                  estimates({{batch, 1}, {y, 56}, {x, 56}, {iy, 56}, {ix, 56}, {channel, 256}}));
}

} // namespace coulter::models
