#pragma once
/// What the references of all kernels need: inputs, samples, errors.

#include <coulter/runtime.hpp>

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace demo {

/// A tensor of numbers in -1 .. 1, the same in every run with the same seed.
[[nodiscard]] coulter::Tensor<float> random_tensor(std::initializer_list<std::int64_t> shape, std::uint32_t seed);

/// `count` numbers of 0 .. size-1 in ascending order, the first and the last among them; all when there are no more.
[[nodiscard]] std::vector<std::int64_t> sample(std::int64_t size, std::int64_t count);

/// The largest error of a set of results, against the largest magnitude of what they should be.
class Deviation {
public:
    void add(double result, double wanted);
    /// NaN when a result was NaN and should not have been, or nothing was added.
    [[nodiscard]] double relative() const;
    [[nodiscard]] std::int64_t count() const { return count_; }

private:
    double error_ = 0;
    double magnitude_ = 0;
    std::int64_t count_ = 0;
};

/// An integer with thousands separated: `3,211,264`.
[[nodiscard]] std::string grouped(std::int64_t number);

} // namespace demo
