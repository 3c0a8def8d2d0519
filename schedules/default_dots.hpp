#pragma once
/// Which sums of products the default schedule leaves to instructions for dot products.

#include "default_analysis.hpp"

namespace coulter::schedule {

/// A reduced dim whose products an instruction is to add, and the frozen tensor that is packed for it.
struct DotChoice {
    std::string dim;
    std::int64_t factor = 2;
    std::string packed;
};

/// Where a reduction is a sum of products of narrow integers: one factor is the same for all lanes, which lie along
/// `lanes`, and contiguous along the reduced dim, the other one frozen, so that its neighbours along that dim can be
/// brought together in each lane.
[[nodiscard]] std::optional<DotChoice> choose_dot(const Analysis& analysis, const ir::Definition& reduction,
                                                  const std::string& lanes);

} // namespace coulter::schedule
