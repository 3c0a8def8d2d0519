#include "extremes.hpp"

#include <algorithm>

namespace coulter::lower {

using Halide::Expr;
using ir::Op;
using ir::ReduceOp;

Expr identity_of(ReduceOp op, Halide::Type type) {
    switch (op) {
    case ReduceOp::sum: return Halide::Internal::make_zero(type);
    case ReduceOp::product: return Halide::Internal::make_one(type);
    case ReduceOp::min:
    case ReduceOp::argmin: return extreme(type, true);
    case ReduceOp::max:
    case ReduceOp::argmax: return extreme(type, false);
    case ReduceOp::any: return Halide::Internal::const_false();
    default: return Halide::Internal::const_true();
    }
}

bool ascends(const ir::Reduction& reduction, const schedule::LoopNest& nest) {
    if (reduction.dims.size() != 1) {
        return false;
    }
    std::vector<std::string> parts;
    for (const schedule::Loop& loop : nest.loops) {
        if (loop.reduced) {
            parts.push_back(loop.name);
        }
    }
    // From the last split to the first, the parts of a loop must lie beside each other, the outer one outside.
    for (auto step = nest.steps.rbegin(); step != nest.steps.rend(); ++step) {
        if (step->kind != schedule::LoopStep::Kind::split) {
            continue;
        }
        const auto outer = std::find(parts.begin(), parts.end(), step->outer);
        if (outer != parts.end() && outer + 1 != parts.end() && *(outer + 1) == step->inner) {
            *outer = step->loop;
            parts.erase(outer + 1);
        }
    }
    return parts.size() == 1;
}

std::vector<Expr> best_of(const Math& math, ReduceOp op, const std::vector<Expr>& state, const Expr& index,
                          const Expr& value, bool in_order) {
    const bool lowest = op == ReduceOp::argmin;
    const Expr& best = state[1];
    const bool floats = value.type().is_float();
    // The first element is taken whatever it is: Halide turns `n - 4 < best` into `n < best + 4`, which overflows
    // while `best` is the identity.
    Expr take = state[0] < 0;
    if (in_order && floats) {
        // Neither worse nor equal: better, or a NaN.
        const Expr keeps = math.binary(lowest ? Op::le : Op::ge, best, value) || math.call(Op::is_nan, {best});
        take = take || !keeps;
    } else {
        Expr wins = math.binary(lowest ? Op::lt : Op::gt, value, best);
        Expr ties = math.binary(Op::eq, value, best);
        if (floats) {
            const Expr nan = math.call(Op::is_nan, {value});
            const Expr had_nan = math.call(Op::is_nan, {best});
            wins = wins || (nan && !had_nan);
            ties = ties || (nan && had_nan);
        }
        take = take || wins;
        if (!in_order) {
            // As an unsigned number, -1 (no index yet) is larger than every index.
            take = take || (ties && Halide::cast<std::uint32_t>(index) < Halide::cast<std::uint32_t>(state[0]));
        }
    }
    return {Halide::select(take, index, state[0]), math.select(take, value, best)};
}

} // namespace coulter::lower
