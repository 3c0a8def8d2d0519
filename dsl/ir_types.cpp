#include "ir_types.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::ir {
namespace {

std::string listed(const std::vector<Type>& types) {
    std::string text;
    for (std::size_t i = 0; i < types.size(); ++i) {
        text += fmt::format("{}{}", i == 0 ? "" : i + 1 == types.size() ? " and " : ", ", coulter::name(types[i]));
    }
    return text;
}

bool is_whole(Type type) {
    return is_integer(type) || type == Type::index;
}

enum class Takes : std::uint8_t { numbers, whole_numbers, whole_or_bool, reals, booleans, anything };

Takes takes(Kind kind, Op op) {
    switch (op) {
    case Op::logical_not:
    case Op::logical_and:
    case Op::logical_or: return Takes::booleans;
    case Op::bit_not:
    case Op::bit_and:
    case Op::bit_or:
    case Op::bit_xor: return Takes::whole_or_bool;
    case Op::shl:
    case Op::shr: return Takes::whole_numbers;
    case Op::eq:
    case Op::ne: return Takes::anything;
    case Op::abs: return Takes::numbers;
    default: return kind == Kind::call ? Takes::reals : Takes::numbers;
    }
}

bool fits(Takes wanted, Type type) {
    switch (wanted) {
    case Takes::numbers: return type != Type::boolean;
    case Takes::whole_numbers: return is_whole(type);
    case Takes::whole_or_bool: return is_whole(type) || type == Type::boolean;
    case Takes::reals: return is_float(type);
    case Takes::booleans: return type == Type::boolean;
    case Takes::anything: return true;
    }
    return false;
}

const char* describe(Takes wanted) {
    switch (wanted) {
    case Takes::numbers: return "numbers";
    case Takes::whole_numbers: return "integers or indices";
    case Takes::whole_or_bool: return "integers, indices or bool";
    case Takes::reals: return "floats";
    case Takes::booleans: return "bool";
    case Takes::anything: return "values";
    }
    return "";
}

bool gives_bool(Op op) {
    return (op >= Op::eq && op <= Op::logical_or) || (op >= Op::is_nan && op <= Op::is_finite) || op == Op::logical_not;
}

} // namespace

std::string operand_problem(Kind kind, Op op, const std::vector<Type>& types) {
    if (kind == Kind::cast) {
        return {};
    }
    if (kind == Kind::select) {
        if (types[0] != Type::boolean) {
            return fmt::format("the condition of `select` is {}, and bool is wanted", coulter::name(types[0]));
        }
        return types[1] == types[2]
                   ? ""
                   : fmt::format("the values of `select` are {}, and one type is wanted", listed({types[1], types[2]}));
    }
    const Takes wanted = takes(kind, op);
    if (std::any_of(types.begin(), types.end(), [&](Type type) { return !fits(wanted, type); })) {
        return fmt::format("`{}` takes {}, not {}", name(op), describe(wanted), listed(types));
    }
    if (std::adjacent_find(types.begin(), types.end(), std::not_equal_to<>{}) != types.end()) {
        return fmt::format("`{}` takes operands of one type, not {}", name(op), listed(types));
    }
    return {};
}

Type result_type(Kind kind, Op op, const std::vector<Type>& types) {
    return kind == Kind::select ? types[1] : gives_bool(op) ? Type::boolean : types[0];
}

} // namespace coulter::ir
