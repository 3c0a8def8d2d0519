#pragma once
/// What all forms of attention have in common: a softmax over scores of which some are not seen.

#include <coulter/coulter.h>

namespace coulter::models {

/// The given scale, or `1 / sqrt(number of channels)`. \pre `channel` is not empty.
[[nodiscard]] Expr score_scale(const std::optional<double>& scale, Type type, const std::vector<Dim>& channel);

/// The largest score as what exponents are shifted by: 0 where it is -inf, since -inf minus itself is NaN.
[[nodiscard]] Expr shift_of(const Expr& highest, Type type);

/// 1 / total, and 0 where nothing was seen; NaN stays.
[[nodiscard]] Expr inverse_or_zero(const Expr& total, Type type);

/// `sum over `over` of softmax(scores) * values` where `seen` holds; 0 where nothing is seen.
[[nodiscard]] Tensor weighted_average(const Expr& scores, const Expr& values, const Dims& over,
                                      const ReduceOption& seen);

} // namespace coulter::models
