#pragma once
/// Sums of products of any number of tensors.

#include <coulter/coulter.h>

namespace coulter::models {

/// In which order tensors are contracted, two at a time: step k joins `first` and `second` into a tensor that later
/// steps call `operand count + k`.
struct ContractionOrder {
    struct Step {
        std::size_t first;
        std::size_t second;
    };
    std::vector<Step> steps;
    double cost = 0; ///< multiplications, and additions that sum one tensor alone
};

/// The order that costs least: every way to halve every subset is compared up to 12 operands, beyond that the cheapest
/// pair is taken each time. A step costs the product of the extents of all dims of its two tensors; dims that no other
/// tensor and no result has are summed on the way, those of one tensor alone first.
///
/// \param operands their dims; \param sizes typical extents of all of them.
/// \throws std::invalid_argument for no operands, more than 64 dims, and a dim without a size.
/// Source: R. Pfeifer, J. Haegeman, F. Verstraete, Faster identification of optimal contraction sequences for tensor
/// networks, 2014, https://arxiv.org/abs/1304.6112 (the search by subsets).
[[nodiscard]] ContractionOrder contraction_order(const std::vector<std::vector<Dim>>& operands,
                                                 const std::vector<Dim>& result, const std::vector<Estimate>& sizes);

/// The sum over all dims that are not in `result` of the product of the operands, in the order that costs least at
/// typical extents. \param operands expressions of one type, which is also the accumulator's; \param sizes of all their
/// dims.
[[nodiscard]] Tensor contraction(const std::vector<Arg>& operands, const std::vector<Dim>& result,
                                 const std::vector<Estimate>& sizes);

/// A tensor product as of spherical harmonics: x[edge, channel, j], y[edge, k], c[i, j, k] (frozen) -> result[edge,
/// channel, i] = sum over j and k of c * x * y. f32.
[[nodiscard]] Kernel contraction();
/// Four operands of which no two share more than a dim: a[i, p], b[p, q], c[q, r], e[r, j] -> result[i, j]. f32.
[[nodiscard]] Kernel contraction_chain();

} // namespace coulter::models
