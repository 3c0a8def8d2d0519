#pragma once
// Reverse accumulation over the expressions of one definition.

#include "coulter/ir.hpp"

#include <functional>

namespace coulter::gradient {

/// An adjoint: `value` where `guard` holds (null: everywhere), else 0. Where `guard` is false `value` may be anything,
/// NaN included: a branch of a select that is not taken contributes nothing, whatever its derivative is there.
struct Flow {
    ir::Ref value; ///< null: no adjoint at all
    ir::Ref guard;
};

/// The adjoint without a guard.
[[nodiscard]] ir::Ref settled(const Flow& flow);
[[nodiscard]] Flow merged(const Flow& a, const Flow& b);

struct Seed {
    ir::Ref root;
    Flow flow;                ///< in adjoint_type of the root
    ir::Ref result = nullptr; ///< where the root's value is stored: derivatives read it there
};

struct LeafFlow {
    ir::Ref leaf;
    Flow flow;
};

/// Carries the adjoints of `seeds` down to the leaves that `wanted` names: accesses and operands of a float type. The
/// order is that of the text. The pad value of a padded access gets the adjoint of what lies outside; `outside` gives
/// that condition for an access. What has no rule goes to `missing`, once per operation.
///
/// Derivatives by definition zero: of floor, ceil, round, trunc, comparisons, conversions to and from integers, and
/// through stop_gradient. Ties of min and max share the adjoint equally; abs has 0 at 0.
[[nodiscard]] std::vector<LeafFlow> backward(const std::vector<Seed>& seeds,
                                             const std::function<bool(const ir::Node&)>& wanted,
                                             const std::function<ir::Ref(const ir::Node&)>& outside,
                                             const std::function<void(const ir::Node&)>& missing);

/// Whether a derivative passes from the node's value to its operand `i`.
[[nodiscard]] bool passes(const ir::Node& node, std::size_t i);

} // namespace coulter::gradient
