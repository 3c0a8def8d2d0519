#pragma once
/// The small matrix-capsule network of G. Hinton, S. Sabour, N. Frosst, Matrix Capsules with EM Routing, ICLR 2018.

#include "models/em_routing.hpp"

namespace coulter::models {

/// How the network's parameters come in.
struct HintonOptions {
    Type type = f32;
    bool frozen = true;     ///< the parameters stay the same from call to call
    double beta_a_unit = 1; ///< times capsules1_beta_a, capsules2_beta_a and class_beta_a
};

/// The class capsules, over batch, category, and row, col where they are poses. `image` is a tensor of `options.type`
/// over batch, y 32, x 32, channel 2; all dims go by the names that `hinton_capsules` has.
[[nodiscard]] Capsules hinton_layers(const Arg& image, const HintonOptions& options = {});

/// The network of the paper's section 4 with A = 64, B = 8, C = D = 16 for smallNORB: 68,754 parameters. Convolution
/// 5x5 with stride 2, ReLU, 8 types of primary capsules on 14x14 positions, convolutional capsules 3x3 with stride 2 on
/// 6x6 and with stride 1 on 4x4 positions, 16 types each, and 5 class capsules with coordinate addition; EM routing
/// with three iterations below each of the last three layers.
///
/// image[batch, y 32, x 32, channel 2] f32; the parameters, f32 and frozen, are those of models/weights/README.md
/// -> activation[batch, category 5] in 0 .. 1, pose[batch, category, row 4, col 4].
[[nodiscard]] Kernel hinton_capsules();

} // namespace coulter::models
