#pragma once
/// The roofs of this machine: how fast it multiplies and adds, and how fast it copies.

#include <coulter/runtime.hpp>

#include <cstdint>

namespace demo {

/// Measures the roofs in bursts of about two milliseconds, so that they can be measured between the calls of a kernel.
class Roof {
public:
    /// \param bytes what the kernel reads and writes together: the copy reads half of that and writes the other half.
    /// Data that fits in a cache is copied at the speed of that cache.
    Roof(int threads, std::int64_t bytes);

    /// Floating-point operations per second of independent f32 multiply-adds in the widest vectors.
    [[nodiscard]] double flops();
    /// Bytes per second, read and written, of `y[i] = x[i] * s`.
    [[nodiscard]] double bytes();

private:
    int threads_;
    std::int64_t copy_rounds_ = 1;
    coulter::Tensor<float> from_;
    coulter::Tensor<float> to_;
};

} // namespace demo
