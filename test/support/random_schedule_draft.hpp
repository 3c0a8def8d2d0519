#pragma once
/// What the parts of the generator of random schedules share. See random_schedule.hpp for what it is for.

#include "random_schedule.hpp"

#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

namespace coulter::test {

struct Loop {
    std::string name;
    bool reduced = false;
    std::optional<std::int64_t> extent; ///< where the generator knows it
    bool whole = false;                 ///< a dim of its own: no split or fuse has made it
    std::string mark;                   ///< vectorize, unroll, parallel, or nothing
    int fuses = 0;                      ///< levels of fuses that it is made by
};

struct Nest {
    std::vector<Loop> loops; ///< outermost first
    bool placeable = true;   ///< other stages may be computed in it
};

/// A schedule in the making: its text so far, what is known of the kernel under it, and the source of chance. Schedules
/// stay the same for a seed only while every part draws in the same order.
struct ScheduleDraft {
    ScheduleDraft(const ir::Kernel& original, std::uint64_t seed, const RandomScheduleOptions& given)
        : kernel(original), random(seed), options(given) {}

    int below(int limit) { return limit <= 1 ? 0 : static_cast<int>(random() % static_cast<std::uint64_t>(limit)); }
    bool chance(int percent) { return below(100) < percent; }
    bool careless() { return options.careless > 0 && below(options.careless) == 0; }
    template <class T>
    const T& pick(const std::vector<T>& list) {
        return list[static_cast<std::size_t>(below(static_cast<int>(list.size())))];
    }
    std::int64_t factor() { return pick<std::int64_t>({1, 2, 2, 3, 4, 4, 5, 7, 8, 8, 16}); }

    /// Whether the reduced loops of a stage may change places.
    [[nodiscard]] bool reorders(const ir::Definition& stage) const;

    ir::Kernel kernel; ///< as the rewrites leave it
    std::mt19937_64 random;
    RandomScheduleOptions options;
    std::string text;
    std::map<std::string, Nest> nests;
    std::map<std::string, std::string> accumulators; ///< write-out to reduction
    std::set<std::string> packed;
    std::set<std::string> fixed; ///< packed once: computed elsewhere
    int made = 0;
};

/// The loops of a stage before any directive; `init`: those of its initialisation.
[[nodiscard]] Nest nest_of(const ScheduleDraft& draft, const ir::Definition& definition, bool init);

/// A statement that makes a stage, or none where what was drawn does not fit the kernel.
void draw_rewrite(ScheduleDraft& draft);

/// A directive on the loops of a block, appended to `lines`, or none where what was drawn does not fit the nest.
void draw_loop_directive(ScheduleDraft& draft, const ir::Definition& definition, Nest& nest, std::string& lines,
                         bool init);

/// Partial results in lanes: the last directive of a block, as the stage's loops change under it.
void draw_lanes(ScheduleDraft& draft, const ir::Definition& definition, Nest& nest, std::string& lines);

} // namespace coulter::test
