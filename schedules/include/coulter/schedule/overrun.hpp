#pragma once
/// Which stages compute more than is asked for, so that inner loops have whole vectors.

#include "coulter/schedule/padding.hpp"

namespace coulter::schedule {

struct Overrun {
    /// Number of elements of a dim that one realisation computes, where constant.
    std::map<std::string, std::int64_t> computed;
    std::set<std::string> dims; ///< whose last tile or vector may pass the extent
    /// Loops that are split into vectors without a rest, with the dim and the number of lanes.
    std::map<std::string, std::pair<std::string, std::int64_t>> rounded;
};

/// Whether memory of the stage may be larger than its extents say: it is the kernel's own.
[[nodiscard]] bool is_internal(const Plan& plan, const std::string& stage);

/// Of every stage of the plan, by name. `padding` is what held_padding gave for it.
[[nodiscard]] std::map<std::string, Overrun> overruns(const Plan& plan,
                                                      const std::map<std::string, HeldPadding>& padding);

} // namespace coulter::schedule
