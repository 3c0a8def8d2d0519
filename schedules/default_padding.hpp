#pragma once
/// Which inputs are copied with their padding, so that the loops over tiles need not ask where a tensor ends.

#include "default_costs.hpp"

namespace coulter::schedule {

/// A copy of an input or const, as `copy SOURCE for CONSUMER` makes it.
struct HeldPadding {
    std::string source;
    std::string consumer;
};

/// The copy most worth making; nothing where none is. `shapes` are those of the kernel as it is.
///
/// A reduction that reads a padded tensor asks, at every read of a tile that may reach beyond an end, whether it does;
/// where tiles are few, those at the ends are many. A copy that holds the padding costs a pass over what the tiles of
/// an iteration read.
[[nodiscard]] std::optional<HeldPadding> choose_held_padding(const Analysis& analysis,
                                                             const std::map<std::string, StageShape>& shapes);

/// The place of such a copy in the loops around its reader, outermost first: as many of them as make it read the tensor
/// least often from far away. At least one, as long as there is one.
[[nodiscard]] std::size_t depth_of_held(const Analysis& analysis, const Costs& costs, const ir::Definition& copy,
                                        const std::vector<PlaceLoop>& path);

} // namespace coulter::schedule
