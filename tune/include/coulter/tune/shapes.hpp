#pragma once
/// Classes of shapes that were tuned apart: which of them can share a schedule, and on which condition each is called.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coulter::tune {

/// Times of every schedule at the sizes of every class; nothing where it was not timed there.
using Times = std::vector<std::vector<std::optional<double>>>; ///< by class, then schedule

/// Two schedules of one class are as good as each other where the slower takes at most this much more time.
inline constexpr double share_of_noise = 0.03;

/// For each class the schedule that it gets: as few schedules as possible in all, none slower than the fastest of its
/// class by more than the noise; of as few, those that cost all classes least together. \pre every class has a time. At
/// most 16 schedules.
[[nodiscard]] std::vector<std::size_t> shared_schedules(const Times& times);

/// Extents of the dims that tell classes apart, in the order of the kernel.
struct Shape {
    std::vector<std::int64_t> extents; ///< of each dim
    std::size_t group = 0;             ///< shapes of one group want the same schedule
    double operations = 0;
};

/// `extent(dims[dim]) < bound`, or `>=`.
struct Bound {
    std::size_t dim = 0;
    bool below = true;
    std::int64_t bound = 0;
    friend bool operator==(const Bound&, const Bound&) = default;
};

/// A group that is called where all bounds hold and no region before it does.
struct Region {
    std::size_t group = 0;
    std::vector<Bound> bounds; ///< none: everywhere
    friend bool operator==(const Region&, const Region&) = default;
};

/// Regions in the order in which they are tried, of which the last is everywhere: with as few bounds as possible, each
/// shape in a region of its group. Where that leaves a choice, the last is the group of the shape with the most
/// operations, and bounds are on the dims along which shapes lie furthest apart. A group may have several regions.
/// \pre no two shapes of different groups are equal.
[[nodiscard]] std::vector<Region> regions_of(const std::vector<Shape>& shapes);

/// A number above `low` and up to `high` that is easy to read and lies about as many times above the one as below the
/// other: a power of two where there is one, else one with few digits.
[[nodiscard]] std::int64_t readable_between(std::int64_t low, std::int64_t high);

} // namespace coulter::tune
