#include "measure.hpp"

#include "reference.hpp"
#include "roof.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

namespace demo {
namespace {

using Clock = std::chrono::steady_clock;

double since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

double quantile(std::vector<double> values, double q) {
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(q * static_cast<double>(values.size()));
    std::nth_element(values.begin(), at, values.end());
    return *at;
}

double median(const std::vector<double>& values) {
    return quantile(values, 0.5);
}

} // namespace

Measurement measure(const Case& subject, coulter::Context& context, int threads, double seconds) {
    const coulter_build_info& build = *subject.info->build;
    if (build.bytes != subject.bytes) {
        throw std::runtime_error(std::string(subject.info->name) + " has tensors of " + grouped(subject.bytes) +
                                 " bytes, and its operations were counted for " + grouped(build.bytes));
    }
    Roof roof(threads, subject.bytes);
    subject.call(context); // packs weights, takes scratch memory
    const auto first = Clock::now();
    subject.call(context);
    // Short kernels run several times, so that the clock is fine enough and caches are warm after the roofs.
    const int calls = static_cast<int>(std::clamp(0.002 / std::max(since(first), 1e-7), 1.0, 1000.0));

    std::vector<double> times;
    std::vector<double> flops;
    std::vector<double> bytes;
    const auto begin = Clock::now();
    while (times.size() < 7 || since(begin) < seconds) {
        flops.push_back(roof.flops());
        bytes.push_back(roof.bytes());
        subject.call(context);
        const auto start = Clock::now();
        for (int call = 0; call < calls; ++call) {
            subject.call(context);
        }
        times.push_back(since(start) / calls);
    }
    Measurement result;
    result.name = subject.info->name;
    result.sizes = subject.sizes;
    result.seconds = median(times);
    result.flops = static_cast<double>(build.flops) / result.seconds;
    result.bytes = static_cast<double>(build.bytes) / result.seconds;
    result.flops_roof = median(flops);
    result.bytes_roof = median(bytes);
    result.spread = (quantile(flops, 0.75) - quantile(flops, 0.25)) / result.flops_roof;
    result.comparison = subject.compare();
    return result;
}

} // namespace demo
