#pragma once
/// Which stages are computed more than once, each time near those that read them.

#include "default_costs.hpp"

namespace coulter::schedule {

/// A copy of a stage for some of its readers, as `clone SOURCE for CONSUMER ... as NAME` makes it.
struct Clone {
    std::string source;
    std::vector<std::string> consumers;
};

/// The stage most worth computing anew for some of its readers; nothing where none is. `shapes` are those of the kernel
/// as it is. A stage is worth it where the loops around all its readers leave a slice that only a large cache holds,
/// those around groups of readers leave one that a small cache holds (or registers, where a reader writes the stage
/// out), and the moves between the caches that this saves take several times as long as the operations that it adds.
[[nodiscard]] std::optional<Clone> choose_clone(const Analysis& analysis,
                                                const std::map<std::string, StageShape>& shapes);

} // namespace coulter::schedule
