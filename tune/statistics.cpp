#include "coulter/tune/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace coulter::tune {

double median(std::vector<double> samples) {
    if (samples.empty()) {
        return NAN;
    }
    std::ranges::sort(samples);
    const std::size_t middle = samples.size() / 2;
    return samples.size() % 2 == 1 ? samples[middle] : (samples[middle - 1] + samples[middle]) / 2;
}

Interval median_interval(std::vector<double> samples) {
    if (samples.empty()) {
        return {NAN, NAN};
    }
    std::ranges::sort(samples);
    // The number of samples below the median is binomial: as many may be cut off at each end as keeps the probability
    // of a median beyond them at 2.5 %.
    const auto count = static_cast<double>(samples.size());
    double tail = 0;
    std::size_t cut = 0;
    for (std::size_t i = 0; i < samples.size() / 2; ++i) {
        const auto below = static_cast<double>(i);
        tail += std::exp(std::lgamma(count + 1) - std::lgamma(below + 1) - std::lgamma(count - below + 1) -
                         count * std::log(2.0));
        if (tail > 0.025) {
            break;
        }
        cut = i;
    }
    return {samples[cut], samples[samples.size() - 1 - cut]};
}

} // namespace coulter::tune
