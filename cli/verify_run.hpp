#pragma once
/// Runs a kernel at one set of sizes and judges what it computed.

#include "coulter/array.hpp"
#include "kernel_call.hpp"
#include "verify_cases.hpp"

namespace coulter::cli {

/// How a case gives its tensors.
struct Manner {
    std::string name;
    Layout layout = Layout::compact;
    bool in_place = false; ///< outputs that may be the memory of an input are
};

/// One row of the table, and one line from the child that runs the cases.
struct Outcome {
    std::string name;
    std::string sizes;
    std::string manner;
    std::string status; ///< ok, refused (by kernel and interpreter), wrong
    double error = 0;
    std::string message;
    std::string part; ///< of the schedule that was called: a variant or `common`; empty where nothing was
};

struct RunOptions {
    std::uint64_t seed = 1;
    int threads = 2;
    double tolerance = -1; ///< below 0: what rounding allows
};

/// Calls the kernel twice on one context and compares it with the interpreter, in the kernel's types and, where that
/// differs, in double. `unscheduled`, where not null, must give the same bits.
/// \throws std::exception when the case cannot be run at all.
[[nodiscard]] Outcome run_case(const Work& work, const RunOptions& options, const KernelLibrary& library,
                               const KernelLibrary* unscheduled, const SizeCase& sizes, const Manner& manner);

/// `i=3,j=5`: the extents that a call chooses.
[[nodiscard]] std::string sizes_text(const Work& work, const std::map<std::string, std::int64_t>& extents);

} // namespace coulter::cli
