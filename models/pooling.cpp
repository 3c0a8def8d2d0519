#include "models/pooling.hpp"

#include <limits>

namespace coulter::models {

Tensor max_pool(const Arg& image, const Axis& y, const Axis& x, const Window& window) {
    Function f("max_pool", {image});
    constexpr double lowest = -std::numeric_limits<double>::infinity();
    return max({y.tap, x.tap}, windowed(image, y, x, window, lowest));
}

Tensor average_pool(const Arg& image, const Axis& y, const Axis& x, const Window& window) {
    Function f("average_pool", {image});
    Tensor total("sum");
    total = sum({y.tap, x.tap}, windowed(image, y, x, window, 0));
    const Expr inside = taps_inside(y, window) * taps_inside(x, window);
    return total / cast(image.type().value_or(f32), inside);
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

} // namespace

Kernel max_pool2d() {
    return pool_kernel("max_pool2d", max_pool, 2, {.stride = 2});
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
