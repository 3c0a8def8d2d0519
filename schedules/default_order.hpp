#pragma once
/// The loops outside the tiles of a stage, as a search decides them.

#include "default_nests.hpp"

namespace coulter::schedule {

/// Puts the outer loops of a stage in the order that a search decided, and makes the first one a loop over blocks: the
/// decisions `first`, `block` and `last`. \pre the tile and the outer loops are chosen.
void arrange_as_decided(const Analysis& analysis, const ir::Definition& stage, StageShape& shape);

} // namespace coulter::schedule
