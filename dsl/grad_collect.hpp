#pragma once
// Sums of products in fewer operations: equal terms as one, and what terms have in common as a factor of their sum.

#include "coulter/ir.hpp"

namespace coulter::gradient {

/// The same values, over the reals: rules of derivatives give `g * x + g * x` for a square, and each use of a tensor
/// its own product with one factor. Terms are joined where that leaves fewer multiplications, one of which comes free
/// with each addition. What is used several times stays one value.
[[nodiscard]] std::vector<ir::Ref> collected(const std::vector<ir::Ref>& values);

} // namespace coulter::gradient
