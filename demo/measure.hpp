#pragma once
/// Times a kernel in all its forms, beside the roofs of the machine.

#include "form.hpp"

#include <string>

namespace demo {

/// How one form of a kernel did.
struct Timing {
    double seconds = 0; ///< median of a call
    double flops = 0;   ///< per second
    double bytes = 0;   ///< per second, each argument counted once
};

/// One line of the table.
struct Measurement {
    std::string name;
    std::string sizes;
    std::vector<Timing> forms; ///< as given to measure()
    double flops_roof = 0;     ///< median of those measured between the calls
    double bytes_roof = 0;
    double spread = 0;     ///< of the roof of multiply-adds: interquartile range over median
    Comparison comparison; ///< of the form that is furthest off

    /// Whether copying its arguments would take longer than its arithmetic, both at their roofs.
    [[nodiscard]] bool memory_bound() const {
        return forms.front().bytes / bytes_roof > forms.front().flops / flops_roof;
    }
    /// Of the roof that bounds it. With noise, or where data stays in caches, it may exceed 1.
    [[nodiscard]] double share(const Timing& form) const {
        return memory_bound() ? form.bytes / bytes_roof : form.flops / flops_roof;
    }
};

/// Calls case `number` of each form and the roofs in turn for `seconds` per form, at least seven times each, and then
/// compares the results. \throws coulter::Error when a call fails, std::runtime_error when two forms are one library,
/// or the tensors are not of the sizes for which the library counted operations.
[[nodiscard]] Measurement measure(const std::vector<std::unique_ptr<Form>>& forms, std::size_t number,
                                  const Subjects& subjects, int threads, double seconds);

} // namespace demo
