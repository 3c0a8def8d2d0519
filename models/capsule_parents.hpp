#pragma once
/// Which capsules of a layer may be the parents of which capsules of the layer below.
///
/// A convolutional layer shows every parent the children under its window, and so every child up to
/// `ceil(taps / stride)` positions of parents along each axis: fewer at the borders. What is known per parent and tap
/// is gathered for a child without a scatter: the parents of child `c` along an axis are `c / stride - j` with the tap
/// `c % stride + stride * j`, for those j where both exist.

#include "models/window.hpp"

namespace coulter::models {

/// One axis of a window of capsules. `axis.from` counts children, `axis.to` parents; `candidate` numbers the positions
/// of parents that one child may have, with the extent `most_parents(axis.tap, stride)`.
struct CapsuleAxis {
    Axis axis;
    Dim candidate;
};

/// Parents and children. Without `axes` every parent sees every child.
struct CapsuleLayer {
    std::vector<CapsuleAxis> axes;
    std::int64_t stride = 1;
    std::vector<Dim> in;     ///< what tells the children of a parent apart, besides the taps
    Dim out;                 ///< the parents' type
    std::vector<Dim> matrix; ///< the dims of a pose
};

/// The most positions along an axis whose windows have one child in common: `(extent(tap) + stride - 1) / stride`.
[[nodiscard]] Expr most_parents(const Dim& tap, std::int64_t stride);

/// The reduced dims of a sum over the children of a parent: taps, then `in`.
[[nodiscard]] std::vector<Dim> children(const CapsuleLayer& layer);

/// A tensor over children, at the child under each tap of each parent.
[[nodiscard]] Expr at_child(const Arg& of_child, const CapsuleLayer& layer);

/// The number of parents of each child, positions times types, as an index over the `axis.from`; 0 where no window
/// reaches.
[[nodiscard]] Expr parent_count(const CapsuleLayer& layer);

/// The sum of a tensor over parents and taps over all parents of each child.
[[nodiscard]] Tensor sum_over_parents(const Arg& of_parent, const CapsuleLayer& layer);

/// The largest element of a tensor over parents and taps among all parents of each child; -inf where it has none.
[[nodiscard]] Tensor max_over_parents(const Arg& of_parent, const CapsuleLayer& layer);

} // namespace coulter::models
