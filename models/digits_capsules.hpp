#pragma once
/// A matrix-capsule network for 8x8 digits.

#include "models/em_routing.hpp"

namespace coulter::models {

/// How the network's parameters come in.
struct DigitsOptions {
    Type type = f32;
    bool frozen = true;     ///< the parameters stay the same from call to call
    double beta_a_unit = 1; ///< times capsules_beta_a and class_beta_a
};

/// What the layers make of `image`; all dims go by the names that `digits_capsules` has.
struct DigitsLayers {
    Tensor class_votes;            ///< over batch, y4, x4, capsule, digit, row, col
    RoutedCapsules classes;        ///< over batch, digit, and row, col where they are poses
};

/// The network from `image[batch, y 8, x 8]`, u8 in 0 .. 16, up to the class capsules.
[[nodiscard]] DigitsLayers digits_layers(const DigitsOptions& options = {});

/// Which digit an image shows, and how its capsules agreed on it: convolution 5x5, ReLU, 8 types of primary capsules on
/// 6x6 positions, 8 types of convolutional capsules on 4x4 positions, 10 class capsules with coordinate addition, EM
/// routing with three iterations below both of the last. models/weights/README.md has the layers one by one;
/// models/train/train_digits_capsules.py trains it.
///
/// image[batch, y 8, x 8] u8 in 0 .. 16; all others f32, the parameters frozen: conv_weight[ky 5, kx 5, c1 1, feature
/// 64], conv_bias[feature], primary_pose_weight[feature, primary 8, row 4, k 4], primary_pose_bias[primary, row, k],
/// primary_activation_weight[feature, primary], primary_activation_bias[primary], capsules_weight[cy 3, cx 3, primary,
/// capsule 8, k, col 4], capsules_beta_u[capsule], capsules_beta_a[capsule], class_weight[capsule, digit 10, k, col],
/// class_beta_u[digit], class_beta_a[digit]
/// ->
/// activation[batch, digit] in 0 .. 1, the largest is the prediction;
/// pose[batch, digit, row, col];
/// assignment[batch, y4 4, x4 4, capsule, digit], what part of a capsule, times its activation, the last iteration gave
/// to each class; agreement[batch, y4, x4, capsule, digit] in -1 .. 1, the cosine between the capsule's vote and the
/// pose of the class.
[[nodiscard]] Kernel digits_capsules();

} // namespace coulter::models
