#pragma once
/// A convolutional network for handwritten digits, composed of the library's functions.

#include <coulter/coulter.h>

namespace coulter::models {

/// Classifies images of 8x8 bytes, 0 (paper) to 16 (ink).
///
///     image / 16 -> conv 3x3, 32 -> gelu -> max pool 2x2 -> conv 3x3, 64 -> layer norm -> gelu -> average pool 2x2
///     -> dense 64 -> gelu -> dense 10 = logits -> softmax = probabilities
///
/// image[batch, y 8, x 8] of u8; the parameters, frozen inputs of f32, are named and laid out as in
/// models/weights/README.md -> logits[batch, digit 10], probabilities[batch, digit 10] of f32.
[[nodiscard]] Kernel digits_cnn();

} // namespace coulter::models
