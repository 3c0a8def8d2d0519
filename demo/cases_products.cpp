// Kernels that multiply and add: matmul, conv2d, conv_capsules.

#include "cases.hpp"
#include "reference.hpp"

#include <models/conv2d.h>
#include <models/conv_capsules.h>
#include <models/matmul.h>

#include <algorithm>
#include <memory>

namespace demo {
namespace {

constexpr std::int64_t samples = 4096;

using Tensor = coulter::Tensor<float>;

/// One result as the kernel should compute it, from its place in the output.
using Wanted = std::function<double(std::int64_t place)>;

Comparison compare_samples(const Tensor& result, const Wanted& wanted) {
    Deviation deviation;
    for (const std::int64_t place : sample(result.size(), samples)) {
        deviation.add(result.data()[place], wanted(place));
    }
    return {deviation.relative(),
            grouped(deviation.count()) + " of " + grouped(result.size()) + " elements, loops in f64"};
}

} // namespace

Case matmul_case() {
    constexpr std::int64_t n = 1024;
    struct Data {
        Tensor a = random_tensor({n, n}, 1), b = random_tensor({n, n}, 2), c{n, n};
    };
    const auto d = std::make_shared<Data>();
    const auto wanted = [d](std::int64_t place) {
        double sum = 0;
        for (std::int64_t k = 0; k < n; ++k) {
            sum += static_cast<double>(d->a(place / n, k)) * static_cast<double>(d->b(k, place % n));
        }
        return sum;
    };
    return {"1024 x 1024 x 1024", matmul_info(), bytes_of(d->a, d->b, d->c),
            [d](coulter::Context& context) { coulter::matmul(context, d->a, d->b, d->c); },
            [=] { return compare_samples(d->c, wanted); }};
}

Case conv2d_case() {
    constexpr std::int64_t size = 56;
    constexpr std::int64_t channels = 64;
    struct Data {
        Tensor image = random_tensor({1, size, size, channels}, 1);
        Tensor weight = random_tensor({3, 3, channels, channels}, 2);
        Tensor bias = random_tensor({channels}, 3);
        Tensor result{1, size, size, channels};
    };
    const auto d = std::make_shared<Data>();
    const auto wanted = [d](std::int64_t place) {
        const std::int64_t out = place % channels;
        const std::int64_t x = place / channels % size;
        const std::int64_t y = place / channels / size;
        double sum = d->bias(out);
        for (std::int64_t ky = 0; ky < 3; ++ky) {
            for (std::int64_t kx = 0; kx < 3; ++kx) {
                const std::int64_t iy = y + ky - 1;
                const std::int64_t ix = x + kx - 1;
                for (std::int64_t in = 0; iy >= 0 && iy < size && ix >= 0 && ix < size && in < channels; ++in) {
                    sum +=
                        static_cast<double>(d->image(0, iy, ix, in)) * static_cast<double>(d->weight(ky, kx, in, out));
                }
            }
        }
        return std::max(sum, 0.0);
    };
    return {"1 x 56 x 56, 3 x 3, 64 to 64, ReLU", conv2d_info(), bytes_of(d->image, d->weight, d->bias, d->result),
            [d](coulter::Context& context) { coulter::conv2d(context, d->image, d->weight, d->bias, d->result); },
            [=] { return compare_samples(d->result, wanted); }};
}

Case conv_capsules_case() {
    constexpr std::int64_t batch = 64;
    constexpr std::int64_t from = 15;
    constexpr std::int64_t to = 7;
    constexpr std::int64_t capsules = 32;
    struct Data {
        Tensor pose = random_tensor({batch, from, from, capsules, 4, 4}, 1);
        Tensor weight = random_tensor({3, 3, capsules, capsules, 4, 4}, 2);
        Tensor votes{batch, to, to, capsules, 4, 4};
    };
    const auto d = std::make_shared<Data>();
    const auto wanted = [d](std::int64_t place) {
        const std::int64_t col = place % 4;
        const std::int64_t row = place / 4 % 4;
        const std::int64_t out = place / 16 % capsules;
        const std::int64_t x = place / (16 * capsules) % to;
        const std::int64_t y = place / (16 * capsules * to) % to;
        const std::int64_t n = place / (16 * capsules * to * to);
        double sum = 0;
        for (std::int64_t ky = 0; ky < 3; ++ky) {
            for (std::int64_t kx = 0; kx < 3; ++kx) {
                for (std::int64_t in = 0; in < capsules; ++in) {
                    for (std::int64_t k = 0; k < 4; ++k) {
                        sum += static_cast<double>(d->pose(n, 2 * y + ky, 2 * x + kx, in, row, k)) *
                               static_cast<double>(d->weight(ky, kx, in, out, k, col));
                    }
                }
            }
        }
        return sum;
    };
    return {"64 x 15 x 15, 3 x 3, 32 to 32 capsules of 4 x 4", conv_capsules_info(),
            bytes_of(d->pose, d->weight, d->votes),
            [d](coulter::Context& context) { coulter::conv_capsules(context, d->pose, d->weight, d->votes); },
            [=] { return compare_samples(d->votes, wanted); }};
}

} // namespace demo
