#include "text_number.hpp"

#include "coulter/array.hpp"

#include <bit>
#include <charconv>
#include <cmath>
#include <fmt/core.h>
#include <limits>

namespace coulter::text {
namespace {

bool all_digits(std::string_view text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool is_hex(std::string_view text) {
    return text.starts_with("0x") || text.starts_with("0X");
}

// Shortest decimal of a finite value that is still evidently a float.
std::string decimal(Type type, double value) {
    char buffer[64];
    const auto result = type == Type::f32 ? std::to_chars(buffer, buffer + sizeof buffer, static_cast<float>(value))
                                          : std::to_chars(buffer, buffer + sizeof buffer, value);
    std::string text(buffer, result.ptr);
    return text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
}

std::string hexadecimal(double value) {
    char buffer[64];
    const auto result = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::hex);
    return (std::signbit(value) ? "-0x" : "0x") + std::string(buffer, result.ptr);
}

struct Real {
    double value = 0;
    std::string problem;
};

template <class Float>
std::errc read(std::string_view text, bool hex, Float& value, bool& whole) {
    const auto format = hex ? std::chars_format::hex : std::chars_format::general;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, format);
    whole = end == text.data() + text.size();
    return error;
}

Real read_real(Type type, std::string_view text, bool negative) {
    Real real;
    const bool hex = is_hex(text);
    const std::string_view digits = hex ? text.substr(2) : text;
    bool whole = false;
    std::errc error{};
    if (digits.size() > 2000) {
        return {0, "the number has more than 2000 digits"};
    }
    if (type == Type::f32 && !hex) {
        float value = 0; // rounded once, from decimal to f32
        error = read(digits, hex, value, whole);
        real.value = static_cast<double>(value);
    } else {
        error = read(digits, hex, real.value, whole);
    }
    if (!whole || error == std::errc::invalid_argument || (hex && text.find_first_of("pP") == std::string_view::npos)) {
        return {0, fmt::format("`{}` is not a number; floats look like `0.5`, `1e-6` or `0x1.8p+1`", text)};
    }
    const double rounded = round_to(type, real.value);
    if (error == std::errc::result_out_of_range || !std::isfinite(rounded)) {
        return {0, fmt::format("{} is out of the range of {}", text, name(type))};
    }
    real.value = negative ? -rounded : rounded;
    return real;
}

struct Integer {
    std::int64_t value = 0;
    std::string problem;
};

Integer read_integer(Type type, std::string_view text, bool negative) {
    if (!all_digits(text)) {
        return {0, fmt::format("`{}` is not an integer", text)};
    }
    const bool wide = type == Type::index;
    const std::uint64_t highest =
        wide ? static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) : highest_integer(type);
    const std::int64_t lowest = wide ? std::numeric_limits<std::int64_t>::min() : lowest_integer(type);
    const std::uint64_t limit = negative ? std::uint64_t{0} - static_cast<std::uint64_t>(lowest) : highest;
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value > limit) {
        return {0, fmt::format("{}{} is out of the range of {}: {} to {}", negative ? "-" : "",
                               text.size() > 40 ? text.substr(0, 40) : text, name(type), lowest, highest)};
    }
    return {static_cast<std::int64_t>(negative ? std::uint64_t{0} - value : value), {}};
}

void append_bits(std::vector<std::byte>& data, std::uint64_t bits, int count) {
    for (int i = 0; i < count; ++i) {
        data.push_back(static_cast<std::byte>(bits >> (8 * i)));
    }
}

std::uint64_t float_bits(Type type, double value) {
    switch (type) {
    case Type::f64: return std::bit_cast<std::uint64_t>(value);
    case Type::f32: return std::bit_cast<std::uint32_t>(static_cast<float>(value));
    case Type::f16: return double_to_half(value);
    default: return double_to_bfloat(value);
    }
}

double float_value(Type type, std::uint64_t bits) {
    switch (type) {
    case Type::f64: return std::bit_cast<double>(bits);
    case Type::f32: return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case Type::f16: return half_to_double(static_cast<std::uint16_t>(bits));
    default: return bfloat_to_double(static_cast<std::uint16_t>(bits));
    }
}

// Positive, quiet, no payload; chosen here so that the text does not depend on the machine.
std::uint64_t nan_bits(Type type) {
    switch (type) {
    case Type::f64: return 0x7ff8000000000000;
    case Type::f32: return 0x7fc00000;
    case Type::f16: return 0x7e00;
    default: return 0x7fc0;
    }
}

} // namespace

std::string print_literal(const ir::Node& constant) {
    const Type type = constant.type;
    const std::string suffix =
        type == Type::f32 || type == Type::index || type == Type::boolean ? "" : fmt::format("_{}", name(type));
    if (type == Type::boolean) {
        return constant.integer != 0 ? "true" : "false";
    }
    if (!is_float(type)) {
        return (type == Type::u64 ? fmt::format("{}", static_cast<std::uint64_t>(constant.integer))
                                  : fmt::format("{}", constant.integer)) +
               suffix;
    }
    if (std::isnan(constant.real)) {
        return "nan" + suffix;
    }
    if (std::isinf(constant.real)) {
        return (constant.real < 0 ? "-inf" : "inf") + suffix;
    }
    return decimal(type, constant.real) + suffix;
}

