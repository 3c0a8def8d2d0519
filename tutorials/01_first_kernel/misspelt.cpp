// The same kernel with a mistake of the kind that everybody makes. The lesson runs this generator and shows what it
// says.

#include <coulter/coulter.h>

using namespace coulter;

Kernel smooth() {
    Dim y("y"), x("x"), iy("iy"), ix("ix");
    Dim ky("ky", 3), kx("kx", 3);
    Input image("image", f32, {iy, ix});
    Input weight("weight", f32, {ky, kx});
    Tensor result("result");
    result(y, x) = sum({ky, kx}, image(y(y + ky), ix(x + kx)) * weight); // y(...), where iy(...) was meant
    return Kernel("smooth", {result});
}

int main(int argc, char** argv) {
    return generate(argc, argv, {{"smooth", smooth}});
}
