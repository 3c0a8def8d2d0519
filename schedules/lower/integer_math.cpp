#include "integer_math.hpp"

namespace coulter::lower {
namespace {

using Halide::Expr;
using ir::Op;

// Halide leaves overflow of signed 32 and 64 bit integers undefined; unsigned arithmetic wraps.
Expr wrapping(Op op, const Expr& a, const Expr& b) {
    const Halide::Type type = a.type();
    const Halide::Type carrier = type.with_code(Halide::Type::UInt);
    const Expr x = type.is_int() ? Halide::reinterpret(carrier, a) : a;
    const Expr y = type.is_int() ? Halide::reinterpret(carrier, b) : b;
    const Expr r = op == Op::add ? x + y : op == Op::sub ? x - y : x * y;
    return type.is_int() ? Halide::reinterpret(type, r) : r;
}

// Halide's own division is Euclidean, with 0 for a divisor of 0; it differs from the floor for negative divisors, and
// the lowest value divided by -1 overflows.
Expr floor_divide(const Expr& a, const Expr& b) {
    if (a.type().is_uint()) {
        return a / b;
    }
    if (const auto constant = Halide::Internal::as_const_int(b); constant && *constant > 0) {
        return a / b;
    }
    const Expr zero = Halide::Internal::make_zero(a.type());
    const Expr minus_one = b == Halide::Internal::make_const(a.type(), -1);
    const Expr safe = Halide::select(minus_one, Halide::Internal::make_one(a.type()), b);
    const Expr floored =
        a / safe - Halide::select(safe < zero && a % safe != zero, Halide::Internal::make_one(a.type()), zero);
    return Halide::select(minus_one, wrapping(Op::sub, zero, a), floored);
}

Expr floor_modulo(const Expr& a, const Expr& b) {
    if (a.type().is_uint()) {
        return a % b;
    }
    if (const auto constant = Halide::Internal::as_const_int(b); constant && *constant > 0) {
        return a % b;
    }
    const Expr zero = Halide::Internal::make_zero(a.type());
    const Expr minus_one = b == Halide::Internal::make_const(a.type(), -1);
    const Expr safe = Halide::select(minus_one, Halide::Internal::make_one(a.type()), b);
    const Expr euclidean = a % safe;
    return euclidean + Halide::select(safe < zero && euclidean != zero, safe, zero);
}

Expr shift(bool left, const Expr& a, const Expr& b) {
    const Halide::Type type = a.type();
    const Halide::Type unsigned_type = type.with_code(Halide::Type::UInt);
    const Expr amount = Halide::reinterpret(unsigned_type, b);
    const Expr width = Halide::Internal::make_const(unsigned_type, type.bits());
    const Expr inside = amount < width;
    // Halide's bounds of a shift by lanes that it knows the range of are an undefined expression, in which it crashes:
    // the range is hidden by a bit that is turned twice, which LLVM leaves out again.
    const Expr one = Halide::Internal::make_one(unsigned_type);
    const Expr known = Halide::min(amount, width - one);
    const Expr safe = Halide::Internal::is_const(b) ? known : (known ^ one) ^ one;
    if (left) {
        const Expr shifted = Halide::reinterpret(unsigned_type, a) << safe;
        return Halide::select(inside, Halide::reinterpret(type, shifted), Halide::Internal::make_zero(type));
    }
    // A shift of a signed value by its width less one is already the sign, so clamping the amount is enough.
    const Expr shifted = a >> safe;
    return type.is_int() ? shifted : Halide::select(inside, shifted, Halide::Internal::make_zero(type));
}

} // namespace

Expr integer_binary(Op op, const Expr& a, const Expr& b) {
    switch (op) {
    case Op::add:
    case Op::sub:
    case Op::mul: return wrapping(op, a, b);
    case Op::div: return floor_divide(a, b);
    case Op::mod: return floor_modulo(a, b);
    case Op::min: return Halide::min(a, b);
    case Op::max: return Halide::max(a, b);
    case Op::bit_and: return a & b;
    case Op::bit_or: return a | b;
    case Op::bit_xor: return a ^ b;
    case Op::shl: return shift(true, a, b);
    case Op::shr: return shift(false, a, b);
    default: COULTER_INTERNAL_ASSERT(!"an integer operation"); return {};
    }
}

Expr index_binary(Op op, const Expr& a, const Expr& b) {
    switch (op) {
    case Op::add: return a + b;
    case Op::sub: return a - b;
    case Op::mul: return a * b;
    case Op::div: return floor_divide(a, b);
    case Op::mod: return floor_modulo(a, b);
    case Op::min: return Halide::min(a, b);
    case Op::max: return Halide::max(a, b);
    default: COULTER_INTERNAL_ASSERT(!"an index operation"); return {};
    }
}

} // namespace coulter::lower
