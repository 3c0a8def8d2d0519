#include "report_facts.hpp"

#include "coulter/tune/statistics.hpp"

#include <fmt/core.h>

namespace coulter::cli {

namespace {

// Roofs and times are measured minutes apart.
constexpr double noise = 1.05;

} // namespace

double ReportFacts::seconds() const {
    return tune::median(measured.whole.samples);
}

const char* source_name(std::size_t level) {
    constexpr std::array<const char*, schedule::levels> names{"L1", "L2", "L3", "memory"};
    return names.at(level);
}

Bound bound_of(const ReportFacts& facts) {
    const double most = noise * facts.seconds();
    Bound bound{"arithmetic", facts.in_floats ? facts.estimate.flops / facts.roofs.peak.flops : 0};
    for (std::size_t i = 0; i < schedule::levels; ++i) {
        const double seconds = facts.traffic.bytes(static_cast<schedule::Level>(i)) / facts.roofs.bytes[i];
        // A call that is faster than a roof allows does not pass below it: it found there what an earlier one left.
        if (seconds > bound.seconds && seconds <= most) {
            bound = {source_name(i), seconds};
        }
    }
    return bound;
}

std::string bound_text(const ReportFacts& facts) {
    const Bound bound = bound_of(facts);
    return fmt::format("bound by {}: {:.0f} % of the roof", bound.what, 100 * bound.seconds / facts.seconds());
}

} // namespace coulter::cli
