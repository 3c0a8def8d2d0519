#pragma once
/// Conditions of reductions that are answered lane by lane.

#include "coulter/schedule/plan.hpp"

namespace coulter::lower {

/// Whether a part of a reduction's condition is to be a choice between each lane's result and what it was before, in
/// place of a branch around them all: where it asks something else of each lane of a vectorized loop, of data, and says
/// nothing that limits a loop. Halide would ask it once for all lanes together, and again to mask each load and store.
[[nodiscard]] bool is_asked_in_lanes(const ir::Kernel& kernel, const ir::Ref& part, const schedule::LoopNest& nest);

} // namespace coulter::lower
