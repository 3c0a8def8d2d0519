#pragma once
/// How calls are timed: warm-up, then samples of several calls where one is short.

#include <algorithm>
#include <chrono>

namespace coulter::cli {

/// Of so many calls.
template <class Call>
double seconds_of(const Call& call, int calls) {
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < calls; ++i) {
        call();
    }
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Calls until two calls in a row take about the same. \returns the seconds of the last one.
template <class Call>
double warm_up(const Call& call) {
    double last = seconds_of(call, 1);
    for (int i = 0; i < 20; ++i) {
        const double now = seconds_of(call, 1);
        if (i > 1 && now > 0.9 * last && now < 1.1 * last) {
            break;
        }
        last = now;
    }
    return last;
}

/// How many calls take at least `seconds`, where one takes `one`.
inline int calls_of(double one, double seconds) {
    return std::clamp(static_cast<int>(seconds / std::max(one, 1e-9)) + 1, 1, 1000000);
}

} // namespace coulter::cli
