// The algorithm of the second lesson: convolutional capsules, equation 2 of P. Barham and M. Isard, Machine Learning
// Systems are Stuck in a Rut, HotOS 2019. It is models/capsules.cpp, under a name for each step of the lesson.
//
// Where a convolution has numbers, this has matrices of 4 x 4: the pose of each input capsule is multiplied by a matrix
// of weights, which gives a vote for the pose of each output capsule, and the votes are summed over a window of 3 x 3.

#include <coulter/coulter.h>

using namespace coulter;

Kernel votes_kernel(const std::string& name) {
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4);

    Input pose("pose", f32, {batch, iy, ix, in, row, k});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    weight.frozen(); // it does not change between calls, so it may be rearranged once

    Tensor votes("votes");
    votes(batch, y, x, out, row, col) = sum({ky, kx, in, k}, pose(iy(2 * y + ky), ix(2 * x + kx)) * weight);
    return Kernel(name, {votes}, estimates({{batch, 64}, {iy, 15}, {ix, 15}, {in, 32}, {out, 32}}));
}

int main(int argc, char** argv) {
    std::vector<KernelFactory> kernels;
    for (const char* const name : {"step0", "step1", "step2", "step3", "step4", "step5", "exercise"}) {
        kernels.emplace_back(name, [name] { return votes_kernel(name); });
    }
    return generate(argc, argv, kernels);
}
