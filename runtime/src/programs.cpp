#include "programs.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "failure.hpp"

namespace coulter::runtime {

namespace {

[[noreturn]] void malformed() {
    throw Failure{COULTER_ERROR_INVALID, "the kernel's descriptor has a malformed size program"};
}

/// Division and remainder as mathematics has them: the remainder takes the divisor's sign.
std::optional<int64_t> floor_divide(int64_t a, int64_t b, bool remainder) {
    if (b == 0 || (a == std::numeric_limits<int64_t>::min() && b == -1)) {
        return std::nullopt;
    }
    const int64_t rest = a % b;
    const bool adjust = rest != 0 && (rest < 0) != (b < 0);
    return remainder ? (adjust ? rest + b : rest) : a / b - (adjust ? 1 : 0);
}

std::optional<int64_t> apply(int64_t op, int64_t a, int64_t b) {
    int64_t result = 0;
    switch (op) {
    case COULTER_OP_ADD: return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case COULTER_OP_SUB: return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case COULTER_OP_MUL: return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case COULTER_OP_DIV: return floor_divide(a, b, false);
    case COULTER_OP_MOD: return floor_divide(a, b, true);
    case COULTER_OP_MIN: return std::min(a, b);
    case COULTER_OP_MAX: return std::max(a, b);
    case COULTER_OP_EQ: return a == b ? 1 : 0;
    case COULTER_OP_LT: return a < b ? 1 : 0;
    case COULTER_OP_LE: return a <= b ? 1 : 0;
    default: malformed();
    }
}

} // namespace

std::optional<int64_t> evaluate(const coulter_program& program, std::span<const int64_t> extents) {
    std::array<int64_t, 64> stack;
    size_t depth = 0;
    for (int64_t i = 0; i < program.count; ++i) {
        const auto [op, value] = program.ops[i];
        if (op == COULTER_OP_CONST || op == COULTER_OP_EXTENT) {
            if (depth == stack.size()) {
                malformed();
            }
            int64_t pushed = value;
            if (op == COULTER_OP_EXTENT) {
                if (value < 0 || value >= static_cast<int64_t>(extents.size()) || extents[value] == unknown_extent) {
                    malformed();
                }
                pushed = extents[value];
            }
            stack[depth++] = pushed;
            continue;
        }
        if (depth < 2) {
            malformed();
        }
        const auto result = apply(op, stack[depth - 2], stack[depth - 1]);
        if (!result) {
            return std::nullopt;
        }
        stack[depth - 2] = *result;
        --depth;
    }
    if (depth != 1) {
        malformed();
    }
    return stack[0];
}

} // namespace coulter::runtime
