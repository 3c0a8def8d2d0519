#pragma once
// The adjoint of a definition carried to the values that it combines.

#include "grad_contribution.hpp"

namespace coulter::gradient {

/// What a definition's values get, over its loops.
struct Local {
    Reader reader;
    std::vector<Seed> seeds;
};

/// Tells of an operation without a rule.
using Missing = std::function<void(const std::string& operation, const std::string& why)>;

/// One call: the definition, and the names of the adjoints of its components (empty: none).
struct RuleCall {
    Builder& builder;
    const ir::Definition& definition;
    std::vector<std::string> adjoints;
    const Missing& missing;

    /// The adjoint of a component at the reader's loops, in its adjoint type; null where it has none.
    [[nodiscard]] ir::Ref adjoint(std::size_t component) const;
    /// The definition's own result there.
    [[nodiscard]] ir::Ref result(std::size_t component) const;
    /// A tensor with the definition's dims there.
    [[nodiscard]] ir::Ref here(const std::string& tensor, int component = 0) const;
    /// `d.<definition>.<role>`, and of a component.
    [[nodiscard]] std::string helper(const std::string& role) const;
    [[nodiscard]] std::string helper(const std::string& role, std::size_t component) const;
    /// Adds a helper that reduces like the definition: the same loops, `where` and `into`.
    void reduce_alike(const std::string& name, ir::ReduceOp op, const ir::Ref& value) const;
    /// Adds a map over the definition's dims.
    void map(const std::string& name, const ir::Ref& value) const;
};

/// Adds the helpers that it needs to the builder.
[[nodiscard]] Local local_rule(const RuleCall& call);

// Of the kinds that have files of their own. They add to `seeds`.

/// sum, product, min, max, argmin, argmax of component `component` (its value is `value`).
void simple_rule(const RuleCall& call, ir::ReduceOp op, std::size_t component, const ir::Ref& value,
                 std::vector<Seed>& seeds);
void custom_rule(const RuleCall& call, std::vector<Seed>& seeds);
void scan_rule(const RuleCall& call, std::vector<Seed>& seeds);

/// `combine` with its two states replaced.
[[nodiscard]] ir::Ref with_states(const ir::Ref& combine, const std::vector<ir::Ref>& left,
                                  const std::vector<ir::Ref>& right);
/// Adjoints of the operands of `combine`, each of which stands for what `state` gives; one node may come several times.
/// `adjoints`: of the combined components; null: none.
[[nodiscard]] std::vector<LeafFlow> operand_flows(const RuleCall& call, const std::vector<ir::Ref>& combine,
                                                  const std::vector<ir::Ref>& adjoints,
                                                  const std::function<ir::Ref(const ir::Node&)>& state);
/// Adjoints of the two states of `combine`, each component where it has one: first the left ones, then the right ones.
struct StateFlows {
    std::vector<Flow> left;
    std::vector<Flow> right;
};
/// Derivatives are those at the states given.
[[nodiscard]] StateFlows through_combine(const RuleCall& call, const std::vector<ir::Ref>& combine,
                                         const std::vector<ir::Ref>& adjoints, const std::vector<ir::Ref>& left,
                                         const std::vector<ir::Ref>& right);

} // namespace coulter::gradient
