#pragma once
/// Loops inside a tile of results: lanes, unrolled loops and reduced ones.

#include "default_lines.hpp"
#include "default_tile.hpp"

namespace coulter::schedule {

/// The reduction of one tile: reduced loops outside of it, of which short ones are unrolled too.
[[nodiscard]] std::vector<Step> tile_steps(const Analysis& analysis, const ir::Definition& reduction,
                                           const RegisterTile& tile);

/// The start values of one tile.
[[nodiscard]] std::vector<Step> start_steps(const RegisterTile& tile);

/// A reduced loop in lanes, each of which has a result of its own.
[[nodiscard]] std::vector<Step> partial_sum_steps(const Analysis& analysis, const ir::Definition& reduction,
                                                  const VectorChoice& vector);

} // namespace coulter::schedule
