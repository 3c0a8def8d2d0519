#pragma once
// Factors of sums that are the same for all summands.

#include "coulter/ir.hpp"

#include <functional>

namespace coulter::gradient {

/// Takes factors that no reduced dim changes out of the sums of `kernel` that `is_helper` names, into the one map that
/// reads a sum element by element: there are as many products as sums, where there were as many as summands.
void take_factors_out(ir::Kernel& kernel, const std::function<bool(const std::string&)>& is_helper);

} // namespace coulter::gradient
