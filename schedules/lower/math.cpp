#include "math.hpp"

#include "integer_math.hpp"

#include <cmath>
#include <iterator>
#include <limits>

namespace coulter::lower {
namespace {

using Halide::Expr;
using Halide::Internal::Call;
using ir::Op;

Expr strict(Call::IntrinsicOp op, const Expr& a, const Expr& b, bool gives_bool = false) {
    const Halide::Type type = gives_bool ? Halide::Bool(a.type().lanes()) : a.type();
    return Call::make(type, op, {a, b}, Call::PureIntrinsic);
}
Expr strict_add(const Expr& a, const Expr& b) {
    return strict(Call::strict_add, a, b);
}
Expr strict_sub(const Expr& a, const Expr& b) {
    return strict(Call::strict_sub, a, b);
}
Expr strict_mul(const Expr& a, const Expr& b) {
    return strict(Call::strict_mul, a, b);
}
Expr strict_lt(const Expr& a, const Expr& b) {
    return strict(Call::strict_lt, a, b, true);
}
Expr strict_eq(const Expr& a, const Expr& b) {
    return strict(Call::strict_eq, a, b, true);
}
// Halide's own strict_le is true for a NaN.
Expr strict_le(const Expr& a, const Expr& b) {
    return strict_lt(a, b) || strict_eq(a, b);
}
Expr not_a_number(const Expr& a) {
    return !strict_eq(a, a);
}

bool narrow_float(Halide::Type type) {
    return type.is_float() && type.bits() == 16;
}
Expr constant(const Expr& like, double value) {
    return Halide::Internal::make_const(like.type(), value);
}

// A C function of libm; LLVM knows these by name.
Expr libm(const char* name, const std::vector<Expr>& args) {
    const std::string suffix = args.front().type().bits() == 32 ? "f" : "";
    return Call::make(args.front().type(), name + suffix, args, Call::PureExtern);
}

// fmod is exact, and has the sign of a.
Expr floor_remainder(const Expr& a, const Expr& b) {
    const Expr remainder = libm("fmod", {a, b});
    const Expr zero = constant(a, 0);
    const Expr is_zero = strict_eq(remainder, zero);
    const Expr differ = strict_lt(remainder, zero) != strict_lt(b, zero);
    return Halide::select(!is_zero && differ, strict_add(remainder, b), remainder);
}

// bf16 is the upper half of f32. Halide's own conversion to it carries from the last bits of a NaN into the sign: where
// all are set, it gives a zero.
Expr widened(const Expr& a) {
    const Halide::Type bits = Halide::UInt(32, a.type().lanes());
    const Expr upper = Halide::cast(bits, Halide::reinterpret(a.type().with_code(Halide::Type::UInt), a));
    return Halide::reinterpret(Halide::Float(32, a.type().lanes()), upper << 16);
}
// To nearest, ties to even.
Expr rounded(const Expr& a) {
    const int lanes = a.type().lanes();
    const Expr bits = Halide::reinterpret(Halide::UInt(32, lanes), a);
    const auto number = [&](std::uint32_t value) { return Halide::Internal::make_const(bits.type(), value); };
    const Expr is_nan = (bits & number(0x7fffffff)) > number(0x7f800000);
    const Expr nearest = (bits + number(0x7fff) + ((bits >> 16) & number(1))) >> 16;
    const Expr upper = Halide::select(is_nan, (bits >> 16) | number(0x40), nearest);
    return Halide::reinterpret(Halide::BFloat(16, lanes), Halide::cast(Halide::UInt(16, lanes), upper));
}

// Coefficients from scripts/fit_math.py, lowest power first.
constexpr float exp_tail[] = {0.999999881f, 0.333330303f, 0.0833369121f, 0.0167388376f, 0.00276262849f};
constexpr float log_tail[] = {0.333333135f,  -0.250000089f, 0.200021192f,  -0.166679963f, 0.142195508f,
                              -0.124055915f, 0.118881747f,  -0.116756409f, 0.0674660131f};
constexpr float tanh_top[] = {1.00000000f, 0.134132475f, 0.00353402714f, 2.12510477e-05f, 1.42692338e-08f};
constexpr float tanh_bottom[] = {1.00000000f, 0.467465699f, 0.0260227527f, 0.000334886514f, 8.14512589e-07f};
constexpr float erf_top[] = {1.12837911f,    0.190407559f,    0.0527488664f,
                             0.00376566243f, 0.000284883456f, 2.05007564e-06f};
constexpr float erf_bottom[] = {1.00000000f,   0.502077043f,   0.114109561f,
                                0.0149693089f, 0.00116254587f, 3.80916317e-05f};
constexpr float expm1_small[] = {0.5f,           0.166666672f,    0.0416666605f,  0.00833314192f,
                                 0.00138893048f, 0.000199735849f, 2.47908101e-05f};

} // namespace

Halide::Type halide_type(Type type) {
    switch (type) {
    case Type::f64: return Halide::Float(64);
    case Type::f32: return Halide::Float(32);
    case Type::f16: return Halide::Float(16);
    case Type::bf16: return Halide::BFloat(16);
    case Type::boolean: return Halide::Bool();
    case Type::index: return Halide::Int(32);
    default: return is_signed_integer(type) ? Halide::Int(bits(type)) : Halide::UInt(bits(type));
    }
}

Expr extreme(Halide::Type type, bool highest) {
    if (type.is_float()) {
        const double infinity = std::numeric_limits<double>::infinity();
        return Halide::Internal::make_const(type, highest ? infinity : -infinity);
    }
    return highest ? type.max() : type.min();
}

Expr Math::barrier(const Expr& a) const {
    return a.type().is_float() && numerics_ == schedule::Numerics::reassociate ? hide(a) : a;
}

Expr Math::hide(const Expr& a) const {
    const Halide::Type type = a.type();
    const Halide::Type carrier = type.with_code(Halide::Type::UInt);
    const Expr zero = Halide::cast(carrier, zero_);
    // An addition, as two exclusive ors would cancel.
    return Halide::reinterpret(type, Halide::reinterpret(carrier, a) + zero);
}

Expr Math::opaque(const Expr& condition) const {
    return Halide::cast<std::int32_t>(condition) + zero_ != 0;
}

Expr Math::unbounded(const Expr& index) const {
    return index * (zero_ + 1); // nothing is divided by a number of unknown sign
}

Expr Math::choose(const Expr& condition, const Expr& yes, const Expr& no) const {
    const auto unknown = [&](const Expr& value) { return Halide::Internal::is_const(value) ? barrier(value) : value; };
    return select(condition, unknown(yes), unknown(no));
}

Expr Math::select(const Expr& condition, const Expr& yes, const Expr& no) const {
    const Halide::Type type = yes.type();
    if (!type.is_float() || numerics_ != schedule::Numerics::reassociate) {
        return Halide::select(condition, yes, no);
    }
    const Halide::Type carrier = type.with_code(Halide::Type::UInt);
    return Halide::reinterpret(
        type, Halide::select(condition, Halide::reinterpret(carrier, yes), Halide::reinterpret(carrier, no)));
}

Expr Math::convert(Halide::Type type, const Expr& a) const {
    const Expr converted = a.type().is_bfloat() ? widened(a) : type.is_bfloat() ? rounded(a) : Halide::cast(type, a);
    // Halide takes two conversions for one, and its own one between f16 and bf16 makes infinities of NaN.
    const bool narrows = narrow_float(type) && numerics_ == schedule::Numerics::exact;
    return narrows ? hide(converted) : barrier(converted);
}

// To 16 bits from f64 by way of f32, which is rounded to odd: its last bit says that there is more, so that the second
// rounding is the only one.
Expr Math::narrow(Halide::Type type, const Expr& a) const {
    if (a.type().bits() != 64) {
        return convert(type, a);
    }
    const Expr single = convert(Halide::Float(32), a);
    const Expr widened = convert(Halide::Float(64), single);
    const Expr inexact = strict_lt(a, widened) || strict_lt(widened, a);
    const Expr away = strict_lt(magnitude(a), magnitude(widened));
    const Expr bits = Halide::reinterpret(Halide::UInt(32), single);
    const Expr one = Halide::cast<std::uint32_t>(1);
    const Expr zero = Halide::cast<std::uint32_t>(0);
    const Expr odd = (bits - Halide::select(away, one, zero)) | one;
    return convert(type, Halide::reinterpret(Halide::Float(32), Halide::select(inexact, odd, bits)));
}

// Without the sign bit.
Expr Math::magnitude(const Expr& a) const {
    const Halide::Type carrier = a.type().with_code(Halide::Type::UInt);
    const Expr sign = Halide::Internal::make_const(carrier, 1) << (a.type().bits() - 1);
    return Halide::reinterpret(a.type(), Halide::reinterpret(carrier, a) & ~Halide::cast(carrier, sign));
}

// The bits of positive floats grow with their values, those of negative ones fall.
Expr Math::ordered(const Expr& a, bool nan_last) const {
    const Halide::Type carrier = a.type().with_code(Halide::Type::Int);
    const Expr all_but_sign = carrier.max();
    const Expr nan = nan_last ? carrier.max() : carrier.min();
    const Expr bits = Halide::reinterpret(carrier, a);
    return Halide::select(not_a_number(a), nan, bits ^ ((bits >> (carrier.bits() - 1)) & all_but_sign));
}

Expr Math::from_ordered(const Expr& key, Halide::Type type) {
    const Expr sign = key >> (key.type().bits() - 1);
    return Halide::reinterpret(type, key ^ (sign & key.type().max()));
}

Expr Math::relaxed_product(const Expr& a, const Expr& b) const {
    if (a.type().is_float() && !narrow_float(a.type()) && numerics_ != schedule::Numerics::exact) {
        return a * b;
    }
    return binary(Op::mul, a, b);
}

Expr Math::accumulate_sum(const Expr& accumulator, const Expr& value) const {
    if (value.type().is_float() && !narrow_float(value.type()) && numerics_ != schedule::Numerics::exact) {
        return accumulator + value;
    }
    return binary(Op::add, accumulator, value);
}

Expr Math::accumulate_product(const Expr& accumulator, const Expr& value) const {
    return relaxed_product(accumulator, value);
}

Expr Math::min_max(bool is_max, const Expr& a, const Expr& b) const {
    if (relaxed()) {
        return is_max ? Halide::max(a, b) : Halide::min(a, b);
    }
    // A constant first operand is no NaN, and the comparison is false for a NaN in `b`, which then is the result.
    const auto better = [&](const Expr& x, const Expr& y) { return is_max ? strict_lt(y, x) : strict_lt(x, y); };
    if (Halide::Internal::is_const(a)) {
        return select(better(a, b), a, b);
    }
    if (Halide::Internal::is_const(b)) {
        return select(better(b, a), b, a);
    }
    return select(better(a, b) || not_a_number(a), a, b);
}

Expr Math::unary(Op op, const Expr& a) const {
    if (op == Op::logical_not) {
        return !a;
    }
    if (op == Op::bit_not) {
        return ~a;
    }
    COULTER_INTERNAL_ASSERT(op == Op::neg);
    if (a.type().is_float()) {
        // The sign bit alone, so that 0 becomes -0 and a NaN stays one.
        const Halide::Type carrier = a.type().with_code(Halide::Type::UInt);
        const Expr sign = Halide::Internal::make_const(carrier, 1) << (a.type().bits() - 1);
        return Halide::reinterpret(a.type(), Halide::reinterpret(carrier, a) ^ Halide::cast(carrier, sign));
    }
    return integer_binary(Op::sub, Halide::Internal::make_zero(a.type()), a);
}

Expr Math::binary(Op op, const Expr& a, const Expr& b) const {
    const Halide::Type type = a.type();
    switch (op) {
    case Op::logical_and: return a && b;
    case Op::logical_or: return a || b;
    default: break;
    }
    if (narrow_float(type)) {
        const Expr wide = binary(op, convert(Halide::Float(32), a), convert(Halide::Float(32), b));
        return wide.type().is_bool() ? wide : narrow(type, wide);
    }
    const bool compares = op >= Op::eq && op <= Op::ge;
    if (!type.is_float()) {
        switch (op) {
        case Op::eq: return a == b;
        case Op::ne: return a != b;
        case Op::lt: return a < b;
        case Op::le: return a <= b;
        case Op::gt: return a > b;
        case Op::ge: return a >= b;
        default: break;
        }
        if (type.is_bool()) {
            switch (op) {
            case Op::bit_and:
            case Op::min: return a && b;
            case Op::bit_or:
            case Op::max: return a || b;
            default: return a != b;
            }
        }
        return integer_binary(op, a, b);
    }
    if (relaxed() && !compares) {
        switch (op) {
        case Op::add: return a + b;
        case Op::sub: return a - b;
        case Op::mul: return a * b;
        case Op::div: return a / b;
        default: break;
        }
    }
    switch (op) {
    case Op::add: return strict_add(a, b);
    case Op::sub: return strict_sub(a, b);
    case Op::mul: return strict_mul(a, b);
    case Op::div: return strict(Call::strict_div, a, b);
    case Op::mod: return floor_remainder(a, b);
    case Op::min: return min_max(false, a, b);
    case Op::max: return min_max(true, a, b);
    case Op::eq: return strict_eq(a, b);
    case Op::ne: return !strict_eq(a, b);
    case Op::lt: return strict_lt(a, b);
    case Op::le: return strict_le(a, b);
    case Op::gt: return strict_lt(b, a);
    case Op::ge: return strict_le(b, a);
    default: COULTER_INTERNAL_ASSERT(!"a float operation"); return {};
    }
}

Expr Math::cast(Halide::Type type, const Expr& a) const {
    const Halide::Type from = a.type();
    if (from == type) {
        return a;
    }
    if (type.is_bool()) {
        return narrow_float(from) ? cast(type, convert(Halide::Float(32), a))
               : from.is_float()  ? !strict_eq(a, constant(a, 0))
                                  : a != Halide::Internal::make_zero(from);
    }
    if (!from.is_float()) {
        return narrow_float(type) ? convert(type, Halide::cast<float>(a)) : Halide::cast(type, a);
    }
    if (narrow_float(from)) {
        const Expr wide = convert(Halide::Float(32), a);
        return cast(type, relaxed() ? wide : hide(wide));
    }
    if (type.is_float()) {
        return narrow_float(type) ? narrow(type, a) : convert(type, a);
    }
    // Bounds that the float type holds exactly: powers of two.
    const int magnitude = type.is_uint() ? type.bits() : type.bits() - 1;
    const Expr high = constant(a, std::ldexp(1.0, magnitude));
    const Expr low = constant(a, type.is_uint() ? 0.0 : -std::ldexp(1.0, magnitude));
    const Expr inside = strict_lt(low, a) && strict_lt(a, high);
    const Expr truncated = Halide::cast(type, Halide::select(inside, a, constant(a, 0)));
    const Expr outside =
        Halide::select(strict_le(high, a), type.max(),
                       Halide::select(strict_le(a, low), type.min(), Halide::Internal::make_zero(type)));
    return Halide::select(inside, truncated, outside);
}

Expr Math::poly_fma(const Expr& a, const Expr& b, const Expr& c) const {
    return numerics_ == schedule::Numerics::exact ? strict_add(strict_mul(a, b), c) : a * b + c;
}

Expr Math::polynomial(const Expr& x, const float* coefficients, int count) const {
    Expr value = constant(x, coefficients[count - 1]);
    for (int i = count - 2; i >= 0; --i) {
        value = poly_fma(value, x, constant(x, coefficients[i]));
    }
    return value;
}

// x = n ln 2 + r, |r| <= ln 2 / 2 (ln 2 in two parts so that r is exact); exp(x) = 2^(n-1) (2 + 2 r + r^2 p(r)), where
// 2^127 is the largest power that n = 128 takes. Added to 1.5 2^23 a number is rounded, and its last bits are n. Beyond
// 89 the product is infinite; below -86.99, next to the subnormal numbers, the power is 0. A NaN goes through.
Expr Math::exp32(const Expr& x) const {
    const Expr high = constant(x, 89.0);
    const Expr low = constant(x, -87.5);
    const Expr below = Halide::select(strict_lt(high, x), high, x);
    const Expr bounded = Halide::select(strict_lt(below, low), low, below);
    const Expr magic = constant(x, 12582912.0);
    const Expr rounded = strict_add(strict_mul(bounded, constant(x, 1.44269504088896341)), magic);
    const Expr n = strict_sub(rounded, magic);
    const Expr r =
        strict_sub(poly_fma(n, constant(x, -0.693359375), bounded), strict_mul(n, constant(x, -2.12194440e-4)));
    const Expr tail = polynomial(r, exp_tail, std::size(exp_tail));
    const Expr value = poly_fma(poly_fma(tail, r, constant(x, 2)), r, constant(x, 2));
    const Expr bits = Halide::reinterpret(Halide::UInt(32, x.type().lanes()), rounded);
    const Expr power =
        Halide::reinterpret(x.type(), (bits << 23) + Halide::Internal::make_const(bits.type(), 126 << 23));
    return strict_mul(value, power);
}

// x = 2^n (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)); log(x) = n ln 2 + f - f^2/2 + f^3 p(f).
Expr Math::log32(const Expr& x) const {
    const Expr tiny = strict_lt(x, constant(x, std::numeric_limits<float>::min()));
    const Expr normal = Halide::select(tiny, strict_mul(x, constant(x, 8388608.0)), x);
    const Expr bits = Halide::reinterpret(Halide::Int(32), normal);
    const Expr offset = (bits - 0x3f3504f3) >> 23;
    const Expr f = strict_sub(Halide::reinterpret(Halide::Float(32), bits - (offset << 23)), constant(x, 1.0));
    const Expr n = Halide::cast<float>(offset) - Halide::select(tiny, constant(x, 23.0), constant(x, 0.0));
    const Expr square = strict_mul(f, f);
    const Expr tail = strict_mul(polynomial(f, log_tail, std::size(log_tail)), strict_mul(square, f));
    const Expr low_part = poly_fma(n, constant(x, -2.12194440e-4), tail);
    const Expr sum = strict_add(poly_fma(square, constant(x, -0.5), low_part), f);
    const Expr value = poly_fma(n, constant(x, 0.693359375), sum);
    const double infinity = std::numeric_limits<double>::infinity();
    const Expr zero = constant(x, 0);
    const Expr edge =
        Halide::select(strict_eq(x, zero), constant(x, -infinity),
                       Halide::select(strict_lt(x, zero), constant(x, std::numeric_limits<double>::quiet_NaN()), x));
    return Halide::select(strict_lt(zero, x) && strict_lt(x, constant(x, infinity)), value, edge);
}

Expr Math::expm132(const Expr& x) const {
    const Expr small = poly_fma(strict_mul(polynomial(x, expm1_small, std::size(expm1_small)), x), x, x);
    const Expr magnitude = Halide::abs(x);
    return Halide::select(strict_lt(magnitude, constant(x, 0.5)), small, strict_sub(exp32(x), constant(x, 1)));
}

// An odd function with limits -1 and 1: x p(x^2) / q(x^2), cut off at 1. Where x^2 is beyond `limit`^2 the quotient of
// the polynomials is the one there, and x grows. A NaN goes through.
Expr Math::odd_quotient(const Expr& x, double limit, const float* top, const float* bottom, int count) const {
    const Expr square = strict_mul(x, x);
    const Expr end = constant(x, limit * limit);
    const Expr bounded = Halide::select(strict_lt(end, square), end, square);
    const Expr value =
        strict(Call::strict_div, strict_mul(x, polynomial(bounded, top, count)), polynomial(bounded, bottom, count));
    const Expr one = constant(x, 1);
    const Expr minus_one = constant(x, -1);
    const Expr below = Halide::select(strict_lt(one, value), one, value);
    return Halide::select(strict_lt(below, minus_one), minus_one, below);
}

Expr Math::tanh32(const Expr& x) const {
    return odd_quotient(x, 8.5, tanh_top, tanh_bottom, std::size(tanh_top));
}

Expr Math::erf32(const Expr& x) const {
    return odd_quotient(x, 3.92, erf_top, erf_bottom, std::size(erf_top));
}

Expr Math::call(Op op, const std::vector<Expr>& args) const {
    const Expr& x = args.front();
    const Halide::Type type = x.type();
    if (op == Op::abs && !type.is_float()) {
        return type.is_int() ? Halide::select(x < 0, integer_binary(Op::sub, Halide::Internal::make_zero(type), x), x)
                             : x;
    }
    if (narrow_float(type)) {
        std::vector<Expr> wide;
        for (const Expr& arg : args) {
            wide.push_back(convert(Halide::Float(32), arg));
        }
        const Expr value = call(op, wide);
        return value.type().is_bool() ? value : narrow(type, value);
    }
    const bool single = type.bits() == 32;
    const double infinity = std::numeric_limits<double>::infinity();
    switch (op) {
    case Op::abs: return magnitude(x);
    case Op::sqrt: return Halide::sqrt(x);
    case Op::floor: return Halide::floor(x);
    case Op::ceil: return Halide::ceil(x);
    case Op::round: return Halide::round(x);
    case Op::trunc: return Halide::trunc(x);
    case Op::is_nan: return not_a_number(x);
    case Op::is_inf: return strict_eq(magnitude(x), constant(x, infinity));
    case Op::is_finite: return strict_lt(magnitude(x), constant(x, infinity));
    case Op::fma: return libm("fma", args);
    case Op::exp: return single ? barrier(exp32(x)) : libm("exp", args);
    case Op::log: return single ? barrier(log32(x)) : libm("log", args);
    case Op::expm1: return single ? barrier(expm132(x)) : libm("expm1", args);
    case Op::tanh: return single ? barrier(tanh32(x)) : libm("tanh", args);
    case Op::erf: return single ? barrier(erf32(x)) : libm("erf", args);
    case Op::sigmoid: {
        const Expr e = call(Op::exp, {unary(Op::neg, x)});
        return strict(Call::strict_div, constant(x, 1), strict_add(constant(x, 1), e));
    }
    case Op::log1p: return libm("log1p", args);
    case Op::sin: return single ? barrier(strict_mul(libm("sin", args), constant(x, 1))) : libm("sin", args);
    case Op::cos: return single ? barrier(strict_mul(libm("cos", args), constant(x, 1))) : libm("cos", args);
    case Op::tan: return libm("tan", args);
    case Op::asin: return libm("asin", args);
    case Op::acos: return libm("acos", args);
    case Op::atan: return libm("atan", args);
    case Op::atan2: return libm("atan2", args);
    case Op::sinh: return libm("sinh", args);
    case Op::cosh: return libm("cosh", args);
    case Op::pow: return libm("pow", args);
    default: COULTER_INTERNAL_ASSERT(!"a function"); return {};
    }
}

} // namespace coulter::lower
