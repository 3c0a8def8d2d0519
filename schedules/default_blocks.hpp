#pragma once
/// Tiles in blocks, of which what is read of other stages stays in a cache.

#include "default_costs.hpp"

#include <set>

namespace coulter::schedule {

/// Makes the loop over tiles of a dim one over blocks of it, inside the loops that all tiles share, where what the
/// tiles read of other stages is more than a cache holds and the part for a block is not. `before`: all that the stage
/// reads, directly or not.
void block_for_slices(const Analysis& analysis, const Costs& costs, const std::map<std::string, StageShape>& shapes,
                      const ir::Definition& stage, const std::set<std::string>& before, StageShape& shape);

} // namespace coulter::schedule
