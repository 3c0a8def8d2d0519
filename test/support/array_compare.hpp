#pragma once
/// Compares arrays the way all numerical tests here do.

#include "coulter/array.hpp"

#include <limits>
#include <string>

namespace coulter::test {

inline constexpr double infinity = std::numeric_limits<double>::infinity();
inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// What an element may be off: the largest of the three. Integers and bools must be equal.
struct Tolerance {
    double of_max = 1e-5; ///< times the largest finite magnitude in the reference
    double absolute = 0;  ///< by itself
    double relative = 0;  ///< times the element's own magnitude, added to `absolute`
};

/// Nothing may differ, but the sign of zero and the payload of NaN.
inline constexpr Tolerance exactly{0, 0, 0};

/// An empty string where `got` equals `wanted`, else what differs and where the worst element is.
///
/// Shapes must be equal, and types, but that floats may differ in width. NaN must meet NaN, and an infinity the same
/// infinity.
[[nodiscard]] std::string difference(const Array& got, const Array& wanted, const Tolerance& tolerance = {});

/// An array of `type` with these values, for tests.
[[nodiscard]] Array array_of(Type type, std::vector<std::int64_t> shape, const std::vector<double>& values);
/// f32, one dim.
[[nodiscard]] Array array_of(const std::vector<double>& values);

/// Deterministic values, small multiples of 1/64 in -2 .. 2 (whole numbers -8 .. 8 for signed integers, 0 .. 15 for
/// unsigned ones, 0 or 1 for bool), so that short sums of products of f32 are exact.
[[nodiscard]] Array random_array(Type type, std::vector<std::int64_t> shape, std::uint64_t seed);

} // namespace coulter::test
