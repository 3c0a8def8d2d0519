#pragma once
/// Dynamic routing between capsules with vector poses, and the decoder that draws what they see.
///
/// Source of all: S. Sabour, N. Frosst, G. Hinton, Dynamic Routing Between Capsules, NeurIPS 2017, sections 2 to 4,
/// https://arxiv.org/abs/1710.09829.

#include <coulter/coulter.h>

namespace coulter::models {

/// Vectors shrunk to a length below 1 that keep their direction, with q = sum over `over` of s^2:
///
///     squash(s) = q / (1 + q) * s / sqrt(q + 1e-7)
///
/// The addend keeps the vector 0, and its gradient, from being 0 / 0. \param s a tensor of a float type with dim
/// `over`.
[[nodiscard]] Tensor squash(const Arg& s, const Dim& over);

/// `sqrt(sum over `over` of v^2)`: how likely it is that what a capsule looks for is there.
[[nodiscard]] Tensor capsule_length(const Arg& v, const Dim& over);

/// Which capsules tell each other apart while they are routed.
struct VectorCapsules {
    Dim in;   ///< children
    Dim out;  ///< parents, which compete for each child
    Dim pose; ///< elements of a parent's vector
};

/// Parents from the predictions of their children. For each child i and parent j, with b = 0 at first, `iterations`
/// times:
///
///     c = softmax over j of b
///     v = squash(sum over i of c * prediction)
///     b = b + sum over the pose of prediction * v         (left out behind the last v)
///
/// \param predictions a tensor over the dims of `capsules`, whose other dims bind by name, such as a batch.
/// \param iterations at least 1. \returns v, over `capsules.out` and `capsules.pose`.
[[nodiscard]] Tensor dynamic_routing(const Arg& predictions, const VectorCapsules& capsules, int iterations = 3);

/// Capsules of all classes but one set to 0, so that a decoder sees the one alone. \param v a tensor with dim
/// `classes`. \param chosen the class, an i32 expression without that dim; where it is none of them, all are 0.
[[nodiscard]] Tensor masked_capsules(const Arg& v, const Arg& chosen, const Dim& classes);

/// A layer of dense units: `bias + sum over `over` of x * weight`.
[[nodiscard]] Tensor dense(const Arg& x, const Arg& weight, const Arg& bias, const Dims& over);

/// Digit capsules from primary capsules, three iterations.
///
/// f32: u[batch, in, k 8], weight[in, out, k 8, d 16] (frozen) -> v[batch, out, d 16], length[batch, out].
[[nodiscard]] Kernel dynamic_routing();

/// The picture that the capsule of one class describes: three dense layers, ReLU behind the first two, a sigmoid behind
/// the last. The paper's have 512, 1024 and 784 units.
///
/// v[batch, digit, d 16] f32, chosen[batch] i32 the class; f32 and frozen: weight1[digit, d, hidden1], bias1[hidden1],
/// weight2[hidden1, hidden2], bias2[hidden2], weight3[hidden2, pixel], bias3[pixel] -> image[batch, pixel] f32 in 0
/// .. 1.
[[nodiscard]] Kernel capsule_decoder();

} // namespace coulter::models
