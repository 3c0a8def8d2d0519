#pragma once
/// Runs cases in child processes, so that a crash or a hang of generated code or of LLVM is a failed case.

#include "run_case.hpp"

#include <functional>

namespace coulter::test {

struct ForkLimits {
    int workers = 2;
    int seconds = 60;  ///< of processor time for one case; ten times as much on the clock
    int gigabytes = 4; ///< of address space
};

/// Calls `body(0)` to `body(count - 1)`, each in a child of its own; the results in that order.
[[nodiscard]] std::vector<Result> run_forked(std::size_t count, const std::function<Result(std::size_t)>& body,
                                             const ForkLimits& limits = {});

struct Summary {
    std::size_t passed = 0;
    std::size_t refused = 0;
    std::string refusals; ///< the case and the reason of each
    std::string failures; ///< each with its repro; empty: none
    double seconds = 0;   ///< of all children together
};

/// Runs the cases. What fails is told with kernel, schedule and seed, and written to the folder that the environment
/// variable COULTER_REPRO_DIR names; with COULTER_REDUCE=1, its schedule is made smaller first. COULTER_CASE=name runs
/// that case alone, and COULTER_NO_FORK=1 in this process, for a debugger.
[[nodiscard]] Summary run_cases(const std::vector<Case>& cases, const ForkLimits& limits = {});

} // namespace coulter::test
