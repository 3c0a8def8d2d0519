#pragma once
/// All that a report tells of a kernel and its schedule. Filled by `coulter report`, laid out by report_page().

#include "contributions.hpp"
#include "coulter/estimates.hpp"
#include "coulter/schedule/footprint.hpp"
#include "coulter/schedule/traffic.hpp"
#include "launches.hpp"
#include "mca.hpp"
#include "peak.hpp"

namespace coulter::cli {

/// A text that is shown whole.
struct ShownText {
    std::string name; ///< of the file, relative
    std::string text;
};

/// What the tuning store knows of the kernel at these sizes, on this machine.
struct SearchHistory {
    std::vector<tune::Record> records; ///< in the order in which they were measured
    std::size_t merged = 0;            ///< of them, the first ones: their order is not known
    std::string none;                  ///< why there are none, and how to make some
};

/// What the machine can do, on all threads that the kernel has.
struct Roofs {
    Peak peak;
    std::array<double, schedule::levels> bytes{}; ///< per second, into registers, L1, L2 and L3
};

struct ReportFacts {
    std::string kernel;
    std::string signature;
    std::string sizes; ///< those that a call chooses
    std::map<std::string, std::int64_t> extents;
    int threads = 0;
    std::string target;
    std::string machine;
    std::vector<std::string> files;       ///< schedules
    std::string part;                     ///< of the schedule; empty where it has no variants
    const schedule::Plan* plan = nullptr; ///< of that part; outlives this
    KernelEstimate estimate;
    bool in_floats = true; ///< operations are on floats, and compare with the peak
    schedule::Traffic traffic;
    schedule::MemoryUse memory;
    Roofs roofs;
    Contributions measured;
    std::string unmeasured; ///< why no directive was left out; empty where they were
    MachineCode code;
    std::optional<DeviceCode> launches; ///< of a CUDA target
    SearchHistory search;
    ShownText algorithm;
    std::vector<ShownText> schedules;
    std::string completion; ///< what the default schedule added
    std::string command;    ///< that makes this page

    [[nodiscard]] double seconds() const;
    [[nodiscard]] double rate() const { return estimate.flops / seconds(); } ///< operations per second
};

/// What bounds the kernel from below, of all roofs: the one that takes the longest.
struct Bound {
    std::string what;   ///< `arithmetic`, `memory`, `L2`
    double seconds = 0; ///< that it takes at least
};
[[nodiscard]] Bound bound_of(const ReportFacts& facts);

/// `bound by memory: 71 % of the roof`
[[nodiscard]] std::string bound_text(const ReportFacts& facts);

/// From where the bytes of a level come: `L1`, `L2`, `L3`, `memory`.
[[nodiscard]] const char* source_name(std::size_t level);

} // namespace coulter::cli
