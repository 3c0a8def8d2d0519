#pragma once
/// Of times: no assumption on how they are distributed, since what disturbs a measurement makes it longer, never
/// shorter.

#include <vector>

namespace coulter::tune {

struct Interval {
    double lower = 0;
    double upper = 0;
};

[[nodiscard]] double median(std::vector<double> samples);

/// Holds the true median with a probability of at least 95 %, from order statistics; of fewer than six samples the
/// least and the largest, which is less certain.
[[nodiscard]] Interval median_interval(std::vector<double> samples);

} // namespace coulter::tune
