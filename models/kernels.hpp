#pragma once
/// All kernels of the library.

#include <coulter/coulter.h>

namespace coulter::models {

[[nodiscard]] const std::vector<KernelFactory>& kernels();

} // namespace coulter::models
