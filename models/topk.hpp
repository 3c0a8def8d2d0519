#pragma once
/// The largest few of many.

#include <coulter/coulter.h>

namespace coulter::models {

/// Along a dim `slot`, the largest first.
struct TopK {
    Tensor values;
    Tensor indices; ///< i32, along the reduced dim
};

/// The `count` largest of `x` along `over`, which are few: each is the largest of those at other places than
/// the ones before it, in one pass over the data, which vectorizes.
///
/// NaN is larger than everything; of equals, the one of the smaller index comes first. Where `over` has fewer elements
/// than there are slots, the others hold -inf and the index -1. \param x floats that have the dim `over`. \param slot a
/// dim of the constant extent `count`. An empty `over` is an error of the call.
[[nodiscard]] TopK topk(const Arg& x, const Dim& over, const Dim& slot, int count);

/// f32: x[row, col] -> values[row, slot], indices[row, slot] of i32, the 4 largest of each row.
[[nodiscard]] Kernel topk();

} // namespace coulter::models
