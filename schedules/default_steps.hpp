#pragma once
/// Reductions with loops over reduced dims outside of those over their results, whose partial results lie in memory.
///
/// Of a sum for few results over much data each result alone would read all data, from memory each time: instead steps
/// of one reduced dim come first, and what a step reads stays in the cache for all results. And where each step has a
/// segment of the results, as each row of a sparse matrix has its elements, the loop over results is as long as that.

#include "default_nests.hpp"

namespace coulter::schedule {

/// What an `rfactor` or two make of a reduction.
struct Steps {
    std::string stage;
    std::string tasks; ///< a reduced dim whose indices are tasks with results of their own; empty: none
    std::string dim;   ///< the reduced dim whose steps come first
    std::string reason;
};

/// Dims of the results that data limit for each step of reduced dims.
[[nodiscard]] std::vector<std::string> dims_limited_by_steps(const ir::Kernel& kernel, const ir::Definition& stage);

/// A reduction that is to go by steps, and is not one of those that do.
[[nodiscard]] std::optional<Steps> choose_steps(const Analysis& analysis,
                                                const std::map<std::string, StageShape>& shapes);

/// Vector, tile and outer loops of a stage that goes by steps.
void arrange_steps(const Analysis& analysis, const ir::Definition& stage, StageShape& shape);

} // namespace coulter::schedule
