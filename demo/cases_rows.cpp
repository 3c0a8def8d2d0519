// Kernels over rows: softmax, layer_norm.

#include "cases.hpp"
#include "reference.hpp"

#include <models/layer_norm.h>
#include <models/softmax.h>

#include <algorithm>
#include <cmath>
#include <memory>

namespace demo {
namespace {

constexpr std::int64_t rows = 4096;
constexpr std::int64_t cols = 1024;

using Tensor = coulter::Tensor<float>;
using Row = std::vector<double>;

/// Computes one row in place.
template <class Wanted>
Comparison compare_rows(const Tensor& x, const Tensor& result, const Wanted& wanted) {
    Deviation deviation;
    const std::vector<std::int64_t> places = sample(rows, 64);
    for (const std::int64_t row : places) {
        Row values(cols);
        for (std::int64_t col = 0; col < cols; ++col) {
            values[static_cast<std::size_t>(col)] = x(row, col);
        }
        wanted(values);
        for (std::int64_t col = 0; col < cols; ++col) {
            deviation.add(result(row, col), values[static_cast<std::size_t>(col)]);
        }
    }
    return {deviation.relative(),
            grouped(static_cast<std::int64_t>(places.size())) + " of " + grouped(rows) + " rows, loops in f64"};
}

} // namespace

Case softmax_case() {
    struct Data {
        Tensor x = random_tensor({rows, cols}, 1), result{rows, cols};
    };
    const auto d = std::make_shared<Data>();
    for (float& value : d->x.values()) {
        value *= 10;
    }
    const auto wanted = [](Row& row) {
        const double highest = *std::ranges::max_element(row);
        double sum = 0;
        for (double& value : row) {
            value = std::exp(value - highest);
            sum += value;
        }
        for (double& value : row) {
            value /= sum;
        }
    };
    return {"4096 rows of 1024", softmax_info(), bytes_of(d->x, d->result),
            [d](coulter::Context& context) { coulter::softmax(context, d->x, d->result); },
            [=] { return compare_rows(d->x, d->result, wanted); }};
}

Case layer_norm_case() {
    struct Data {
        Tensor x = random_tensor({rows, cols}, 1), gamma = random_tensor({cols}, 2), beta = random_tensor({cols}, 3);
        Tensor result{rows, cols};
    };
    const auto d = std::make_shared<Data>();
    const auto wanted = [d](Row& row) {
        double mean = 0;
        for (const double value : row) {
            mean += value / cols;
        }
        double variance = 0;
        for (const double value : row) {
            variance += (value - mean) * (value - mean) / cols;
        }
        for (std::int64_t col = 0; col < cols; ++col) {
            double& value = row[static_cast<std::size_t>(col)];
            value = (value - mean) / std::sqrt(variance + 1e-5) * static_cast<double>(d->gamma(col)) +
                    static_cast<double>(d->beta(col));
        }
    };
    return {"4096 rows of 1024", layer_norm_info(), bytes_of(d->x, d->gamma, d->beta, d->result),
            [d](coulter::Context& context) { coulter::layer_norm(context, d->x, d->gamma, d->beta, d->result); },
            [=] { return compare_rows(d->x, d->result, wanted); }};
}

} // namespace demo
