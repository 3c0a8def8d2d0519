#pragma once
/// Reductions that keep the best element: their identities, and argmin and argmax.

#include "coulter/schedule/plan.hpp"
#include "math.hpp"

namespace coulter::lower {

/// The state of a reduction with one operation over no elements: of argmin and argmax, that of the value.
[[nodiscard]] Halide::Expr identity_of(ir::ReduceOp op, Halide::Type type);

/// Whether the loops of a stage come to the elements of its one reduced dim by ascending index.
[[nodiscard]] bool ascends(const ir::Reduction& reduction, const schedule::LoopNest& nest);

/// The (index, value) of an argmin or argmax after one more element. The better value wins, then the smaller index; a
/// NaN wins over everything but a NaN of a smaller index. Index -1: no element so far.
/// \param in_order indices ascend, so that of equals the state's is the smaller
[[nodiscard]] std::vector<Halide::Expr> best_of(const Math& math, ir::ReduceOp op,
                                                const std::vector<Halide::Expr>& state, const Halide::Expr& index,
                                                const Halide::Expr& value, bool in_order);

} // namespace coulter::lower
