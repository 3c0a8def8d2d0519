#pragma once
/// When which schedule is called, in the words of a schedule file.

#include "coulter/tune/shapes.hpp"
#include "inputs.hpp"

namespace coulter::cli {

struct Regions {
    std::vector<std::string> dims;     ///< that bounds number
    std::vector<tune::Region> regions; ///< the last is the common part
    std::vector<std::string> names;    ///< of the variant for each; `common` for the last
    std::vector<std::string> whens;    ///< its condition; empty for the last
};

/// \param classes extents of every dim, \param groups the schedule that each class wants.
[[nodiscard]] Regions regions_of_classes(const Work& work,
                                         const std::vector<std::map<std::string, std::int64_t>>& classes,
                                         const std::vector<std::size_t>& groups);

} // namespace coulter::cli
