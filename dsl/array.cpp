#include "coulter/array.hpp"

#include "coulter/diagnostic.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>

namespace coulter {

namespace {

/// The bit pattern of `value` in a 16-bit float format of `mantissa_bits` and of `exponent_bits`, rounded once.
///
/// Scaling by a power of two makes the last kept place the integer place, where nearbyint rounds half to even. A
/// mantissa that rounds up to the next power of two carries into the exponent by itself, and past the largest finite
/// value into infinity.
std::uint16_t encode(double value, int mantissa_bits, int exponent_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int infinity = ((1 << exponent_bits) - 1) << mantissa_bits;
    const std::uint16_t sign = std::signbit(value) ? 0x8000 : 0;
    if (std::isnan(value)) {
        // The payload's upper bits stay, the quiet bit is set, so that no NaN becomes an infinity.
        const auto pattern = std::bit_cast<std::uint64_t>(value) & ((std::uint64_t{1} << 52) - 1);
        const auto payload = static_cast<int>(pattern >> (52 - mantissa_bits));
        return static_cast<std::uint16_t>(sign | infinity | payload | (1 << (mantissa_bits - 1)));
    }
    const double magnitude = std::fabs(value);
    if (std::isinf(value)) {
        return static_cast<std::uint16_t>(sign | infinity);
    }
    if (magnitude == 0) {
        return sign;
    }
    int exponent = 0;
    std::frexp(magnitude, &exponent); // magnitude = m * 2^exponent with 0.5 <= m < 1
    const int normal_exponent = std::max(exponent - 1, 1 - bias);
    if (normal_exponent > bias) {
        return static_cast<std::uint16_t>(sign | infinity);
    }
    const auto scaled = static_cast<int>(std::nearbyint(std::ldexp(magnitude, mantissa_bits - normal_exponent)));
    // A subnormal has the exponent field 0 at the exponent of field 1, and no implied leading bit.
    const int field = (normal_exponent + bias - 1) << mantissa_bits;
    return static_cast<std::uint16_t>(sign | (field + scaled));
}

double decode(std::uint16_t bits, int mantissa_bits, int exponent_bits) {
    const int bias = (1 << (exponent_bits - 1)) - 1;
    const int top = (1 << exponent_bits) - 1;
    const int field = (bits >> mantissa_bits) & top;
    const int mantissa = bits & ((1 << mantissa_bits) - 1);
    double magnitude = 0;
    if (field == top) {
        if (mantissa != 0) {
            const auto payload = static_cast<std::uint64_t>(mantissa) << (52 - mantissa_bits);
            const auto sign = static_cast<std::uint64_t>(bits >> 15) << 63;
            return std::bit_cast<double>(sign | 0x7ff8000000000000ULL | payload);
        }
        magnitude = std::numeric_limits<double>::infinity();
    } else if (field == 0) {
        magnitude = std::ldexp(mantissa, 1 - bias - mantissa_bits);
    } else {
        magnitude = std::ldexp(mantissa + (1 << mantissa_bits), field - bias - mantissa_bits);
    }
    return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

template <class T>
T load(const std::byte* data, std::int64_t i) {
    T value;
    std::memcpy(&value, data + static_cast<std::size_t>(i) * sizeof(T), sizeof(T));
    return value;
}

template <class T>
void store(std::byte* data, std::int64_t i, T value) {
    std::memcpy(data + static_cast<std::size_t>(i) * sizeof(T), &value, sizeof(T));
}

/// Truncates towards zero and saturates; NaN gives 0. A u64 comes back as its bit pattern.
std::int64_t truncate(Type type, double value) {
    if (std::isnan(value)) {
        return 0;
    }
    const std::int64_t lowest = type == Type::index ? std::numeric_limits<std::int64_t>::min() : lowest_integer(type);
    const std::uint64_t highest =
        type == Type::index ? std::uint64_t{std::numeric_limits<std::int64_t>::max()} : highest_integer(type);
    const double whole = std::trunc(value);
    // The bounds are compared as doubles: 2^63 - 1 and 2^64 - 1 round up to a power of two that is itself too large.
    if (whole <= static_cast<double>(lowest)) {
        return lowest;
    }
    if (whole >= static_cast<double>(highest)) {
        return static_cast<std::int64_t>(highest);
    }
    return whole < 0 ? static_cast<std::int64_t>(whole) : static_cast<std::int64_t>(static_cast<std::uint64_t>(whole));
}

} // namespace

double half_to_double(std::uint16_t bits) {
    return decode(bits, 10, 5);
}
std::uint16_t double_to_half(double value) {
    return encode(value, 10, 5);
}
double bfloat_to_double(std::uint16_t bits) {
    return decode(bits, 7, 8);
}
std::uint16_t double_to_bfloat(double value) {
    return encode(value, 7, 8);
}

double round_to(Type type, double value) {
    switch (type) {
    case Type::f64: return value;
    case Type::f32: return static_cast<double>(static_cast<float>(value));
    case Type::f16: return half_to_double(double_to_half(value));
    case Type::bf16: return bfloat_to_double(double_to_bfloat(value));
    default: break;
    }
    COULTER_INTERNAL_ASSERT(is_float(type));
    return value;
}

Array::Array(Type element_type, std::vector<std::int64_t> extents) : type(element_type), shape(std::move(extents)) {
    std::int64_t total = bytes(type);
    bool empty = false;
    for (const std::int64_t extent : shape) {
        if (extent < 0) {
            throw std::invalid_argument("an extent of an array is " + std::to_string(extent) +
                                        "; it must be 0 or more");
        }
        if (extent == 0) {
            empty = true;
        }
    }
    for (const std::int64_t extent : shape) {
        if (!empty && __builtin_mul_overflow(total, extent, &total)) {
            throw std::invalid_argument("an array has more than 2^63 bytes");
        }
    }
    data.resize(empty ? 0 : static_cast<std::size_t>(total));
}

std::int64_t Array::size() const {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) {
        if (extent == 0) {
            return 0;
        }
        count *= extent;
    }
    return count;
}

double Array::real(std::int64_t i) const {
    switch (type) {
    case Type::f64: return load<double>(data.data(), i);
    case Type::f32: return static_cast<double>(load<float>(data.data(), i));
    case Type::f16: return half_to_double(load<std::uint16_t>(data.data(), i));
    case Type::bf16: return bfloat_to_double(load<std::uint16_t>(data.data(), i));
    case Type::u64: return static_cast<double>(load<std::uint64_t>(data.data(), i));
    default: return static_cast<double>(integer(i));
    }
}

std::int64_t Array::integer(std::int64_t i) const {
    switch (type) {
    case Type::i8: return load<std::int8_t>(data.data(), i);
    case Type::i16: return load<std::int16_t>(data.data(), i);
    case Type::i32: return load<std::int32_t>(data.data(), i);
    case Type::u8: return load<std::uint8_t>(data.data(), i);
    case Type::u16: return load<std::uint16_t>(data.data(), i);
    case Type::u32: return load<std::uint32_t>(data.data(), i);
    case Type::i64:
    case Type::u64:
    case Type::index: return load<std::int64_t>(data.data(), i);
    case Type::boolean: return load<std::uint8_t>(data.data(), i) != 0 ? 1 : 0;
    case Type::f64:
    case Type::f32:
    case Type::f16:
    case Type::bf16: break;
    }
    return truncate(Type::i64, real(i));
}

void Array::set_real(std::int64_t i, double value) {
    switch (type) {
    case Type::f64: return store(data.data(), i, value);
    case Type::f32: return store(data.data(), i, static_cast<float>(value));
    case Type::f16: return store(data.data(), i, double_to_half(value));
    case Type::bf16: return store(data.data(), i, double_to_bfloat(value));
    case Type::boolean: return set_integer(i, value != 0 ? 1 : 0);
    default: return set_integer(i, truncate(type, value));
    }
}

void Array::set_integer(std::int64_t i, std::int64_t value) {
    switch (type) {
    case Type::i8:
    case Type::u8: return store(data.data(), i, static_cast<std::uint8_t>(value));
    case Type::i16:
    case Type::u16: return store(data.data(), i, static_cast<std::uint16_t>(value));
    case Type::i32:
    case Type::u32: return store(data.data(), i, static_cast<std::uint32_t>(value));
    case Type::i64:
    case Type::u64:
    case Type::index: return store(data.data(), i, value);
    case Type::boolean: return store(data.data(), i, static_cast<std::uint8_t>(value != 0 ? 1 : 0));
    case Type::f64: return store(data.data(), i, static_cast<double>(value));
    case Type::f32:
    case Type::f16:
    case Type::bf16: break;
    }
    // By way of f32 for the 16-bit floats, as a cast in a kernel goes.
    const auto single = static_cast<float>(value);
    if (type == Type::f32) {
        return store(data.data(), i, single);
    }
    set_real(i, static_cast<double>(single));
}

} // namespace coulter
