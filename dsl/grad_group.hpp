#pragma once
// Rules of groups in place of what their definitions say.

#include "grad_contribution.hpp"

namespace coulter::gradient {

/// The group whose rule stands for each definition: those that are outputs of a group with a rule, the outermost where
/// groups nest. A rule is applied where the group's first output is reached, when the adjoints of all are known.
struct RuledOutput {
    const ir::Group* group = nullptr;
    bool applies = false;
};
[[nodiscard]] std::map<std::string, RuledOutput> ruled_outputs(const ir::Kernel& kernel);

/// Takes the definitions of the group's rule into the kernel, under `d.<path>`, and gives the contributions by input.
/// `adjoints`: the names of the adjoints of the group's outputs; an output without one is taken as zero.
/// `wanted`: the inputs that need a gradient; those for which the rule gives none are returned in `missing`.
struct RuleResult {
    std::map<std::string, Contribution> contributions;
    std::vector<std::string> missing;
    std::vector<Diagnostic> problems;
};
[[nodiscard]] RuleResult apply_rule(Builder& builder, const ir::Group& group,
                                    const std::map<std::string, std::string>& adjoints,
                                    const std::vector<std::string>& wanted);

} // namespace coulter::gradient
