#pragma once
/// Calls compiled plans with the convention of descriptor.h.

#include "run_case.hpp"

namespace coulter::test {

/// Compiles something small, so that children that are forked later share Halide's compiled runtime.
void warm_up();

} // namespace coulter::test
