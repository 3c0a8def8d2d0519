#include "models/capsules.hpp"

namespace coulter::models {

Kernel conv_capsules() {
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4);

    Input pose("pose", f32, {batch, iy, ix, in, row, k});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    weight.frozen();

    Tensor votes("votes");
    votes(batch, y, x, out, row, col) = sum({ky, kx, in, k}, pose(iy(2 * y + ky), ix(2 * x + kx)) * weight());
    return Kernel("conv_capsules", {votes}, estimates({{batch, 64}, {iy, 15}, {ix, 15}, {in, 32}, {out, 32}}));
}

} // namespace coulter::models
