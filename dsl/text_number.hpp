#pragma once
/// Literals of the text form: typed, and exact in both directions.

#include "coulter/ir.hpp"

#include <string>
#include <string_view>

namespace coulter::text {

/// The literal of a constant node. Index and bool constants and f32 carry no suffix: `3`, `true`, `0.5`; all others
/// do: `3_i32`, `0.5_f64`, `inf_bf16`. Floats print as the shortest decimal that reads back as the same value.
[[nodiscard]] std::string print_literal(const ir::Node& constant);

/// A constant, or a message that says what is wrong with the literal.
struct Literal {
    ir::Ref node;
    std::string problem;
};

/// Reads a number token, or one of the words `inf`, `nan`, `inf_f64` ... `negative` says that a minus precedes it.
[[nodiscard]] Literal parse_literal(std::string_view text, bool negative);

/// True for the words that parse_literal reads.
[[nodiscard]] bool is_literal_word(std::string_view word);

/// Element `i` of a const's data: hex floats, integers, `true` and `false`, no suffix. A NaN other than the canonical
/// one prints its bits: `nan(0x7fc00001)`.
[[nodiscard]] std::string print_element(Type type, const std::vector<std::byte>& data, std::size_t i);

/// Appends one element to `data`. \returns a message when the number does not fit `type`, else an empty string.
[[nodiscard]] std::string parse_element(Type type, std::string_view text, bool negative, std::vector<std::byte>& data);
/// Appends the element with these bits, written as in print_element, to `data`.
[[nodiscard]] std::string parse_element_bits(Type type, std::string_view digits, std::vector<std::byte>& data);

} // namespace coulter::text
