#pragma once

/// \file
/// 16-bit floats as storage types. They convert to and from float and do no arithmetic.

#include <bit>
#include <cstdint>

namespace coulter {

/// IEEE binary16. Conversion from float rounds to nearest, ties to even; NaN stays NaN.
struct float16 {
    uint16_t bits = 0;

    float16() = default;

    explicit float16(float value) {
        const uint32_t in = std::bit_cast<uint32_t>(value);
        const uint32_t sign = (in >> 16) & 0x8000u;
        const uint32_t magnitude = in & 0x7fffffffu;
        if (magnitude > 0x7f800000u) {
            bits = static_cast<uint16_t>(sign | 0x7e00u);
        } else if (magnitude >= 0x477ff000u) { // Rounds to 65536 or more: infinity.
            bits = static_cast<uint16_t>(sign | 0x7c00u);
        } else if (magnitude < 0x38800000u) { // Below the smallest normal: the addition rounds to a multiple of 2^-24.
            const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
            bits = static_cast<uint16_t>(sign | (std::bit_cast<uint32_t>(shifted) - 0x3f000000u));
        } else {
            const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
            bits = static_cast<uint16_t>(sign | ((rounded - 0x38000000u) >> 13));
        }
    }

    explicit operator float() const {
        const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
        const uint32_t exponent = (bits >> 10) & 0x1fu;
        const uint32_t fraction = bits & 0x3ffu;
        if (exponent == 0) {
            const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
            return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(magnitude));
        }
        const uint32_t wide = exponent == 31 ? 255u : exponent + 112u;
        return std::bit_cast<float>(sign | (wide << 23) | (fraction << 13));
    }
};

/// The upper half of a float. Conversion from float rounds to nearest, ties to even; NaN stays NaN.
struct bfloat16 {
    uint16_t bits = 0;

    bfloat16() = default;

    explicit bfloat16(float value) {
        const uint32_t in = std::bit_cast<uint32_t>(value);
        const bool nan = (in & 0x7fffffffu) > 0x7f800000u;
        bits = static_cast<uint16_t>(nan ? (in >> 16) | 0x40u : (in + 0x7fffu + ((in >> 16) & 1u)) >> 16);
    }

    explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

static_assert(sizeof(float16) == 2 && sizeof(bfloat16) == 2);

} // namespace coulter
