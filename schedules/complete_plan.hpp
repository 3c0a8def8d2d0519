#pragma once
/// A whole plan: the statements of a schedule, and the default schedule for the stages that they leave out.

#include "check_model.hpp"
#include "required.hpp"

namespace coulter::schedule::detail {

struct Completed {
    std::optional<Plan> plan;          ///< nothing where there was an error
    std::string text;                  ///< what the default schedule adds
    DecisionLog log;                   ///< its decisions
    std::vector<Violation> violations; ///< of `require` lines
};

/// Completes what was applied to `model`, whose diagnostics get those of the finished plan.
///
/// Where the default schedule breaks a requirement, its decisions about the stages that take the memory are taken
/// otherwise, one after the other, each time one that helps much or the one that helps most: stages are computed
/// further inside, then inlined, then computed once for each reader, whose loops may be reordered. What
/// `options.defaults.decided` says stays.
[[nodiscard]] Completed complete_plan(const Model& model, const Requirements& requirements, const CheckOptions& options,
                                      std::vector<Diagnostic>& diagnostics);

} // namespace coulter::schedule::detail
