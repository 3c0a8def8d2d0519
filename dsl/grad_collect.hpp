#pragma once
// Sums of products in fewer operations: equal terms as one, and what terms have in common as a factor of their sum.

#include "coulter/ir.hpp"

#include <functional>

namespace coulter::gradient {

/// The same values, over the reals: rules of derivatives give `g * x + g * x` for a square, and each use of a tensor its
/// own product with one factor. Terms are joined where that leaves fewer multiplications, one of which comes free with
/// each addition. What is used several times stays one value.
[[nodiscard]] std::vector<ir::Ref> collected(const std::vector<ir::Ref>& values);

/// Takes factors that no reduced dim changes out of the sums of `kernel` that `is_helper` names, into the one map that
/// reads a sum element by element: there are as many products as sums, where there were as many as summands.
void take_factors_out(ir::Kernel& kernel, const std::function<bool(const std::string&)>& is_helper);

} // namespace coulter::gradient
