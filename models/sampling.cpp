#include "models/sampling.hpp"

#include "models/arguments.hpp"

namespace coulter::models {
namespace {

/// The elements before and after a place, and how far it is from the first to the second.
struct Between {
    explicit Between(const Dim& dim) : from(dim), low("low_" + dim.name()), fraction("fraction_" + dim.name()) {}

    Dim from;
    Tensor low;
    Tensor fraction;
};

Between between(const Place& place, Beyond beyond) {
    const Type type = place.at.type().value_or(f32);
    const Expr size = cast(type, extent(place.from));
    // Beyond by an element or more all is the same, and whole numbers stay in the range of i32.
    const Expr at = beyond == Beyond::zero ? clamp(place.at, -1, size) : clamp(place.at, 0, size - 1);
    Between result(place.from);
    result.low = i32(floor(at));
    result.fraction = at - floor(at);
    return result;
}

Expr element(const Arg& image, const std::vector<Between>& axes, std::size_t corner, Beyond beyond) {
    std::vector<AccessArg> at;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const Expr low = index(axes[i].low);
        at.push_back(axes[i].from((corner >> i & 1) != 0 ? low + 1 : low));
    }
    return beyond == Beyond::zero ? Expr(padded(image(at), 0)) : Expr(clamped(image(at)));
}

Expr interpolated(const Arg& image, const std::vector<Place>& places, Beyond beyond) {
    std::vector<Between> axes;
    for (const Place& place : places) {
        axes.push_back(between(place, beyond));
    }
    std::vector<Expr> corners;
    for (std::size_t corner = 0; corner < (std::size_t{1} << axes.size()); ++corner) {
        corners.push_back(element(image, axes, corner, beyond));
    }
    // Bit i of a corner says on which side of axis i it lies: the last axis is the upper half of the list.
    for (std::size_t i = axes.size(); i-- > 0;) {
        const Expr fraction = cast(image.type().value_or(f32), axes[i].fraction);
        const std::size_t half = corners.size() / 2;
        for (std::size_t c = 0; c < half; ++c) {
            corners[c] = corners[c] * (1 - fraction) + corners[c + half] * fraction;
        }
        corners.resize(half, 0.0);
    }
    return corners.front();
}

void require_places(const Function& f, const Arg& image, const std::vector<Place>& places) {
    f.require(!places.empty() && places.size() <= 4,
              std::to_string(places.size()) + " axes, where 1 to 4 are possible");
    for (const Place& place : places) {
        require_dim(f, image, "the image", place.from);
        const std::optional<Type> type = place.at.type();
        f.require(!type || is_float(*type), "the place along `" + place.from.name() + "` is no float",
                  "cast it: `f32(...)`");
    }
}

} // namespace

Tensor sample_linear(const Arg& image, const std::vector<Place>& places, Beyond beyond) {
    Function f("sample_linear", {image});
    require_places(f, image, places);
    return interpolated(image, places, beyond);
}

Tensor grid_sample(const Arg& image, const std::vector<Place>& places, Beyond beyond, Corners corners) {
    Function f("grid_sample", {image});
    require_places(f, image, places);
    std::vector<Place> elements;
    for (const Place& place : places) {
        const Expr size = cast(place.at.type().value_or(f32), extent(place.from));
        elements.push_back({place.from, corners == Corners::centres ? (place.at + 1) * ((size - 1) * 0.5)
                                                                    : ((place.at + 1) * size - 1) * 0.5});
    }
    return interpolated(image, elements, beyond);
}

Tensor resize_linear(const Arg& image, const std::vector<Resized>& axes) {
    Function f("resize_linear", {image});
    std::vector<Place> places;
    for (const Resized& axis : axes) {
        const Expr ratio = f32(extent(axis.from)) / f32(extent(axis.to));
        places.push_back({axis.from, (f32(axis.to) + 0.5) * ratio - 0.5});
    }
    require_places(f, image, places);
    return interpolated(image, places, Beyond::nearest);
}

Tensor resize_nearest(const Arg& image, const std::vector<Resized>& axes) {
    Function f("resize_nearest", {image});
    f.require(!axes.empty(), "no axes, where 1 or more are needed");
    std::vector<AccessArg> places;
    for (const Resized& axis : axes) {
        require_dim(f, image, "the image", axis.from);
        places.push_back(axis.from(axis.to * extent(axis.from) / extent(axis.to)));
    }
    return Expr(clamped(image(places)));
}

