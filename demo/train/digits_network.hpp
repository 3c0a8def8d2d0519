#pragma once
/// The capsule network for 8x8 digits as the trainer sees it.

#include "network.hpp"

#include <memory>

namespace train {

inline constexpr DataShape digits_shape{8, 8, 1, 10};

/// The parameters of the kernels digits_training and digits_training_f64, in the order of their arguments.
[[nodiscard]] const std::vector<Parameter>& digits_parameters();

/// The network in f32; `right` asks the kernel digits_capsules.
[[nodiscard]] std::unique_ptr<Network<float>> digits_network();

} // namespace train
