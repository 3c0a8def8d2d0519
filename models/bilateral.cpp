#include "models/bilateral.hpp"

#include "models/arguments.hpp"
#include "models/sampling.hpp"

namespace coulter::models {
namespace {

void require_grid(const Function& f, const Arg& grid, const BilateralAxes& axes) {
    for (const Dim& dim : {axes.gy, axes.gx, axes.gz}) {
        require_dim(f, grid, "the grid", dim);
    }
}

Expr bin(const Expr& guide, const BilateralAxes& axes, Type type) {
    return guide * cast(type, extent(axes.gz) - 1);
}

Tensor blur(const Arg& x, const Dim& over) {
    const auto at = [&](int offset) { return Expr(padded(x, 0)(over(over + offset))); };
    Tensor result("blur_" + over.name());
    result = (at(-2) + at(2)) * 0.0625 + (at(-1) + at(1)) * 0.25 + at(0) * 0.375;
    return result;
}

} // namespace

Expr grid_cells(const Dim& d, std::int64_t cell) {
    return extent(d) / cell + 2;
}

BilateralGrid bilateral_splat(const Arg& value, const Arg& guide, const BilateralAxes& axes, const Dim& ry,
                              const Dim& rx) {
    Function f("bilateral_splat", {value, guide});
    require_at_least(f, axes.cell, 1, "the size of a cell");
    for (const Dim& dim : {axes.y, axes.x}) {
        require_dim(f, value, "the value", dim);
        require_dim(f, guide, "the guide", dim);
    }
    const Type type = value.type().value_or(f32);
    const Expr y = axes.cell * axes.gy + ry - axes.cell / 2, x = axes.cell * axes.gx + rx - axes.cell / 2;
    const ReduceOption inside = where(y >= 0 && y < extent(axes.y) && x >= 0 && x < extent(axes.x));
    const std::vector<AccessArg> pixel{axes.y(y), axes.x(x)};
    const Expr share = max(1 - abs(bin(clamped(guide(pixel)), axes, type) - cast(type, axes.gz)), 0);
    BilateralGrid grid{Tensor("value"), Tensor("weight")};
    grid.value = sum({ry, rx}, share * clamped(value(pixel)), inside);
    grid.weight = sum({ry, rx}, share, inside);
    return grid;
}

Tensor bilateral_blur(const Arg& grid, const BilateralAxes& axes) {
    Function f("bilateral_blur", {grid});
    require_grid(f, grid, axes);
    return blur(blur(blur(grid, axes.gz), axes.gy), axes.gx);
}

Tensor bilateral_slice(const Arg& grid, const Arg& guide, const BilateralAxes& axes) {
    Function f("bilateral_slice", {grid, guide});
    require_at_least(f, axes.cell, 1, "the size of a cell");
    require_grid(f, grid, axes);
    const Type type = guide.type().value_or(f32);
    const auto cells = [&](const Dim& d) { return cast(type, d) * (1.0 / static_cast<double>(axes.cell)); };
    return sample_linear(grid, {{axes.gy, cells(axes.y)}, {axes.gx, cells(axes.x)}, {axes.gz, bin(guide, axes, type)}},
                         Beyond::nearest);
}

Kernel bilateral_grid(const Params& params) {
    const std::int64_t cell = params.integer("cell", 16);
    Dim y("y"), x("x"), ry("ry", cell), rx("rx", cell);
    const BilateralAxes axes{
        y,   x, Dim("gy", grid_cells(y, cell)), Dim("gx", grid_cells(x, cell)), Dim("gz", params.integer("bins", 8)),
        cell};
    Input value("value", f32, {y, x}), guide("guide", f32, {y, x});
    const BilateralGrid raw = bilateral_splat(value, guide, axes, ry, rx);
    Tensor blurred("blurred"), weight("weight"), sliced("sliced"), seen("seen"), result("result");
    blurred = bilateral_blur(raw.value, axes);
    weight = bilateral_blur(raw.weight, axes);
    sliced = bilateral_slice(blurred, guide, axes);
    seen = bilateral_slice(weight, guide, axes);
    result(y, x) = sliced / seen; // every pixel weighs something where it lies itself
    return Kernel("bilateral_grid", {result}, estimates({{y, 1536}, {x, 2048}}));
}

Kernel bilateral_slice() {
    constexpr std::int64_t cell = 16;
    Dim y("y"), x("x"), gy("gy"), gx("gx"), gz("gz"), in("in"), out("out");
    const BilateralAxes axes{y, x, gy, gx, gz, cell};
    Input image("image", f32, {y, x, in}), guide("guide", f32, {y, x});
    Input grid("grid", f32, {gy, gx, gz, out, in}), offset("offset", f32, {gy, gx, gz, out});
    Tensor coefficients("coefficients"), offsets("offsets"), result("result");
    coefficients = bilateral_slice(grid, guide, axes);
    offsets = bilateral_slice(offset, guide, axes);
    result(y, x, out) = sum({in}, coefficients * image) + offsets;
    return Kernel("bilateral_slice", {result},
                  estimates({{y, 1024}, {x, 1024}, {gy, 66}, {gx, 66}, {gz, 8}, {in, 3}, {out, 3}}));
}

} // namespace coulter::models
