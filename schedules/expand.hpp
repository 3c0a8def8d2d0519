#pragma once
/// From schedule files to plain statements: includes, macros and holes resolved, layers in order.
///
/// What is left are blocks, rewrites and `like`, with wildcards; names are still to be resolved against the kernel.

#include "coulter/schedule/check.hpp"

namespace coulter::schedule::detail {

struct ExpandedVariant {
    const Statement* line = nullptr; ///< the first `variant` statement of that name
    ScheduleFile common;             ///< as Expanded::common, with the values that holes have in the variant
    std::vector<Statement> statements;
};

struct Expanded {
    ScheduleFile common; ///< statements with their layer; header lines left out
    std::vector<ExpandedVariant> variants;
    std::vector<Hole> holes;
    std::vector<Statement> requirements; ///< of all layers
};

/// \param files those that apply to the kernel, lower layers first; they outlive the result.
[[nodiscard]] Expanded expand(const ir::Kernel& kernel, const std::vector<const ScheduleFile*>& files,
                              std::vector<Diagnostic>& diagnostics, std::vector<ScheduleText>& texts);

} // namespace coulter::schedule::detail
