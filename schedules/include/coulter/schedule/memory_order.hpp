#pragma once
/// In which order a stage's dims lie in memory: the lowering lays buffers out so, and the C entry allocates packed ones
/// so.

#include "coulter/schedule/plan.hpp"

namespace coulter::schedule {

/// The dims of a stage, outermost in memory first.
///
/// A layout of the schedule decides. Without one, an output has the order of its definition, which belongs to its
/// caller, and any other stage that vectorizes a dim stores that dim innermost, so that vectors are loaded and stored
/// whole, or that of its innermost threads on a device, so that neighbouring threads move neighbouring elements.
[[nodiscard]] std::vector<std::string> memory_order(const ir::Kernel& kernel, const ir::Definition& definition,
                                                    const StagePlan& plan);

} // namespace coulter::schedule
