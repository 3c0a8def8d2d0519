#pragma once
/// A plan compiled into this process by the same passes, for tests.

#include "coulter/schedule/plan.hpp"

#include <Halide.h>

namespace coulter::lower {

struct JitKernel {
    /// Its argv is that of descriptor.h, with a `JITUserContext*` for the user context.
    Halide::Callable main;
    std::map<std::string, Halide::Callable> packs; ///< of each stage that is packed once
};

/// `target` is the processor that this runs on: see find_target.
/// \throws Halide::CompileError, Halide::InternalError as compile() does.
[[nodiscard]] JitKernel compile_jit(schedule::Plan plan, const std::string& target);

} // namespace coulter::lower
