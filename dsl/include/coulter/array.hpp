#pragma once
/// A dense row-major array in host memory, for the interpreter, the tests and the command line.

#include "coulter/types.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace coulter {

struct Array {
    Type type = Type::f32;
    std::vector<std::int64_t> shape; ///< outermost first; empty: a scalar
    std::vector<std::byte> data;     ///< compact, row-major; bool is one byte, 0 or 1

    Array() = default;
    /// All elements 0.
    Array(Type type, std::vector<std::int64_t> shape);

    [[nodiscard]] std::int64_t size() const; ///< number of elements
    [[nodiscard]] double real(std::int64_t i) const;
    [[nodiscard]] std::int64_t integer(std::int64_t i) const; ///< u64 as its bit pattern
    void set_real(std::int64_t i, double value);              ///< rounds to nearest even; integers truncate
    void set_integer(std::int64_t i, std::int64_t value);     ///< wraps to the type
};

/// Conversions of the 16-bit floats, round to nearest even, NaN kept.
[[nodiscard]] double half_to_double(std::uint16_t bits);
[[nodiscard]] std::uint16_t double_to_half(double value);
[[nodiscard]] double bfloat_to_double(std::uint16_t bits);
[[nodiscard]] std::uint16_t double_to_bfloat(double value);

/// `value` rounded to a float type.
[[nodiscard]] double round_to(Type type, double value);

} // namespace coulter
