// Max and average pooling over windows of two sizes.

#include "cases.hpp"
#include "reference.hpp"

#include <models/avg_pool2d.h>
#include <models/avg_pool2d_padded.h>
#include <models/max_pool2d.h>
#include <models/max_pool2d_padded.h>

#include <algorithm>
#include <limits>
#include <memory>

namespace demo {
namespace {

constexpr std::int64_t from = 112;
constexpr std::int64_t to = 56;
constexpr std::int64_t channels = 64;

using Tensor = coulter::Tensor<float>;
using Kernel = void (*)(coulter::Context&, const coulter::TensorView<const float>&, const coulter::TensorView<float>&);

struct Pool {
    std::int64_t window;
    std::int64_t padding;
    bool average;
};

double wanted(const Pool& pool, const Tensor& image, std::int64_t y, std::int64_t x, std::int64_t channel) {
    double highest = -std::numeric_limits<double>::infinity();
    double sum = 0;
    int inside = 0;
    for (std::int64_t ky = 0; ky < pool.window; ++ky) {
        for (std::int64_t kx = 0; kx < pool.window; ++kx) {
            const std::int64_t iy = 2 * y + ky - pool.padding;
            const std::int64_t ix = 2 * x + kx - pool.padding;
            if (iy >= 0 && iy < from && ix >= 0 && ix < from) {
                const double value = image(0, iy, ix, channel);
                highest = std::max(highest, value);
                sum += value;
                ++inside;
            }
        }
    }
    return pool.average ? sum / inside : highest;
}

Case pool_case(const Pool& pool, const coulter_kernel_info* info, Kernel kernel) {
    struct Data {
        Tensor image = random_tensor({1, from, from, channels}, 1), result{1, to, to, channels};
    };
    const auto d = std::make_shared<Data>();
    const auto compare = [=] {
        Deviation deviation;
        for (std::int64_t y = 0; y < to; ++y) {
            for (std::int64_t x = 0; x < to; ++x) {
                for (std::int64_t channel = 0; channel < channels; ++channel) {
                    deviation.add(d->result(0, y, x, channel), wanted(pool, d->image, y, x, channel));
                }
            }
        }
        return Comparison{deviation.relative(), "all " + grouped(deviation.count()) + " elements, loops in f64"};
    };
    const std::string window = std::to_string(pool.window);
    return {"1 x 112 x 112 x 64, " + window + " x " + window + ", stride 2" + (pool.padding > 0 ? ", padded" : ""),
            info, bytes_of(d->image, d->result),
            [d, kernel](coulter::Context& context) { kernel(context, d->image, d->result); }, compare};
}

} // namespace

Case max_pool2d_case() {
    return pool_case({2, 0, false}, max_pool2d_info(), coulter::max_pool2d);
}
Case max_pool2d_padded_case() {
    return pool_case({3, 1, false}, max_pool2d_padded_info(), coulter::max_pool2d_padded);
}
Case avg_pool2d_case() {
    return pool_case({2, 0, true}, avg_pool2d_info(), coulter::avg_pool2d);
}
Case avg_pool2d_padded_case() {
    return pool_case({3, 1, true}, avg_pool2d_padded_info(), coulter::avg_pool2d_padded);
}

} // namespace demo
