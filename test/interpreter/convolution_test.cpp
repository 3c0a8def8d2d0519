// Whole kernels against direct loops in C++.

#include "coulter/interpreter.hpp"
#include "support/array_compare.hpp"
#include "support/build_kernel.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

struct Shape {
    std::int64_t batch, iy, ix, in, out, ky, kx;
};

ir::Kernel convolution(std::int64_t ky, std::int64_t kx, double stride, double dilation) {
    KernelBuilder build("conv2d");
    build.input("image", Type::f32, {"batch", "iy", "ix", "in"}).input("weight", Type::f32, {"ky", "kx", "in", "out"});
    build.dim("ky", ky).dim("kx", kx);
    const E row = stride * loop("y") + dilation * loop("ky");
    const E column = stride * loop("x") + dilation * loop("kx");
    build.reduce("result", {"batch", "y", "x", "out"}, ir::ReduceOp::sum, {"ky", "kx", "in"},
                 {build.at("image", {{"iy", row}, {"ix", column}}) * build.at("weight")});
    return build.kernel();
}

/// Sums in the interpreter's order, so the results are the same bits.
Array direct(const Array& image, const Array& weight, const Shape& s, std::int64_t stride, std::int64_t dilation) {
    const std::int64_t ny = (s.iy - 1 - dilation * (s.ky - 1)) / stride + 1;
    const std::int64_t nx = (s.ix - 1 - dilation * (s.kx - 1)) / stride + 1;
    Array result(Type::f32, {s.batch, ny, nx, s.out});
    std::int64_t at = 0;
    for (std::int64_t b = 0; b < s.batch; ++b)
        for (std::int64_t y = 0; y < ny; ++y)
            for (std::int64_t x = 0; x < nx; ++x)
                for (std::int64_t o = 0; o < s.out; ++o) {
                    float sum = 0;
                    for (std::int64_t ky = 0; ky < s.ky; ++ky)
                        for (std::int64_t kx = 0; kx < s.kx; ++kx)
                            for (std::int64_t i = 0; i < s.in; ++i) {
                                const std::int64_t iy = stride * y + dilation * ky;
                                const std::int64_t ix = stride * x + dilation * kx;
                                const auto p = static_cast<float>(image.real(((b * s.iy + iy) * s.ix + ix) * s.in + i));
                                const auto w =
                                    static_cast<float>(weight.real(((ky * s.kx + kx) * s.in + i) * s.out + o));
                                const float product = p * w;
                                sum = sum + product;
                            }
                    result.set_real(at++, static_cast<double>(sum));
                }
    return result;
}

} // namespace

TEST_CASE("strided and dilated convolutions equal direct loops, bit by bit") {
    for (const Shape& s : {Shape{1, 1, 1, 1, 1, 1, 1}, Shape{2, 7, 9, 3, 5, 3, 2}, Shape{1, 13, 8, 2, 17, 3, 3}}) {
        for (const std::int64_t stride : {1, 2, 3}) {
            for (const std::int64_t dilation : {1, 2}) {
                CAPTURE(s.iy);
                CAPTURE(stride);
                CAPTURE(dilation);
                Array image = random_array(Type::f32, {s.batch, s.iy, s.ix, s.in}, 11);
                for (std::int64_t i = 0; i < image.size(); ++i) {
                    image.set_real(i, image.real(i) / 3);
                }
                const Array weight = random_array(Type::f32, {s.ky, s.kx, s.in, s.out}, 12);
                const auto got =
                    interpret(convolution(s.ky, s.kx, static_cast<double>(stride), static_cast<double>(dilation)),
                              {{"image", image}, {"weight", weight}});
                CHECK(difference(got.at("result"), direct(image, weight, s, stride, dilation), exactly) == "");
            }
        }
    }
}

TEST_CASE("ten million multiply-adds take a moment") {
    const Shape s{1, 34, 34, 32, 33, 3, 3}; // 32 * 32 * 33 * 9 * 32 = 9.7 million
    const Array image = random_array(Type::f32, {s.batch, s.iy, s.ix, s.in}, 1);
    const Array weight = random_array(Type::f32, {s.ky, s.kx, s.in, s.out}, 2);
    const auto got = interpret(convolution(3, 3, 1, 1), {{"image", image}, {"weight", weight}});
    CHECK(difference(got.at("result"), direct(image, weight, s, 1, 1), exactly) == "");
}
