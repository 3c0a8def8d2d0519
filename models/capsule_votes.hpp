#pragma once
/// Capsules with a pose matrix each, and what they vote for the poses of the capsules of the next layer.
///
/// Source of all: G. Hinton, S. Sabour, N. Frosst, Matrix Capsules with EM Routing, ICLR 2018, sections 2 and 4.

#include "models/window.hpp"

namespace coulter::models {

/// Poses and activations of a layer of capsules.
struct Capsules {
    Tensor pose;
    Tensor activation;
};

/// The weights of a linear map and what is added to its result.
struct Affine {
    Arg weight;
    Arg bias;
};

/// Capsules from features: a 1x1 convolution each for the poses and, behind a sigmoid, for the activations.
///
///     pose       = pose.bias + sum over channel of image * pose.weight
///     activation = sigmoid(activation.bias + sum over channel of image * activation.weight)
///
/// Dims bind by name: image has `channel`, pose.weight has it together with the capsules' type and their matrix.
[[nodiscard]] Capsules primary_capsules(const Arg& image, const Affine& pose, const Affine& activation,
                                        const Dim& channel);

/// What each capsule votes for each capsule type of the next layer: `sum over k of pose * weight`, a product of
/// matrices. Nothing is summed over capsules. \param pose an expression with a row and `k`; \param weight one with `k`
/// and a column, by type of voter and of what is voted for. Where the weights lack the position, positions share them.
[[nodiscard]] Tensor capsule_votes(const Arg& pose, const Arg& weight, const Dim& k);

/// The votes of a convolutional layer: those of the capsules under a window, for each position and tap of the window.
///
///     votes = sum over k of pose(y.from(stride * y.to + y.tap), x.from(...)) * weight
///
/// `pose` is a tensor with y.from, x.from and `k`; `weight` has the taps, `k` and a column. The window stays inside.
[[nodiscard]] Tensor conv_capsule_votes(const Arg& pose, const Arg& weight, const Axis& y, const Axis& x, const Dim& k,
                                        std::int64_t stride);

/// Where the receptive fields along one axis have their centres, in whatever unit the votes take: position `p` at
/// `first + step * p`.
struct FieldCentres {
    Dim position;
    double first;
    double step;
};

/// Votes that also say where they come from: the (row, column) of the centre of the voter's receptive field is added to
/// the first two elements of the right-hand column of the vote. `row` and `col` are the dims of the vote's matrix, of
/// at least 2 rows.
[[nodiscard]] Tensor coordinate_addition(const Arg& votes, const FieldCentres& y, const FieldCentres& x, const Dim& row,
                                         const Dim& col);

} // namespace coulter::models
