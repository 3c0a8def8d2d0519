// Every operation is written once, in the widest type of its family: doubles hold all float types exactly, and a double
// result of +, -, *, / and sqrt rounded to f32 is the f32 result (53 >= 2 * 24 + 2 bits). The 16-bit floats round by
// way of f32. Integers compute modulo 2^64 and are wrapped to their width after each operation.

#include "interpreter_ops.hpp"

#include <cmath>
#include <limits>
#include <stdexcept>

namespace coulter::interpreter {
namespace {

using Op = ir::Op;
using Signed = std::int64_t;
using Unsigned = std::uint64_t;

template <class F>
void each(Lane* out, int count, const F& f) {
    for (int l = 0; l < count; ++l) {
        out[l] = f(l);
    }
}
template <class F>
void reals(Lane* out, const Lane* a, int count, const F& f) {
    for (int l = 0; l < count; ++l) {
        out[l].f = f(a[l].f);
    }
}
template <class F>
void reals(Lane* out, const Lane* a, const Lane* b, int count, const F& f) {
    for (int l = 0; l < count; ++l) {
        out[l].f = f(a[l].f, b[l].f);
    }
}
template <class F>
void integers(Lane* out, const Lane* a, int count, const F& f) {
    for (int l = 0; l < count; ++l) {
        out[l].i = f(a[l].i);
    }
}
template <class F>
void integers(Lane* out, const Lane* a, const Lane* b, int count, const F& f) {
    for (int l = 0; l < count; ++l) {
        out[l].i = f(a[l].i, b[l].i);
    }
}
template <class F>
void classify(Lane* out, const Lane* a, int count, const F& f) {
    for (int l = 0; l < count; ++l) {
        out[l].i = f(a[l].f) ? 1 : 0;
    }
}

/// A comparison in the operands' own order: floats, u64 as unsigned, everything else as signed.
template <class F>
void compare(Type type, Lane* out, const Lane* a, const Lane* b, int count, const F& f) {
    if (is_float(type)) {
        for (int l = 0; l < count; ++l) {
            out[l].i = f(a[l].f, b[l].f) ? 1 : 0;
        }
    } else if (type == Type::u64) {
        for (int l = 0; l < count; ++l) {
            out[l].i = f(static_cast<Unsigned>(a[l].i), static_cast<Unsigned>(b[l].i)) ? 1 : 0;
        }
    } else {
        for (int l = 0; l < count; ++l) {
            out[l].i = f(a[l].i, b[l].i) ? 1 : 0;
        }
    }
}

Signed wrap_add(Signed a, Signed b) {
    return static_cast<Signed>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
}
Signed wrap_sub(Signed a, Signed b) {
    return static_cast<Signed>(static_cast<Unsigned>(a) - static_cast<Unsigned>(b));
}
Signed wrap_mul(Signed a, Signed b) {
    return static_cast<Signed>(static_cast<Unsigned>(a) * static_cast<Unsigned>(b));
}

Signed floor_div(Signed a, Signed b) {
    if (b == 0) {
        return 0;
    }
    if (b == -1) {
        return wrap_sub(0, a);
    } // the machine division would trap on the lowest value
    const Signed quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

Signed floor_mod(Signed a, Signed b) {
    if (b == 0 || b == -1) {
        return 0;
    }
    const Signed remainder = a % b;
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

Signed unsigned_div(Signed a, Signed b) {
    return b == 0 ? 0 : static_cast<Signed>(static_cast<Unsigned>(a) / static_cast<Unsigned>(b));
}
Signed unsigned_mod(Signed a, Signed b) {
    return b == 0 ? 0 : static_cast<Signed>(static_cast<Unsigned>(a) % static_cast<Unsigned>(b));
}

double floor_mod(double a, double b) {
    const double remainder = std::fmod(a, b);
    return remainder != 0 && (remainder < 0) != (b < 0) ? remainder + b : remainder;
}

double nan_min(double a, double b) {
    return std::isnan(a) || a < b ? a : b;
}
double nan_max(double a, double b) {
    return std::isnan(a) || a > b ? a : b;
}

void real_op(Op op, Type type, Lane* out, const Lane* a, const Lane* b, const Lane* c, int n) {
    switch (op) {
    case Op::neg: reals(out, a, n, [](double x) { return -x; }); break;
    case Op::add: reals(out, a, b, n, [](double x, double y) { return x + y; }); break;
    case Op::sub: reals(out, a, b, n, [](double x, double y) { return x - y; }); break;
    case Op::mul: reals(out, a, b, n, [](double x, double y) { return x * y; }); break;
    case Op::div: reals(out, a, b, n, [](double x, double y) { return x / y; }); break;
    case Op::mod: reals(out, a, b, n, [](double x, double y) { return floor_mod(x, y); }); break;
    // A NaN on the right makes the comparison false, which selects it.
    case Op::min: reals(out, a, b, n, nan_min); break;
    case Op::max: reals(out, a, b, n, nan_max); break;
    case Op::abs: reals(out, a, n, [](double x) { return std::fabs(x); }); break;
    case Op::stop_gradient: reals(out, a, n, [](double x) { return x; }); break;
    case Op::sqrt: reals(out, a, n, [](double x) { return std::sqrt(x); }); break;
    case Op::exp: reals(out, a, n, [](double x) { return std::exp(x); }); break;
    case Op::log: reals(out, a, n, [](double x) { return std::log(x); }); break;
    case Op::log1p: reals(out, a, n, [](double x) { return std::log1p(x); }); break;
    case Op::expm1: reals(out, a, n, [](double x) { return std::expm1(x); }); break;
    case Op::sin: reals(out, a, n, [](double x) { return std::sin(x); }); break;
    case Op::cos: reals(out, a, n, [](double x) { return std::cos(x); }); break;
    case Op::tan: reals(out, a, n, [](double x) { return std::tan(x); }); break;
    case Op::asin: reals(out, a, n, [](double x) { return std::asin(x); }); break;
    case Op::acos: reals(out, a, n, [](double x) { return std::acos(x); }); break;
    case Op::atan: reals(out, a, n, [](double x) { return std::atan(x); }); break;
    case Op::atan2: reals(out, a, b, n, [](double x, double y) { return std::atan2(x, y); }); break;
    case Op::sinh: reals(out, a, n, [](double x) { return std::sinh(x); }); break;
    case Op::cosh: reals(out, a, n, [](double x) { return std::cosh(x); }); break;
    case Op::tanh: reals(out, a, n, [](double x) { return std::tanh(x); }); break;
    case Op::erf: reals(out, a, n, [](double x) { return std::erf(x); }); break;
    case Op::sigmoid: reals(out, a, n, [](double x) { return 1 / (1 + std::exp(-x)); }); break;
    case Op::floor: reals(out, a, n, [](double x) { return std::floor(x); }); break;
    case Op::ceil: reals(out, a, n, [](double x) { return std::ceil(x); }); break;
    case Op::round: reals(out, a, n, [](double x) { return std::nearbyint(x); }); break;
    case Op::trunc: reals(out, a, n, [](double x) { return std::trunc(x); }); break;
    case Op::pow: reals(out, a, b, n, [](double x, double y) { return std::pow(x, y); }); break;
    case Op::fma:
        // The one operation where a double result rounded again may differ from the type's own.
        if (type == Type::f64) {
            each(out, n, [&](int l) { return Lane{.f = std::fma(a[l].f, b[l].f, c[l].f)}; });
        } else {
            each(out, n, [&](int l) {
                return Lane{
                    .f = std::fma(static_cast<float>(a[l].f), static_cast<float>(b[l].f), static_cast<float>(c[l].f))};
            });
        }
        break;
    default: COULTER_INTERNAL_ASSERT(!"an operation of floats");
    }
    fit_lanes(type, out, n);
}

template <class F>
void checked(Lane* out, const Lane* a, const Lane* b, int count, const F& overflows) {
    for (int l = 0; l < count; ++l) {
        if (overflows(a[l].i, b[l].i, &out[l].i)) {
            throw std::overflow_error("index arithmetic leaves the range of 64-bit integers");
        }
    }
}

/// Indices are mathematical integers: what does not fit is an error, never wrapped.
bool index_op(Op op, Lane* out, const Lane* a, const Lane* b, int n) {
    switch (op) {
    case Op::add:
        checked(out, a, b, n, [](Signed x, Signed y, std::int64_t* z) { return __builtin_add_overflow(x, y, z); });
        return true;
    case Op::sub:
        checked(out, a, b, n, [](Signed x, Signed y, std::int64_t* z) { return __builtin_sub_overflow(x, y, z); });
        return true;
    case Op::mul:
        checked(out, a, b, n, [](Signed x, Signed y, std::int64_t* z) { return __builtin_mul_overflow(x, y, z); });
        return true;
    default: return false;
    }
}

void integer_op(Op op, Type type, Lane* out, const Lane* a, const Lane* b, int n) {
    const bool is_unsigned = is_unsigned_integer(type);
    const int width = bits(type);
    switch (op) {
    case Op::neg: integers(out, a, n, [](Signed x) { return wrap_sub(0, x); }); break;
    case Op::abs: integers(out, a, n, [&](Signed x) { return is_unsigned || x >= 0 ? x : wrap_sub(0, x); }); break;
    case Op::bit_not: integers(out, a, n, [](Signed x) { return ~x; }); break;
    case Op::add: integers(out, a, b, n, wrap_add); break;
    case Op::sub: integers(out, a, b, n, wrap_sub); break;
    case Op::mul: integers(out, a, b, n, wrap_mul); break;
    case Op::div: integers(out, a, b, n, is_unsigned ? unsigned_div : floor_div); break;
    case Op::mod:
        integers(out, a, b, n, is_unsigned ? unsigned_mod : static_cast<Signed (*)(Signed, Signed)>(floor_mod));
        break;
    case Op::min:
    case Op::max: {
        const bool lower = op == Op::min;
        const auto flip = type == Type::u64 ? Unsigned{1} << 63 : Unsigned{0}; // turns u64 order into i64 order
        const auto key = [flip](Signed x) { return static_cast<Signed>(static_cast<Unsigned>(x) ^ flip); };
        integers(out, a, b, n, [&](Signed x, Signed y) { return (key(x) < key(y)) == lower ? x : y; });
        break;
    }
    case Op::bit_and: integers(out, a, b, n, [](Signed x, Signed y) { return x & y; }); break;
    case Op::bit_or: integers(out, a, b, n, [](Signed x, Signed y) { return x | y; }); break;
    case Op::bit_xor: integers(out, a, b, n, [](Signed x, Signed y) { return x ^ y; }); break;
    case Op::shl:
        integers(out, a, b, n, [&](Signed x, Signed y) {
            return y < 0 || y >= width ? 0 : static_cast<Signed>(static_cast<Unsigned>(x) << y);
        });
        break;
    case Op::shr:
        integers(out, a, b, n, [&](Signed x, Signed y) -> Signed {
            if (is_unsigned) {
                return y < 0 || y >= width ? 0 : static_cast<Signed>(static_cast<Unsigned>(x) >> y);
            }
            return y < 0 || y >= width ? (x < 0 ? -1 : 0) : x >> y;
        });
        break;
    default: COULTER_INTERNAL_ASSERT(!"an operation of integers");
    }
    fit_lanes(type, out, n);
}

/// Truncates towards zero and saturates at the bounds of `to`; NaN gives 0.
Signed saturate(Type to, double value) {
    const bool wide = to == Type::index || to == Type::i64;
    const Signed lowest = wide ? std::numeric_limits<Signed>::min() : lowest_integer(to);
    const Unsigned highest = wide ? Unsigned{std::numeric_limits<Signed>::max()} : highest_integer(to);
    const double whole = std::trunc(value);
    if (std::isnan(whole)) {
        return 0;
    }
    // As doubles, 2^63 - 1 and 2^64 - 1 become the power of two, which is out of range itself.
    if (whole >= static_cast<double>(highest)) {
        return static_cast<Signed>(highest);
    }
    if (whole <= static_cast<double>(lowest)) {
        return lowest;
    }
    return to == Type::u64 ? static_cast<Signed>(static_cast<Unsigned>(whole)) : static_cast<Signed>(whole);
}

/// One rounding for f64 and f32; by way of f32 for the 16-bit floats.
template <class Integer>
double to_real(Type to, Integer value) {
    if (to == Type::f64) {
        return static_cast<double>(value);
    }
    const auto single = static_cast<double>(static_cast<float>(value));
    return to == Type::f32 ? single : round_to(to, single);
}

} // namespace

void fit_lanes(Type type, Lane* lanes, int count) {
    switch (type) {
    case Type::f32:
        reals(lanes, lanes, count, [](double x) { return static_cast<double>(static_cast<float>(x)); });
        break;
    case Type::f16:
    case Type::bf16:
        reals(lanes, lanes, count,
              [type](double x) { return round_to(type, static_cast<double>(static_cast<float>(x))); });
        break;
    case Type::i8: integers(lanes, lanes, count, [](Signed x) { return Signed{static_cast<std::int8_t>(x)}; }); break;
    case Type::i16: integers(lanes, lanes, count, [](Signed x) { return Signed{static_cast<std::int16_t>(x)}; }); break;
    case Type::i32: integers(lanes, lanes, count, [](Signed x) { return Signed{static_cast<std::int32_t>(x)}; }); break;
    case Type::u8: integers(lanes, lanes, count, [](Signed x) { return x & 0xff; }); break;
    case Type::u16: integers(lanes, lanes, count, [](Signed x) { return x & 0xffff; }); break;
    case Type::u32: integers(lanes, lanes, count, [](Signed x) { return x & 0xffffffff; }); break;
    case Type::boolean: integers(lanes, lanes, count, [](Signed x) { return x & 1; }); break;
    case Type::f64:
    case Type::i64:
    case Type::u64:
    case Type::index: break;
    }
}

void apply(Op op, Type type, Lane* out, const Lane* a, const Lane* b, const Lane* c, int n) {
    switch (op) {
    case Op::eq: return compare(type, out, a, b, n, [](auto x, auto y) { return x == y; });
    case Op::ne: return compare(type, out, a, b, n, [](auto x, auto y) { return x != y; });
    case Op::lt: return compare(type, out, a, b, n, [](auto x, auto y) { return x < y; });
    case Op::le: return compare(type, out, a, b, n, [](auto x, auto y) { return x <= y; });
    case Op::gt: return compare(type, out, a, b, n, [](auto x, auto y) { return x > y; });
    case Op::ge: return compare(type, out, a, b, n, [](auto x, auto y) { return x >= y; });
    case Op::logical_and: return integers(out, a, b, n, [](Signed x, Signed y) { return x & y; });
    case Op::logical_or: return integers(out, a, b, n, [](Signed x, Signed y) { return x | y; });
    case Op::logical_not: return integers(out, a, n, [](Signed x) { return x ^ 1; });
    case Op::is_nan: return classify(out, a, n, [](double x) { return std::isnan(x); });
    case Op::is_inf: return classify(out, a, n, [](double x) { return std::isinf(x); });
    case Op::is_finite: return classify(out, a, n, [](double x) { return std::isfinite(x); });
    default: break;
    }
    if (is_float(type)) {
        return real_op(op, type, out, a, b, c, n);
    }
    if (type == Type::index && index_op(op, out, a, b, n)) {
        return;
    }
    integer_op(op, type, out, a, b, n);
}

void convert(Type from, Type to, Lane* out, const Lane* in, int n) {
    if (is_float(from)) {
        if (to == Type::boolean) {
            return classify(out, in, n, [](double x) { return x != 0; });
        }
        if (is_float(to)) {
            return reals(out, in, n, [to](double x) { return round_to(to, x); });
        }
        return each(out, n, [&](int l) { return Lane{.i = saturate(to, in[l].f)}; });
    }
    if (is_float(to)) {
        if (from == Type::u64) {
            return each(out, n, [&](int l) { return Lane{.f = to_real(to, static_cast<Unsigned>(in[l].i))}; });
        }
        return each(out, n, [&](int l) { return Lane{.f = to_real(to, in[l].i)}; });
    }
    if (to == Type::boolean) {
        return integers(out, in, n, [](Signed x) { return Signed{x != 0}; });
    }
    integers(out, in, n, [](Signed x) { return x; });
    fit_lanes(to, out, n);
}

} // namespace coulter::interpreter
