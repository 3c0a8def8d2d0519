#pragma once
/// Kernels in words: signature, schedule in force.

#include "inputs.hpp"

#include <functional>

namespace coulter::cli {

/// `conv(pose: f32[batch, iy, k = 4] frozen, scale: f32) -> votes: f32[batch, y]`
[[nodiscard]] std::string signature(const ir::Kernel& kernel);

/// The schedule with all that completed it, a `schedule` line first.
[[nodiscard]] std::string schedule_in_force(const ir::Kernel& kernel, const schedule::Plan& plan);

/// The same of every part where there are variants, each below its heading.
[[nodiscard]] std::string schedule_in_force(const Work& work);

/// What `text` says of each part of the schedule, variants in the order in which they are tried, then the common part,
/// each below its heading: `# variant small when extent(out) < 16`. Without variants there are no headings.
[[nodiscard]] std::string of_all_parts(const Work& work, const std::function<std::string(const schedule::Plan&)>& text);

/// 12.34 us, 1.234 ms
[[nodiscard]] std::string time_text(double seconds);

/// 1.23 G, 45.6 M, 789
[[nodiscard]] std::string with_prefix(double value);

/// Rows with columns padded to one width, two blanks apart. `right` lists columns of numbers.
[[nodiscard]] std::string table(const std::vector<std::vector<std::string>>& rows, const std::vector<bool>& right);

} // namespace coulter::cli
