// The algorithm of the first lesson: a picture, smoothed by the weighted mean of each 3 x 3 window.
//
// This is a generator: a program that writes `smooth.coulter`, the kernel as text. A library is built from that text,
// so this program is no part of yours, and needs no more than Coulter's headers and its library dsl.

#include <coulter/coulter.h>

using namespace coulter;

Kernel smooth() {
    // Dims are names. Loops over a dim run from 0 to its extent - 1. The windows are 3 x 3, which is said here; the
    // other extents are the caller's.
    Dim y("y"), x("x"), iy("iy"), ix("ix");
    Dim ky("ky", 3), kx("kx", 3);

    // Inputs are the arguments of the kernel. The order of an input's dims is how it lies in memory, outermost first:
    // here row by row. Nothing else depends on that order.
    Input image("image", f32, {iy, ix});
    Input weight("weight", f32, {ky, kx});

    // A reduction says which dims it sums over, and the others stay. `weight` has none but these, so this is a scalar.
    Tensor total("total");
    total = sum({ky, kx}, weight);

    // Brackets bind the dims of a tensor: iy of the image is y + ky. What is not bound binds itself by its name, as ky
    // and kx of the weight do. There are no positions, so no argument is in the wrong place.
    //
    // Nobody said how large y is. From 0 <= y + ky < extent(iy) follows that extent(y) = extent(iy) - 2.
    Tensor result("result");
    result(y, x) = sum({ky, kx}, image(iy(y + ky), ix(x + kx)) * weight) / total;

    // The kernel is its outputs and all that they need. Estimates are typical sizes, for whoever schedules the kernel;
    // it accepts all others too.
    return Kernel("smooth", {result}, estimates({{iy, 512}, {ix, 512}}));
}

int main(int argc, char** argv) {
    return generate(argc, argv, {{"smooth", smooth}});
}
