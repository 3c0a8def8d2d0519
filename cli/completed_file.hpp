#pragma once
/// A schedule file that is completed in place: what it says itself stays, and what completes it stands at its end.

#include <string>
#include <vector>

namespace coulter::cli {

/// `own` with `completion` below it, under a line that says so. `completion` is whole lines.
[[nodiscard]] std::string with_completion(const std::string& own, const std::string& completion);

/// What `text` says itself: without what with_completion() added, unless that was edited since and is the author's now.
[[nodiscard]] std::string without_completion(const std::string& text);

/// Whether `output` is the highest of the layers, which then is completed itself.
/// \throws Failure where it is a lower one: what completes all of them may need what a higher one makes.
[[nodiscard]] bool is_in_place(const std::vector<std::string>& layers, const std::string& output);

} // namespace coulter::cli
