#pragma once
/// The default schedule of the stages that have none, as a file.

#include "inputs.hpp"

namespace coulter::cli {

/// Whether all parts of the schedule, which are one without variants, say something of every stage.
[[nodiscard]] bool is_complete(const Work& work);

/// Lines that a variant begins with, by its name: comments and statements.
using VariantHeads = std::map<std::string, std::string>;

/// What completes the schedule of a kernel, each variant as well, as a layer above it: a file with the reason for each
/// directive and, on top, the sizes and threads that it was made for. `defaults` are those that the kernel was loaded
/// with. `how` says who wrote it, in a comment. Warns, on standard error, of dims that nobody has a size for.
[[nodiscard]] std::string completion_file(const Work& work, const std::string& target,
                                          const schedule::DefaultOptions& defaults, const std::string& how,
                                          const VariantHeads& heads = {});

/// The same without the `schedule` line, to stand at the end of the highest file that it completes.
[[nodiscard]] std::string completion_section(const Work& work, const std::string& target,
                                             const schedule::DefaultOptions& defaults, const std::string& how,
                                             const VariantHeads& heads = {});

/// What `coulter autoschedule` wrote, as `how` of completion_file().
[[nodiscard]] std::string by_autoschedule();

} // namespace coulter::cli
