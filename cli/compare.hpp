#pragma once
/// Comparison of a result with its reference.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"

namespace coulter::cli {

struct Difference {
    bool equal = true; ///< within the tolerance; integers and bool: the same
    double error = 0;  ///< floats: largest |difference| over largest |reference|; others: the share of wrong elements
    std::string where; ///< the worst element, `[1, 0, 3]: 2.5, wanted 2`
};

/// Floats may differ by `tolerance` of the largest finite reference; NaN and infinities must be the same.
[[nodiscard]] Difference compare(const Array& result, const Array& reference, double tolerance);

/// What rounding allows: by the narrowest float type that the kernel computes in.
[[nodiscard]] double default_tolerance(const ir::Kernel& kernel);

} // namespace coulter::cli
