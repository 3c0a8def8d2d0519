#pragma once
/// One step of a scan, and the places that a scatter writes, as Halide expressions.

#include "expressions.hpp"

namespace coulter::lower {

/// The indices of step `step` of a scan, 0 .. extent - 1 in the order of combination.
struct ScanStep {
    Halide::Expr at;     ///< the element that the step writes
    Halide::Expr before; ///< the one before it; any other in the first step
    Halide::Expr later;  ///< the step is not the first
};
[[nodiscard]] ScanStep scan_step(const ir::Scan& scan, const Halide::Expr& step, const Halide::Expr& extent);

/// An index `distance` away from that of step `step`, brought back inside, and whether it is inside.
struct PlacedStep {
    Halide::Expr at;
    Halide::Expr inside; ///< undefined: always
};
[[nodiscard]] PlacedStep placed_step(const ir::Scan& scan, const Halide::Expr& step, const Halide::Expr& extent,
                                     std::int64_t distance);

/// Components of a scan's state that a multiplication and an addition of states give, and whose state no other
/// component looks at: outside of `numerics exact` the two may be one operation.
[[nodiscard]] std::vector<bool> contracted(const ir::Scan& scan);

/// An index of `into`, of which Halide knows that it is in 0 .. extent - 1: the kernel has proved it, or its caller has
/// checked. Loops that run past an extent are about to write elsewhere: then it is brought back.
[[nodiscard]] Halide::Expr place_of(const ir::Into& into, Expressions& expressions);

} // namespace coulter::lower
