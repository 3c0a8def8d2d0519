#pragma once
/// Which inputs are copied for the tiles of a reduction, and where.

#include "default_costs.hpp"

namespace coulter::schedule {

/// A copy of an input or const, as `copy SOURCE for CONSUMER` makes it.
struct HeldCopy {
    std::string source;
    std::string consumer;
    std::string name;   ///< what the copy is called after the source: `held` or `panel`
    std::string reason; ///< for the line that makes it
};

/// Whether there is a read that a copy could be made for, whatever the shapes are, which take long to choose.
[[nodiscard]] bool may_hold(const Analysis& analysis);

/// The first copy worth making; nothing where none is. `shapes` are those of the kernel as it is.
///
/// Padding: a reduction that reads a padded tensor asks, at every read of a tile that may reach beyond an end, whether
/// it does; where tiles are few, those at the ends are many. A copy that holds the padding costs a pass over what the
/// tiles of an iteration read. It also goes along whole rows, where tiles that are narrower than these read a line here
/// and a line there, which no prefetcher foresees.
///
/// Panels: the columns that a tile reads of a matrix lie in as many pages as it has rows, and where these are a power
/// of two apart in few sets of a cache. Many tiles read the same columns, for which a copy of them lies together.
[[nodiscard]] std::optional<HeldCopy> choose_held(const Analysis& analysis,
                                                  const std::map<std::string, StageShape>& shapes);

/// In how many of the loops around its reader, outermost first, such a copy is made, and in how many it is kept: what
/// the windows of two steps of the innermost loop share is there for the second. 0: it is not kept.
struct HeldPlace {
    std::size_t depth = 0;
    std::size_t kept = 0;
    double cycles = 0; ///< of all copying, and of threads that have nothing to do
};

/// The place where the tensor is read least often from far away. At least one loop, as long as there is one.
[[nodiscard]] HeldPlace place_of_held(const Analysis& analysis, const Costs& costs, const ir::Definition& copy,
                                      const std::vector<PlaceLoop>& path);

/// Whether a reduction reads a copy along whose rows the vectors of its tile lie: one per step of the loop over them.
[[nodiscard]] bool reads_panel(const Analysis& analysis, const ir::Definition& reduction, const RegisterTile& tile);

} // namespace coulter::schedule
