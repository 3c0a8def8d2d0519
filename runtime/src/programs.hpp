#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "coulter/descriptor.h"

namespace coulter::runtime {

/// An extent that is not found yet. Real extents are not negative.
inline constexpr int64_t unknown_extent = -1;

/// The value of a size program, or nothing when it overflows or divides by zero.
///
/// \throws Failure when the program is malformed or uses an extent that is unknown.
std::optional<int64_t> evaluate(const coulter_program& program, std::span<const int64_t> extents);

} // namespace coulter::runtime
