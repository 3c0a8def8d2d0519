#include "models/pooling.hpp"

#include "models/arguments.hpp"

#include <limits>

namespace coulter::models {

namespace {

std::vector<Dim> taps_of(const Function& f, const Arg& image, const std::vector<Sliding>& axes) {
    f.require(!axes.empty(), "no axes, where 1 or more are needed");
    require_windows(f, axes);
    std::vector<Dim> taps;
    for (const Sliding& each : axes) {
        require_dim(f, image, "the image", each.axis.from);
        taps.push_back(each.axis.tap);
    }
    return taps;
}

} // namespace

Tensor max_pool(const Arg& image, const std::vector<Sliding>& axes) {
    Function f("max_pool", {image});
    constexpr double lowest = -std::numeric_limits<double>::infinity();
    return max(Dims(taps_of(f, image, axes)), windowed(image, axes, lowest));
}

Tensor average_pool(const Arg& image, const std::vector<Sliding>& axes) {
    Function f("average_pool", {image});
    Tensor total("sum");
    total = sum(taps_of(f, image, axes), windowed(image, axes, 0));
    Expr inside = taps_inside(axes.front().axis, axes.front().window);
    for (std::size_t i = 1; i < axes.size(); ++i) {
        inside = inside * taps_inside(axes[i].axis, axes[i].window);
    }
    return total / cast(image.type().value_or(f32), inside);
}

Tensor max_pool(const Arg& image, const Axis& y, const Axis& x, const Window& window) {
    return max_pool(image, {{y, window}, {x, window}});
}

Tensor average_pool(const Arg& image, const Axis& y, const Axis& x, const Window& window) {
    return average_pool(image, {{y, window}, {x, window}});
}

namespace {

using Pool = Tensor (*)(const Arg&, const Axis&, const Axis&, const Window&);

Kernel pool_kernel(const std::string& name, Pool pool, std::int64_t size, const Window& window) {
    Dim batch("batch"), iy("iy"), ix("ix"), channel("channel"), ky("ky", size), kx("kx", size);
    const bool is_padded = window.padding > 0;
    Dim y = is_padded ? Dim("y", positions(iy, ky, window)) : Dim("y");
    Dim x = is_padded ? Dim("x", positions(ix, kx, window)) : Dim("x");
    Input image("image", f32, {batch, iy, ix, channel});
    Tensor result("result");
    result(batch, y, x, channel) = pool(image, {iy, y, ky}, {ix, x, kx}, window);
    return Kernel(name, {result}, estimates({{batch, 1}, {iy, 112}, {ix, 112}, {channel, 64}}));
}

using PoolAxes = Tensor (*)(const Arg&, const std::vector<Sliding>&);

/// Over axes of these names, one letter each.
Kernel pool_axes_kernel(const std::string& name, PoolAxes pool, const std::string& letters, std::int64_t estimate,
                        const Params& params) {
    const std::int64_t size = params.integer("size", 3);
    const Window window{.stride = params.integer("stride", 2),
                        .padding = params.integer("padding", 1),
                        .dilation = params.integer("dilation", 1)};
    Dim batch("batch"), channel("channel");
    std::vector<Dim> from{batch}, to{batch};
    std::vector<Sliding> axes;
    for (const char letter : letters) {
        const Dim source(std::string("i") + letter), tap(std::string("k") + letter, size);
        axes.push_back({{source, Dim(std::string(1, letter), positions(source, tap, window)), tap}, window});
        from.push_back(source);
        to.push_back(axes.back().axis.to);
    }
    from.push_back(channel);
    to.push_back(channel);
    Input image("image", f32, from);
    Tensor result("result");
    result(to) = pool(image, axes);
    KernelOption typical = estimates({{batch, 1}, {channel, 64}});
    for (const Sliding& each : axes) {
        typical.estimates.push_back({each.axis.from, estimate});
    }
    return Kernel(name, {result}, typical);
}

} // namespace

Kernel max_pool1d(const Params& params) {
    return pool_axes_kernel("max_pool1d", max_pool, "x", 4096, params);
}
Kernel avg_pool1d(const Params& params) {
    return pool_axes_kernel("avg_pool1d", average_pool, "x", 4096, params);
}
Kernel max_pool3d(const Params& params) {
    return pool_axes_kernel("max_pool3d", max_pool, "zyx", 32, params);
}
Kernel avg_pool3d(const Params& params) {
    return pool_axes_kernel("avg_pool3d", average_pool, "zyx", 32, params);
}

Kernel max_pool2d() {
    return pool_kernel("max_pool2d", static_cast<Pool>(max_pool), 2, {.stride = 2});
}
Kernel max_pool2d_padded() {
    return pool_kernel("max_pool2d_padded", max_pool, 3, {.stride = 2, .padding = 1});
}
Kernel avg_pool2d() {
    return pool_kernel("avg_pool2d", average_pool, 2, {.stride = 2});
}
Kernel avg_pool2d_padded() {
    return pool_kernel("avg_pool2d_padded", average_pool, 3, {.stride = 2, .padding = 1});
}

} // namespace coulter::models
