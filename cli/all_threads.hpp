#pragma once
/// Measuring what all threads do at once.

#include <chrono>
#include <functional>

namespace coulter::cli {

using Clock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Runs `body(thread)` on all threads at once and gives the time until the last is done.
double run_all(int threads, const std::function<void(int)>& body);

} // namespace coulter::cli
