#pragma once
/// Runs coulter-lower on one kernel, and says in a user's words what went wrong when it fails.

#include "child.hpp"
#include "inputs.hpp"

namespace coulter::cli {

struct LowerRequest {
    const Work* work = nullptr;
    std::string target;
    std::string object; ///< paths; empty: not wanted
    std::string assembly;
    std::string statement;
    std::string device;  ///< the source of the device's kernels; or empty
    std::string variant; ///< this part alone; empty: all
    std::string print_after;
    bool time_passes = false;
    bool verbose = false; ///< print the command
    bool diagnose = true; ///< look for the directive that makes it fail, and leave what repeats the failure
    Limits limits;
    std::filesystem::path repro; ///< where the folder `<kernel>.repro` goes when it fails
};

/// \throws Failure, exit code 4, with a diagnostic [B001] (refused by Halide), [B002] (crash), [B005] (time) or [B006]
/// (memory), the directive without which the lowering succeeds, and the folder that reproduces it.
void run_lower(const LowerRequest& request);

/// Limits as options of a subcommand: --memory, --timeout.
void add_limit_options(CLI::App& command, Limits& limits);

} // namespace coulter::cli
