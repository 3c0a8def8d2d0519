#pragma once
// Gradient rules between their tracing and the kernel.

#include "coulter/ir.hpp"

namespace coulter::detail {

/// A rule over `in0` ..., `out`, `d_out` with the names of the call's tensors; `inputs` by position, empty for an argument
/// that the kernel does not have.
[[nodiscard]] std::shared_ptr<const ir::Kernel> named_rule(const ir::Kernel& rule, const std::string& function,
                                                           const std::vector<std::string>& inputs,
                                                           const std::string& output);

} // namespace coulter::detail