Tensor deformable_conv(const Arg& image, const std::vector<Arg>& offsets, const Arg& mask, const Arg& weight,
                       const std::vector<Sliding>& axes, const std::vector<Dim>& in) {
    std::vector<Arg> inputs{image};
    inputs.insert(inputs.end(), offsets.begin(), offsets.end());
    inputs.push_back(mask);
    inputs.push_back(weight);
    Function f("deformable_conv", inputs);
    f.require(offsets.size() == axes.size(), std::to_string(offsets.size()) + " offsets for " +
                                                 std::to_string(axes.size()) + " axes, where each axis has one");
    require_windows(f, axes);
    std::vector<Place> places;
    std::vector<Dim> reduced;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const auto& [axis, window] = axes[i];
        require_dim(f, weight, "the weight", axis.tap);
        const Expr first = window.stride * axis.to + window.dilation * axis.tap - window.padding;
        places.push_back({axis.from, cast(offsets[i].type().value_or(f32), first) + offsets[i]});
        reduced.push_back(axis.tap);
    }
    for (const Dim& dim : in) {
        require_dim(f, image, "the image", dim);
        require_dim(f, weight, "the weight", dim);
        reduced.push_back(dim);
    }
    require_places(f, image, places);
    // All output channels read the same samples.
    Tensor samples("samples");
    samples = interpolated(image, places, Beyond::zero) * mask;
    return sum(reduced, samples * weight);
}

Kernel grid_sample(const Params& params) {
    const Corners corners = params.flag("centres", false) ? Corners::centres : Corners::edges;
    const Beyond beyond = params.flag("nearest", false) ? Beyond::nearest : Beyond::zero;
    Dim batch("batch"), iy("iy"), ix("ix"), y("y"), x("x"), channel("channel"), axis("axis", 2);
    Input image("image", f32, {batch, iy, ix, channel}), grid("grid", f32, {batch, y, x, axis});
    Tensor result("result");
    result(batch, y, x, channel) = grid_sample(image, {{iy, grid(axis(1))}, {ix, grid(axis(0))}}, beyond, corners);
    return Kernel("grid_sample", {result},
                  estimates({{batch, 1}, {iy, 128}, {ix, 128}, {y, 128}, {x, 128}, {channel, 32}}));
}

Kernel grid_sample3d() {
    Dim batch("batch"), iz("iz"), iy("iy"), ix("ix"), point("point"), channel("channel"), axis("axis", 3);
    Input image("image", f32, {batch, iz, iy, ix, channel}), grid("grid", f32, {batch, point, axis});
    Tensor result("result");
    result(batch, point, channel) = grid_sample(image, {{iz, grid(axis(2))}, {iy, grid(axis(1))}, {ix, grid(axis(0))}});
    return Kernel("grid_sample3d", {result},
                  estimates({{batch, 1}, {iz, 32}, {iy, 64}, {ix, 64}, {point, 65536}, {channel, 16}}));
}

namespace {

Kernel resize_kernel(const std::string& name, Tensor (*resize)(const Arg&, const std::vector<Resized>&)) {
    Dim batch("batch"), iy("iy"), ix("ix"), channel("channel");
    Dim y("y", (3 * extent(iy) + 1) / 2), x("x", (3 * extent(ix) + 1) / 2);
    Input image("image", f32, {batch, iy, ix, channel});
    Tensor result("result");
    result(batch, y, x, channel) = resize(image, {{iy, y}, {ix, x}});
    return Kernel(name, {result}, estimates({{batch, 1}, {iy, 128}, {ix, 128}, {channel, 32}}));
}

} // namespace

Kernel resize_bilinear() {
    return resize_kernel("resize_bilinear", resize_linear);
}
Kernel resize_nearest() {
    return resize_kernel("resize_nearest", resize_nearest);
}

Kernel deformable_conv() {
    const Window window{.stride = 1, .padding = 1, .dilation = 1};
    Dim batch("batch"), iy("iy"), ix("ix"), in("in"), out("out"), ky("ky", 3), kx("kx", 3), axis("axis", 2);
    Dim y("y", positions(iy, ky, window)), x("x", positions(ix, kx, window));
    Input image("image", f32, {batch, iy, ix, in}), offset("offset", f32, {batch, y, x, ky, kx, axis});
    Input mask("mask", f32, {batch, y, x, ky, kx}), weight("weight", f32, {ky, kx, in, out});
    weight.frozen();
    Tensor result("result");
    result(batch, y, x, out) = deformable_conv(image, {offset(axis(0)), offset(axis(1))}, mask, weight,
                                               {{{iy, y, ky}, window}, {{ix, x, kx}, window}}, {in});
    return Kernel("deformable_conv", {result}, estimates({{batch, 1}, {iy, 28}, {ix, 28}, {in, 256}, {out, 256}}));
}

} // namespace coulter::models
