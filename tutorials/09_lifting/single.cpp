// One image, one filter: the convolution of Barham and Isard's equation 3, with the squares of a distance in place of
// products. Nothing here knows of batches, or of more filters than one.

#include <coulter/coulter.h>

using namespace coulter;

namespace {

Kernel single() {
    Dim y("y"), x("x"), iy("iy"), ix("ix"), in("in");
    Dim ky("ky", 3), kx("kx", 3);
    Input image("image", f32, {iy, ix, in}), weight("weight", f32, {ky, kx, in});

    Tensor distance("distance"), response("response");
    const Expr difference = image(iy(y + ky), ix(x + kx)) - weight;
    distance = sum({ky, kx, in}, difference * difference);
    response(y, x) = 1 / (1 + distance);
    return Kernel("single", {response}, estimates({{iy, 34}, {ix, 34}, {in, 16}}));
}

} // namespace

int main(int argc, char** argv) {
    return generate(argc, argv, {{"single", single}});
}
