#pragma once

#include <cstdint>
#include <span>

namespace coulter::runtime {

/// The bytes that a tensor with at least one element occupies.
struct Region {
    int64_t first; ///< Address of element [0, 0, ...].
    int64_t element_bytes;
    std::span<const int64_t> extents; ///< All at least 1.
    std::span<const int64_t> strides; ///< In elements, any sign.
};

/// Whether the two regions may share a byte. Never false when they do. True is conservative, but exact for contiguous
/// tensors and for slices of one tensor that were cut along any one dim.
bool may_overlap(const Region& a, const Region& b);

} // namespace coulter::runtime
