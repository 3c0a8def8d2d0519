#pragma once
/// One tuning: what `coulter tune` does, and `coulter build --tuned` for each kernel.

#include "child.hpp"
#include "command.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coulter::cli {

struct TuneRequest {
    std::vector<std::string> files; ///< the kernel and its schedule, of which one file may have holes
    std::vector<std::string> sizes; ///< as given to `sizes_option`
    std::string sizes_option = "--sizes";
    /// In place of the estimates where no sizes are given. They choose no part of a schedule with variants.
    std::map<std::string, std::int64_t> typical;
    std::string budget = "60s";
    std::string output; ///< empty: the file with the holes
    std::string only;   ///< `holes`, `stages`, or empty: both
    std::string store;  ///< empty: the default one
    std::string machine;
    std::string target = "host";
    std::string runtime;
    std::uint64_t seed = 1;
    double tolerance = -1;
    double code_mib = 4;
    int threads = 0;
    unsigned jobs = 0;
    bool resume = true;
    bool lock = false;                      ///< take what is recorded, and fail where nothing is
    bool reuse = false;                     ///< take what is recorded, and search where nothing is
    bool rank = false;                      ///< estimate, on whatever device
    std::vector<std::string> architectures; ///< of CUDA that are estimated, as given to --arch
    bool json = false;
    bool quiet = false; ///< report nothing
    /// Sizes are given for several kernels: those that say nothing new of the parts of this one's schedule are left
    /// out.
    bool for_all_kernels = false;
    Limits limits;
};

/// There is something to decide, and no part of the schedule of which this machine can measure it.
class NothingMeasurable : public Failure {
public:
    /// \param reason for a note: `no CUDA device is here`.
    NothingMeasurable(const Failure& told, std::string reason) : Failure(told), reason_(std::move(reason)) {}
    [[nodiscard]] const std::string& reason() const { return reason_; }

private:
    std::string reason_;
};

/// Tunes, writes the file and reports. \returns the exit code. \throws Failure; NothingMeasurable for a schedule with
/// variants.
int tune_kernel(const TuneRequest& request);

} // namespace coulter::cli
