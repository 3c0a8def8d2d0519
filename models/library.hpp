#pragma once
/// The kernels of the library of functions, which have no schedules by hand: the default schedule makes them.

#include <coulter/coulter.h>

namespace coulter::models {

[[nodiscard]] const std::vector<KernelFactory>& library();

} // namespace coulter::models
