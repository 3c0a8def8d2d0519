// Library functions on dims and options that no kernel of models/ uses.

#include "coulter/interpreter.hpp"
#include "models/convolution.hpp"
#include "models/dynamic_routing.hpp"
#include "models/layer_norm.hpp"
#include "models/matmul.hpp"
#include "models/pooling.hpp"
#include "models/softmax.hpp"
#include "support/array_compare.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// Evaluated in f64, to compare with loops over doubles.
Array run(const Kernel& kernel, const std::map<std::string, Array>& inputs) {
    return interpret(kernel.ir(), inputs, {}, {.in_double = true}).at("result");
}

struct Taps {
    std::int64_t extent, size;
    models::Window window;
    /// The place that tap k of position p reads, and whether it is inside.
    [[nodiscard]] std::int64_t place(std::int64_t p, std::int64_t k) const {
        return window.stride * p + window.dilation * k - window.padding;
    }
    [[nodiscard]] bool inside(std::int64_t at) const { return at >= 0 && at < extent; }
    [[nodiscard]] std::int64_t positions() const {
        std::int64_t n = 0;
        while (place(n, size - 1) <= extent - 1 + window.padding) {
            ++n;
        }
        return n;
    }
};

/// One axis is as `taps` says, the other has one tap.
Kernel average_rows(const Taps& taps) {
    Dim iy("iy"), ix("ix"), ky("ky", taps.size), kx("kx", 1);
    Dim y("y", models::positions(iy, ky, taps.window));
    Dim x("x", models::positions(ix, kx, taps.window));
    Input image("image", f32, {iy, ix});
    Tensor result("result");
    result(y, x) = models::average_pool(image, {iy, y, ky}, {ix, x, kx}, taps.window);
    return Kernel("average_rows", {result});
}

} // namespace

TEST_CASE("average pooling counts the taps inside for every stride, padding and dilation") {
    for (const std::int64_t extent : {5, 8, 13}) {
        for (const std::int64_t stride : {1, 2, 3}) {
            for (const std::int64_t padding : {0, 1, 2}) {
                for (const std::int64_t dilation : {1, 2}) {
                    const Taps taps{extent, 3, {stride, padding, dilation}};
                    CAPTURE(extent);
                    CAPTURE(stride);
                    CAPTURE(padding);
                    CAPTURE(dilation);
                    const Array image = random_array(Type::f32, {extent, 1}, 3);
                    std::vector<double> wanted;
                    // Along x the window has one tap and the same padding: its position p reads stride*p - padding.
                    const Taps across{1, 1, {stride, padding, dilation}};
                    for (std::int64_t y = 0; y < taps.positions(); ++y) {
                        for (std::int64_t x = 0; x < across.positions(); ++x) {
                            double sum = 0;
                            double count = 0;
                            for (std::int64_t k = 0; k < 3; ++k) {
                                if (taps.inside(taps.place(y, k)) && across.inside(across.place(x, 0))) {
                                    sum += image.real(taps.place(y, k));
                                    ++count;
                                }
                            }
                            wanted.push_back(sum / count);
                        }
                    }
                    const Array result = run(average_rows(taps), {{"image", image}});
                    CHECK(difference(result, array_of(Type::f64, {taps.positions(), across.positions()}, wanted)) ==
                          "");
                }
            }
        }
    }
}

TEST_CASE("a depthwise convolution is one without a reduced channel") {
    Dim iy("iy"), ix("ix"), channel("channel"), ky("ky", 2), kx("kx", 3), y("y"), x("x");
    Input image("image", f32, {channel, iy, ix});
    Input weight("weight", f32, {channel, ky, kx});
    Tensor result("result");
    result(y, x, channel) = models::convolution(image, weight, {iy, y, ky}, {ix, x, kx}, {}, {.stride = 2});
    const Array i = random_array(Type::f32, {3, 5, 8}, 1);
    const Array w = random_array(Type::f32, {3, 2, 3}, 2);
    std::vector<double> wanted;
    for (std::int64_t py = 0; py < 2; ++py) {
        for (std::int64_t px = 0; px < 3; ++px) {
            for (std::int64_t c = 0; c < 3; ++c) {
                double sum = 0;
                for (std::int64_t a = 0; a < 2; ++a) {
                    for (std::int64_t b = 0; b < 3; ++b) {
                        sum += i.real((c * 5 + 2 * py + a) * 8 + 2 * px + b) * w.real((c * 2 + a) * 3 + b);
                    }
                }
                wanted.push_back(sum);
            }
        }
    }
    const Kernel kernel("depthwise", {result});
    CHECK(difference(run(kernel, {{"image", i}, {"weight", w}}), array_of(Type::f64, {2, 3, 3}, wanted)) == "");
}

