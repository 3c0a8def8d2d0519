#pragma once
/// Reduced loops that become an instruction for dot products.

#include "pipeline.hpp"

namespace coulter::lower {

/// The loop of a stage that an instruction can take the place of, or nothing. It is an unrolled loop over groups of 2
/// or 4 indices of a reduced dim, each a product of narrow integers that lie side by side in memory, in a nest with
/// vectors of whole length. In an integer sum no order shows.
[[nodiscard]] std::optional<Dot> find_dot(const Lowering& lowering, const Stage& stage);

} // namespace coulter::lower
