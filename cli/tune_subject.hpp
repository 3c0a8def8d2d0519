#pragma once
/// What `coulter tune` tunes, and within which limits.

#include "child.hpp"
#include "inputs.hpp"

namespace coulter::cli {

struct TuneSubject {
    Loaded loaded;                             ///< the files as they were given, checked
    std::vector<std::string> schedules;        ///< layers, in the order of the command line
    std::size_t tuned = 0;                     ///< the layer whose text changes
    std::map<std::string, std::int64_t> sizes; ///< extent of every dim
    std::string target = "host";
    std::string runtime;
    int threads = 1;
    std::uint64_t data_seed = 1; ///< of the inputs
    double tolerance = -1;       ///< below 0: what rounding allows
    Limits limits;               ///< of the compiler; the memory also of the kernel
    std::int64_t code_bytes = 0; ///< the most that an object may have
    unsigned jobs = 1;           ///< candidates compiled at a time

    [[nodiscard]] const Work& work() const { return loaded.work.front(); }
};

} // namespace coulter::cli
