#pragma once
/// The dim that all stages have in their lanes, where it is best that they agree on one.

#include "default_nests.hpp"

namespace coulter::schedule {

/// Each stage chooses its lanes by what it reads and writes, and what lies between two stages that chose differently is
/// gathered by one of them. Where an estimate over all stages says that they take less with the same dim in the lanes
/// of every stage that has it, this is that dim. Empty: each does best to choose for itself, or a search has decided.
[[nodiscard]] std::optional<std::string> choose_lanes(const ir::Kernel& kernel, const std::vector<std::string>& already,
                                                      const DefaultOptions& options);

} // namespace coulter::schedule