TEST_CASE("matmul keeps common dims pairwise, and softmax runs over any dim of an expression") {
    Dim batch("batch"), i("i"), j("j"), k("k");
    Input a("a", f32, {batch, i, k});
    Input b("b", f32, {batch, j, k});
    Tensor scores("scores"), result("result");
    scores = models::matmul(a, b, {k});
    result(batch, i, j) = models::softmax(scores * 0.5, i);
    const Array left = random_array(Type::f32, {2, 3, 4}, 1);
    const Array right = random_array(Type::f32, {2, 5, 4}, 2);
    std::vector<double> wanted(2 * 3 * 5);
    for (std::size_t n = 0; n < 2; ++n) {
        for (std::size_t c = 0; c < 5; ++c) {
            double total = 0;
            for (std::size_t r = 0; r < 3; ++r) {
                double sum = 0;
                for (std::size_t m = 0; m < 4; ++m) {
                    sum += left.real(static_cast<std::int64_t>((n * 3 + r) * 4 + m)) *
                           right.real(static_cast<std::int64_t>((n * 5 + c) * 4 + m));
                }
                wanted[(n * 3 + r) * 5 + c] = std::exp(0.5 * sum);
                total += std::exp(0.5 * sum);
            }
            for (std::size_t r = 0; r < 3; ++r) {
                wanted[(n * 3 + r) * 5 + c] /= total;
            }
        }
    }
    const Kernel kernel("attention", {result});
    CHECK(difference(run(kernel, {{"a", left}, {"b", right}}), array_of(Type::f64, {2, 3, 5}, wanted)) == "");
}

TEST_CASE("layer_norm of f64 is computed in f64") {
    Dim row("row"), col("col");
    Input x("x", f64, {col, row}), gamma("gamma", f64, {col}), beta("beta", f64, {col});
    Tensor result("result");
    result = models::layer_norm(x, gamma, beta, col, 0);
    const Kernel kernel("norm", {result});
    CHECK(kernel.ir().types_of("result") == std::vector<Type>{Type::f64});
    const Array got = interpret(kernel.ir(), {{"x", array_of(Type::f64, {2, 1}, {1e9 + 1, 1e9 - 1})},
                                              {"gamma", array_of(Type::f64, {2}, {2, 2})},
                                              {"beta", array_of(Type::f64, {2}, {0.5, 0.5})}})
                          .at("result");
    CHECK(got.real(0) == doctest::Approx(2.5));
    CHECK(got.real(1) == doctest::Approx(-1.5));
}

TEST_CASE("one iteration of dynamic routing squashes the mean of the predictions over the parents") {
    Dim in("in", 3), out("out", 2), h("h", 2);
    Input predictions("predictions", f64, {in, out, h});
    Tensor result("result");
    result(out, h) = models::dynamic_routing(predictions, {in, out, h}, 1);
    const std::vector<double> values{1, 2, 0, 0, -3, 4, 0, 0, 5, 0, 0, 0};
    const Array got = run(Kernel("routing", {result}), {{"predictions", array_of(Type::f64, {3, 2, 2}, values)}});
    // Parent 0 gets half of (1 - 3 + 5, 2 + 4 + 0), whose squared length is 11.25; parent 1 gets nothing.
    const double scale = 11.25 / 12.25 / std::sqrt(11.25 + 1e-7);
    CHECK(difference(got, array_of(Type::f64, {2, 2}, {1.5 * scale, 3 * scale, 0, 0})) == "");
}
