#pragma once
/// What a tuning may take.

#include <cstddef>
#include <optional>
#include <string>

namespace coulter::cli {

/// One of the two.
struct Budget {
    std::optional<double> seconds;
    std::optional<std::size_t> candidates;
};

/// Of a budget in time, for the comparisons at the end.
inline constexpr double share_of_comparison = 0.15;
inline constexpr double most_comparison = 6; ///< seconds

/// `60s`, `5m`, `1h` or `500`, as given to --budget. \throws Failure, exit code 2.
[[nodiscard]] Budget parse_budget(const std::string& text);

} // namespace coulter::cli
