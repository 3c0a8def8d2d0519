#pragma once
/// Every reduction of the language in one kernel.

#include <coulter/coulter.h>

namespace coulter::models {

/// x[i, j] of f32, reduced over j -> sum, product, min, max, logsumexp, mean, variance [i] of f32 and argmin, argmax
/// [i] of i32. The variance is the population's, in two passes.
[[nodiscard]] Kernel reductions();

} // namespace coulter::models
