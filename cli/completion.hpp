#pragma once
/// The default schedule of the stages that have none, as a file.

#include "inputs.hpp"

namespace coulter::cli {

/// What completes the schedule of a kernel without variants, as a layer above it: a file with the reason for each
/// directive and, on top, the sizes and threads that it was made for. `defaults` are those that the kernel was loaded
/// with. `how` says who wrote it, in a comment. Warns, on standard error, of dims that nobody has a size for.
[[nodiscard]] std::string completion_file(const Work& work, const std::string& target,
                                          const schedule::DefaultOptions& defaults, const std::string& how);

/// What `coulter autoschedule` wrote, as `how` of completion_file().
[[nodiscard]] std::string by_autoschedule();

} // namespace coulter::cli
