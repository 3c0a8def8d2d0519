#pragma once
/// Times a kernel beside the roofs of the machine.

#include "cases.hpp"

#include <string>

namespace demo {

/// One line of the table.
struct Measurement {
    std::string name;
    std::string sizes;
    double seconds = 0;    ///< median of a call
    double flops = 0;      ///< per second
    double bytes = 0;      ///< per second, each argument counted once
    double flops_roof = 0; ///< median of those measured between the calls
    double bytes_roof = 0;
    double spread = 0; ///< of the roof of multiply-adds: interquartile range over median
    Comparison comparison;

    /// Whether copying its arguments would take longer than its arithmetic, both at their roofs.
    [[nodiscard]] bool memory_bound() const { return bytes / bytes_roof > flops / flops_roof; }
    /// Of the roof that bounds it. With noise, or where data stays in caches, it may exceed 1.
    [[nodiscard]] double share() const { return memory_bound() ? bytes / bytes_roof : flops / flops_roof; }
};

/// Calls the kernel and the roofs in turn for `seconds`, at least seven times each, and then compares its result.
/// \throws coulter::Error when a call fails, std::runtime_error when the tensors are not of the sizes for which the
/// library counted operations.
[[nodiscard]] Measurement measure(const Case& subject, coulter::Context& context, int threads, double seconds);

} // namespace demo
