#pragma once
/// How many bytes a call moves between the levels of the memory, estimated without running it.

#include "coulter/schedule/machine.hpp"
#include "coulter/schedule/plan.hpp"
#include "coulter/schedule/target.hpp"

#include <array>

namespace coulter::schedule {

/// Each level keeps copies of what lies in the next one.
enum class Level : std::uint8_t { registers, l1, l2, l3 };
inline constexpr std::size_t levels = 4;

struct TensorTraffic {
    std::string name;
    bool argument = false; ///< an input or an output, which the caller owns
    bool packed = false;   ///< made once, before the call
    /// Bytes from the next level into each, and from each back to it.
    std::array<double, levels> in{};
    std::array<double, levels> out{};
};

struct Traffic {
    std::vector<TensorTraffic> tensors;    ///< in the order of the kernel; those that move nothing are left out
    std::array<double, levels> capacity{}; ///< bytes that a thread can count on
    [[nodiscard]] double bytes(Level level) const;
};

/// The estimate, for a call that finds its caches empty of what it needs:
///
/// - A level holds what one thread can count on: half of a cache, for other data is there as well, of the last one the
///   thread's share of that half; the vector registers whole.
/// - What one iteration of a loop touches is known from the index expressions, as intervals (footprint.hpp). Where all
///   of it fits, what the next iteration touches again is still there: each element moves once for the whole loop. A
///   tensor that the loop does not move stays as long as what is touched between two uses fits.
/// - Else everything that an iteration needs moves in every iteration.
/// - What lives and dies inside an iteration that fits never leaves the level.
/// - Registers keep nothing of what a serial loop moves on, and hold what is stored `in registers`.
/// - Loops that run on several threads bring what they share to each thread's own levels.
///
/// Whole cache lines, reads of lines before they are written, conflicts and prefetching are left out, and a guard
/// counts as always true. \pre `given` has every dim whose extent a call chooses.
[[nodiscard]] Traffic traffic(const Plan& plan, const std::map<std::string, std::int64_t>& given,
                              const Machine& machine, const Target& target, int threads);

} // namespace coulter::schedule
