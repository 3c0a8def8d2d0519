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
/// tiles of an iteration read.
///
/// Panels: the columns that a tile reads of a matrix lie in as many pages as it has rows, and where these are a power of
/// two apart in few sets of a cache. Many tiles read the same columns, for which a copy of them lies together.
[[nodiscard]] std::optional<HeldCopy> choose_held(const Analysis& analysis,
                                                  const std::map<std::string, StageShape>& shapes);

/// The place of such a copy in the loops around its reader, outermost first: as many of them as make it read the tensor
/// least often from far away. At least one, as long as there is one.
[[nodiscard]] std::size_t depth_of_held(const Analysis& analysis, const Costs& costs, const ir::Definition& copy,
                                        const std::vector<PlaceLoop>& path);

/// Whether a reduction reads a copy along whose rows the vectors of its tile lie: one per step of the loop over them.
[[nodiscard]] bool reads_panel(const Analysis& analysis, const ir::Definition& reduction, const RegisterTile& tile);

} // namespace coulter::schedule