bool is_literal_word(std::string_view word) {
    if (word != "inf" && word != "nan" && !word.starts_with("inf_") && !word.starts_with("nan_")) {
        return false;
    }
    const auto type = word.size() > 4 ? type_from_name(word.substr(4)) : Type::f32;
    return word.size() == 3 || (type && is_float(*type));
}

Literal parse_literal(std::string_view text, bool negative) {
    const std::size_t underscore = text.find('_');
    const std::string_view body = text.substr(0, underscore);
    Type type = all_digits(body) ? Type::index : Type::f32;
    if (underscore != std::string_view::npos) {
        const auto given = type_from_name(text.substr(underscore + 1));
        if (!given || *given == Type::boolean || *given == Type::index) {
            return {nullptr, fmt::format("`{}` does not end in an element type; legal are `_f64` to `_bf16`, `_i8` to "
                                         "`_i64` and `_u8` to `_u64`",
                                         text.substr(0, 60))};
        }
        type = *given;
    }
    if (body == "inf" || body == "nan") {
        const double value =
            body == "nan" ? std::numeric_limits<double>::quiet_NaN() : std::numeric_limits<double>::infinity();
        return {ir::real_constant(type, negative ? -value : value), {}};
    }
    if (is_float(type)) {
        Real real = read_real(type, body, negative);
        return {real.problem.empty() ? ir::real_constant(type, real.value) : nullptr, std::move(real.problem)};
    }
    Integer integer = read_integer(type, body, negative);
    if (!integer.problem.empty()) {
        return {nullptr, std::move(integer.problem)};
    }
    return {type == Type::index ? ir::index_constant(integer.value) : ir::integer_constant(type, integer.value), {}};
}

std::string print_element(Type type, const std::vector<std::byte>& data, std::size_t i) {
    const auto size = static_cast<std::size_t>(bytes(type));
    std::uint64_t pattern = 0;
    for (std::size_t k = 0; k < size; ++k) {
        pattern |= static_cast<std::uint64_t>(data[i * size + k]) << (8 * k);
    }
    if (type == Type::boolean) {
        return pattern != 0 ? "true" : "false";
    }
    if (is_unsigned_integer(type)) {
        return fmt::format("{}", pattern);
    }
    if (is_signed_integer(type)) {
        const int unused = 64 - bits(type);
        return fmt::format("{}", static_cast<std::int64_t>(pattern << unused) >> unused);
    }
    const double value = float_value(type, pattern);
    if (std::isnan(value)) {
        return pattern == nan_bits(type) ? "nan" : fmt::format("nan(0x{:x})", pattern);
    }
    return std::isinf(value) ? (value < 0 ? "-inf" : "inf") : hexadecimal(value);
}

std::string parse_element(Type type, std::string_view text, bool negative, std::vector<std::byte>& data) {
    const auto size = bytes(type);
    if (type == Type::boolean) {
        if ((text != "true" && text != "false") || negative) {
            return fmt::format("an element of type bool is `true` or `false`, not `{}`", text.substr(0, 60));
        }
        append_bits(data, text == "true" ? 1 : 0, size);
        return {};
    }
    if (is_float(type)) {
        if (text == "nan") {
            append_bits(data, nan_bits(type), size);
            return negative ? "`nan` has no sign; write its bits, `nan(0x...)`" : "";
        }
        if (text == "inf") {
            const double value = std::numeric_limits<double>::infinity();
            append_bits(data, float_bits(type, negative ? -value : value), size);
            return {};
        }
        Real real = read_real(type, text, negative);
        append_bits(data, float_bits(type, real.value), size);
        return std::move(real.problem);
    }
    Integer integer = read_integer(type, text, negative);
    append_bits(data, static_cast<std::uint64_t>(integer.value), size);
    return std::move(integer.problem);
}

std::string parse_element_bits(Type type, std::string_view digits, std::vector<std::byte>& data) {
    std::uint64_t pattern = 0;
    const std::string_view body = is_hex(digits) ? digits.substr(2) : std::string_view{};
    const auto [end, error] = std::from_chars(body.data(), body.data() + body.size(), pattern, 16);
    if (body.empty() || error != std::errc{} || end != body.data() + body.size() || !is_float(type) ||
        (bits(type) < 64 && (pattern >> bits(type)) != 0) || !std::isnan(float_value(type, pattern))) {
        return fmt::format("`nan(...)` holds the bits of a NaN of type {}, like `nan(0x{:x})`", name(type),
                           nan_bits(is_float(type) ? type : Type::f32));
    }
    append_bits(data, pattern, bytes(type));
    return {};
}

} // namespace coulter::text
