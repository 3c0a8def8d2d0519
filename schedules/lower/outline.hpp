#pragma once
/// Stages as functions of their own.

#include "pipeline.hpp"

namespace coulter::lower {

/// A pass for Halide, which deletes it: where many stages are computed at root, each loop nest that no threads share
/// becomes a function that the main one calls. Nothing else changes.
[[nodiscard]] Halide::Internal::IRMutator* outliner();

} // namespace coulter::lower
