#pragma once
/// The small network of Hinton et al. 2018, for five classes of solids, as the trainer sees it.

#include "network.hpp"

#include <memory>

namespace train {

inline constexpr DataShape solids_shape{32, 32, 2, 5};

/// The parameters of the kernel hinton_training, in the order of its arguments.
[[nodiscard]] const std::vector<Parameter>& solids_parameters();

/// The network in f32; `right` asks the kernel hinton_capsules.
[[nodiscard]] std::unique_ptr<Network<float>> solids_network();

} // namespace train
