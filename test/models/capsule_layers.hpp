#pragma once
/// Capsule layers that are no kernels of models/: other windows and options, for the tests of the functions.

#include <coulter/coulter.h>

namespace coulter::test {

/// Named and laid out as the goldens say, each with cases in test/goldens:
/// `capsules_stride1` (3x3 windows, two passes for the variance), `capsules_one_tap` (1x1), `capsules_gaps` (2x2
/// windows, stride 3: some children have no parents), `capsules_class` (one capsule per class, coordinate addition).
[[nodiscard]] const std::vector<KernelFactory>& capsule_layers();

} // namespace coulter::test
