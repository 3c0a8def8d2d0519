#pragma once
/// How much memory the stages of a plan take at given sizes, without compiling it.

#include "coulter/schedule/plan.hpp"

namespace coulter::schedule {

/// One stage that is stored.
struct Footprint {
    enum class Home : std::uint8_t {
        registers,
        stack,
        shared,  ///< memory of a block of a device
        scratch, ///< the context's scratch pool
        context, ///< packed once, and kept by the context between calls
        library  ///< the packed copy of a constant: part of the code
    };
    std::string stage;
    Home home = Home::scratch;
    Place place;             ///< inside which it is stored
    std::int64_t bytes = 0;  ///< of one realisation, the largest
    std::int64_t copies = 1; ///< that exist at once: one for each thread that runs a parallel loop around it
    bool bound = false;      ///< `bytes` is an upper bound
};

struct MemoryUse {
    std::vector<Footprint> stages; ///< in the order of the kernel's definitions; outputs and inlined stages have none
    std::int64_t scratch_peak = 0; ///< the most that a call holds of the scratch pool at one time
    bool bound = false;            ///< `scratch_peak` is an upper bound
    std::int64_t packed = 0;       ///< kept by the context
};

/// What `plan` needs when a call has the extents `given` and at most `threads` threads run it.
///
/// A realisation covers what its readers read inside the loop where it is stored: index expressions are followed as
/// intervals, from the loops of the stage that owns that loop to the stage itself. Where an index is no sum of
/// multiples of loop indices, or reads go to places that move differently, the whole extent stands for it, as a bound.
/// Storage that only a part of the iterations needs at a time is folded as Halide folds it: to the next power of two.
/// What is on the stack follows Halide's rule as well: sizes that are constant and at most 16 KiB, unless the schedule
/// says otherwise. \pre `given` has every dim whose extent a call chooses.
[[nodiscard]] MemoryUse memory_use(const Plan& plan, const std::map<std::string, std::int64_t>& given, int threads);

} // namespace coulter::schedule
