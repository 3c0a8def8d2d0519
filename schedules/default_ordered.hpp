#pragma once
/// Loops of what runs in an order: scans along their dim, scatters over what they reduce.

#include "default_lines.hpp"
#include "default_nests.hpp"

namespace coulter::schedule {

/// Whether a stage is a scan or a scatter.
[[nodiscard]] bool is_ordered(const ir::Definition& stage);

/// Dims of the loops in which the elements of an ordered stage are independent, in the order of its dims.
[[nodiscard]] std::vector<std::string> free_dims_of(const ir::Definition& stage);

/// The loops of an ordered stage in a region.
struct OrderedNest {
    std::vector<Step> steps;                                 ///< all but those that make tasks
    std::vector<Step> marks;                                 ///< what becomes of the innermost loops: after those
    std::vector<std::pair<std::string, std::int64_t>> outer; ///< loops that may be tasks, outermost first, with extents
};

/// Vectors along a free dim where elements lie side by side; else a few scans at once, so that the steps of one do not
/// wait for each other alone. The ordered loops stand inside of all others.
[[nodiscard]] OrderedNest ordered_nest(const Analysis& analysis, const ir::Definition& stage, const Region& region);

} // namespace coulter::schedule
