#pragma once
/// Element types and the promotion rules.

#include <cstdint>
#include <optional>
#include <string_view>

namespace coulter {

/// The type of a tensor's elements or of an expression.
///
/// `index` is the type of dims, extents and index arithmetic: mathematical integers, whose division floors. It never
/// is the type of a tensor; `i32(expr)` and the like turn it into a value.
enum class Type : std::uint8_t { f64, f32, f16, bf16, i8, i16, i32, i64, u8, u16, u32, u64, boolean, index };

/// Name in the text form and in messages: `f32`, `bf16`, `bool`, `index`.
[[nodiscard]] std::string_view name(Type type);

/// The inverse of name(); nothing for an unknown name.
[[nodiscard]] std::optional<Type> type_from_name(std::string_view text);

[[nodiscard]] bool is_float(Type type);
/// True for i8 to i64 and u8 to u64, not for `boolean` and `index`.
[[nodiscard]] bool is_integer(Type type);
[[nodiscard]] bool is_signed_integer(Type type);
[[nodiscard]] bool is_unsigned_integer(Type type);
/// Bits of one element: 8 for `boolean` (it is stored as a byte), 64 for `index`.
[[nodiscard]] int bits(Type type);
/// Bytes of one stored element.
[[nodiscard]] inline int bytes(Type type) { return bits(type) / 8; }

/// The type of `a op b`, or nothing when the operands need an explicit cast.
///
/// Equal types give themselves. Within one family the wider type wins: f16 and bf16 to f32 to f64 (f16 with bf16 needs
/// a cast, as neither holds the other), i8 to i64, u8 to u64. Nothing crosses families: signed with unsigned, integer
/// with float, bool or index with anything else need a cast that says what is meant.
[[nodiscard]] std::optional<Type> promote(Type a, Type b);

/// Lowest and highest value of an integer type; \pre is_integer(type).
[[nodiscard]] std::int64_t lowest_integer(Type type);
[[nodiscard]] std::uint64_t highest_integer(Type type);

} // namespace coulter
