// The algorithm of the lesson about tuning: the nearest of some centres by the sum of absolute differences, for every
// point. No library has a tuned kernel for it.

#include <coulter/coulter.h>

using namespace coulter;

Kernel nearest_kernel() {
    Dim point("point"), centre("centre"), k("k");
    Input points("points", f32, {point, k});
    Input centres("centres", f32, {centre, k});

    Tensor distance("distance"), nearest("nearest");
    distance(point, centre) = sum({k}, abs(points - centres));
    nearest(point) = min({centre}, distance);
    return Kernel("nearest", {nearest}, estimates({{point, 1024}, {centre, 256}, {k, 64}}));
}

int main(int argc, char** argv) {
    return generate(argc, argv, {{"nearest", nearest_kernel}});
}
