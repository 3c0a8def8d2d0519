#pragma once
/// Whether the device of a target is there.

#include "coulter/schedule/plan.hpp"

namespace coulter::cli {

/// Asks the driver, as the runtime of a library would, in a child process: what drivers start does not survive a fork.
/// \pre `device` is one, and no other thread runs.
[[nodiscard]] bool is_there(schedule::Device device);

/// `OpenCL`, `CUDA`.
[[nodiscard]] const char* name_of(schedule::Device device);

} // namespace coulter::cli
