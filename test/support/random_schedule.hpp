#pragma once
/// Random schedules from the grammar, for comparing compiled code with the interpreter.

#include "coulter/ir.hpp"
#include "coulter/schedule/plan.hpp"

#include <cstdint>
#include <functional>

namespace coulter::test {

struct RandomScheduleOptions {
    int directives = 4;        ///< at most so many loop directives in a block
    int rewrites = 3;          ///< at most so many of copy, pack, accumulate, rfactor, clone, join
    bool parallel = true;      ///< loops of threads
    bool nested_fuses = false; ///< many fused loops of fused loops, and places at them and in them
    schedule::Numerics numerics = schedule::Numerics::reassociate;
    /// One statement in so many disregards what is legal (0: none): the checker refuses most of such files.
    int careless = 0;
};

/// The text of a schedule file for `kernel`, the same for a seed on every machine. It parses; most of such files are
/// legal, as the generator keeps the loops in view, but not all: what depends on extents is left to the checker.
[[nodiscard]] std::string random_schedule(const ir::Kernel& kernel, std::uint64_t seed,
                                          const RandomScheduleOptions& options = {});

/// A schedule for an OpenCL device, of which the checker refuses many.
[[nodiscard]] std::string random_gpu_schedule(const ir::Kernel& kernel, std::uint64_t seed);

/// The schedule with a few changes, of those that `accepts`: statements and directives left out, other factors, tails
/// and places, further rewrites, blocks anew, blocks by wildcards, macros that the kernel carries. Under the numerics
/// of `options`; three of four lose their variants. `text` has a `schedule` line first.
[[nodiscard]] std::string varied_schedule(const ir::Kernel& kernel, const std::string& text, std::uint64_t seed,
                                          const std::function<bool(const std::string&)>& accepts,
                                          const RandomScheduleOptions& options = {});

/// The schedule with some of it in other words: macros with parameters, holes, `extend`, and some of it changed into
/// `like`, wildcards and variants. It parses; most of such files are legal where `text` is.
[[nodiscard]] std::string modular_schedule(const ir::Kernel& kernel, const std::string& text, std::uint64_t seed);

/// A smaller schedule for which `fails` still holds: drops statements, then directives, as long as it does. `fails`
/// must hold for `text`, and is asked at most `most_trials` times.
[[nodiscard]] std::string reduce_schedule(const std::string& text, const std::function<bool(const std::string&)>& fails,
                                          int most_trials = 500);

} // namespace coulter::test
