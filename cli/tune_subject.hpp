#pragma once
/// What `coulter tune` and `coulter explain` measure, and within which limits.

#include "child.hpp"
#include "coulter/tune/record.hpp"
#include "inputs.hpp"

namespace coulter::cli {

struct TuneSubject {
    Loaded loaded;                             ///< the files as they were given, checked
    std::vector<std::string> schedules;        ///< layers, in the order of the command line
    std::size_t tuned = 0;                     ///< the layer whose text changes
    bool fills = false;                        ///< that layer gets values of its holes
    bool completes = false;                    ///< that layer gets the stages that no file schedules
    std::map<std::string, std::string> texts;  ///< of layers, in place of what is on disk
    std::map<std::string, std::int64_t> sizes; ///< extent of every dim
    std::string default_text;                  ///< of a file that is the default schedule, where that is known
    std::string target = "host";
    std::string runtime;
    int threads = 0;             ///< 0 until the files are loaded: as many as there are processors
    std::uint64_t data_seed = 1; ///< of the inputs
    double tolerance = -1;       ///< below 0: what rounding allows
    Limits limits;               ///< of the compiler; the memory also of the kernel
    std::int64_t code_bytes = 0; ///< the most that an object may have
    unsigned jobs = 0;           ///< candidates compiled at a time; 0 as with `threads`

    /// Loads the files (`texts` where it has them) for `target`, and settles `threads` and `jobs`. \throws Failure, as
    /// load() and require_good().
    void load_files(const std::string& kernel, const std::vector<std::string>& layers);
    /// Sets `sizes`: what is given, the estimates, and a default with a warning. \throws Failure.
    void complete(std::map<std::string, std::int64_t> given);

    [[nodiscard]] const Work& work() const { return loaded.work.front(); }
};

/// What times of the subject are recorded under. `machine`: whose times; empty: this machine's.
[[nodiscard]] tune::Setting setting_of(const TuneSubject& subject, const std::string& machine);

} // namespace coulter::cli
