#include "coulter/types.hpp"

#include <array>

namespace coulter {
namespace {

enum class Family : std::uint8_t { real, signed_integer, unsigned_integer, other };

struct Row {
    std::string_view name;
    int bits;
    Family family;
};

constexpr std::array<Row, 14> table{{{"f64", 64, Family::real},
                                     {"f32", 32, Family::real},
                                     {"f16", 16, Family::real},
                                     {"bf16", 16, Family::real},
                                     {"i8", 8, Family::signed_integer},
                                     {"i16", 16, Family::signed_integer},
                                     {"i32", 32, Family::signed_integer},
                                     {"i64", 64, Family::signed_integer},
                                     {"u8", 8, Family::unsigned_integer},
                                     {"u16", 16, Family::unsigned_integer},
                                     {"u32", 32, Family::unsigned_integer},
                                     {"u64", 64, Family::unsigned_integer},
                                     {"bool", 8, Family::other},
                                     {"index", 64, Family::other}}};

const Row& row(Type type) { return table[static_cast<std::size_t>(type)]; }

} // namespace

std::string_view name(Type type) { return row(type).name; }

std::optional<Type> type_from_name(std::string_view text) {
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (table[i].name == text) {
            return static_cast<Type>(i);
        }
    }
    return std::nullopt;
}

bool is_float(Type type) { return row(type).family == Family::real; }
bool is_signed_integer(Type type) { return row(type).family == Family::signed_integer; }
bool is_unsigned_integer(Type type) { return row(type).family == Family::unsigned_integer; }
bool is_integer(Type type) { return is_signed_integer(type) || is_unsigned_integer(type); }
int bits(Type type) { return row(type).bits; }

std::optional<Type> promote(Type a, Type b) {
    if (a == b) {
        return a;
    }
    if (row(a).family != row(b).family || row(a).family == Family::other || bits(a) == bits(b)) {
        return std::nullopt;
    }
    return bits(a) > bits(b) ? a : b;
}

std::int64_t lowest_integer(Type type) {
    return is_unsigned_integer(type) ? 0 : static_cast<std::int64_t>(~std::uint64_t{0} << (bits(type) - 1));
}

std::uint64_t highest_integer(Type type) {
    const int width = is_unsigned_integer(type) ? bits(type) : bits(type) - 1;
    return width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
}

} // namespace coulter
