#pragma once
/// The capsule networks of this folder: larger than the kernels of kernels.hpp, and libraries of their own.

#include <coulter/coulter.h>

namespace coulter::models {

[[nodiscard]] const std::vector<KernelFactory>& networks();

} // namespace coulter::models
