#include "reference.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace demo {

coulter::Tensor<float> random_tensor(std::initializer_list<std::int64_t> shape, std::uint32_t seed) {
    coulter::Tensor<float> tensor(shape);
    std::minstd_rand bits(seed + 1); // its numbers, unlike those of distributions, are the same everywhere
    constexpr double range = std::minstd_rand::max();
    for (float& value : tensor.values()) {
        value = static_cast<float>(2 * bits() / range - 1);
    }
    return tensor;
}

std::vector<std::int64_t> sample(std::int64_t size, std::int64_t count) {
    std::vector<std::int64_t> places;
    if (size <= count) {
        for (std::int64_t i = 0; i < size; ++i) {
            places.push_back(i);
        }
        return places;
    }
    // One at random in each of `count` equal parts, so that every region is looked at.
    std::mt19937_64 bits(1);
    for (std::int64_t part = 0; part < count; ++part) {
        const std::int64_t begin = size * part / count;
        const std::int64_t end = size * (part + 1) / count;
        places.push_back(begin + static_cast<std::int64_t>(bits() % static_cast<std::uint64_t>(end - begin)));
    }
    places.front() = 0;
    places.back() = size - 1;
    return places;
}

void Deviation::add(double result, double wanted) {
    ++count_;
    const double error = std::abs(result - wanted);
    if (std::isnan(error) || error > error_) { // once NaN, error_ stays so
        error_ = error;
    }
    magnitude_ = std::max(magnitude_, std::abs(wanted));
}

double Deviation::relative() const {
    if (count_ == 0) {
        return std::numeric_limits<double>::quiet_NaN();
    }
    return magnitude_ > 0 ? error_ / magnitude_ : error_;
}

std::string grouped(std::int64_t number) {
    std::string text = std::to_string(number);
    for (std::size_t at = text.size(); at > 3;) {
        at -= 3;
        text.insert(at, 1, ',');
    }
    return text;
}

} // namespace demo
