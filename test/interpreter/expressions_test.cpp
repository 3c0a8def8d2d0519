// Every kind of node and every operation on the types that it takes, against values computed by hand.

#include "coulter/interpreter.hpp"
#include "support/array_compare.hpp"
#include "support/build_kernel.hpp"

#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <functional>

using namespace coulter;
using namespace coulter::test;
using ir::Op;

namespace {

/// `f(a)` or `f(a, b)` for each element.
Array each(const Array& a, const Array& b, const std::function<E(const E&, const E&)>& f,
           const InterpretOptions& options = {}) {
    KernelBuilder build;
    build.input("a", a.type, {"n"}).input("b", b.type, {"n"});
    build.map("out", {"n"}, {f(build.at("a"), build.at("b"))});
    return interpret(build.kernel(), {{"a", a}, {"b", b}}, {}, options).at("out");
}

Array each(Op op, Type type, const std::vector<double>& a, const std::vector<double>& b) {
    const auto n = static_cast<std::int64_t>(a.size());
    return each(array_of(type, {n}, a), array_of(type, {n}, b), [&](const E& x, const E& y) {
        return op == Op::pow || op == Op::atan2 ? call(op, {x, y}) : binary(op, x, y);
    });
}

Array each(Op op, Type type, const std::vector<double>& a) {
    const auto n = static_cast<std::int64_t>(a.size());
    const Array array = array_of(type, {n}, a);
    return each(array, array, [&](const E& x, const E&) {
        return op == Op::neg || op == Op::logical_not || op == Op::bit_not ? unary(op, x) : call(op, {x});
    });
}

std::string off(const Array& got, const std::vector<double>& wanted, const Tolerance& tolerance = exactly) {
    return difference(got, array_of(got.type, got.shape, wanted), tolerance);
}

const std::vector<Type> floats{Type::f64, Type::f32, Type::f16, Type::bf16};
const std::vector<Type> signed_types{Type::i8, Type::i16, Type::i32, Type::i64};
const std::vector<Type> unsigned_types{Type::u8, Type::u16, Type::u32, Type::u64};

} // namespace

TEST_CASE("float arithmetic in every float type") {
    for (const Type type : floats) {
        CAPTURE(name(type));
        CHECK(off(each(Op::add, type, {1, -2.5, infinity}, {0.5, 1, -1}), {1.5, -1.5, infinity}) == "");
        CHECK(off(each(Op::sub, type, {1, infinity, 0}, {0.5, infinity, 2}), {0.5, not_a_number, -2}) == "");
        CHECK(off(each(Op::mul, type, {3, -0.5, 0}, {0.5, 4, infinity}), {1.5, -2, not_a_number}) == "");
        CHECK(off(each(Op::div, type, {3, -1, 0}, {2, 0, 0}), {1.5, -infinity, not_a_number}) == "");
        CHECK(off(each(Op::mod, type, {7, -7, 7, -7}, {3, 3, -3, -3}), {1, 2, -2, -1}) == "");
        CHECK(off(each(Op::neg, type, {1, -2, infinity, not_a_number}), {-1, 2, -infinity, not_a_number}) == "");
        CHECK(off(each(Op::abs, type, {1, -2, -infinity, not_a_number}), {1, 2, infinity, not_a_number}) == "");
    }
}

TEST_CASE("min and max pass NaN from either side") {
    for (const Type type : floats) {
        const std::vector<double> a{1, not_a_number, 1, -infinity, not_a_number};
        const std::vector<double> b{2, 1, not_a_number, 0, not_a_number};
        CHECK(off(each(Op::min, type, a, b), {1, not_a_number, not_a_number, -infinity, not_a_number}) == "");
        CHECK(off(each(Op::max, type, a, b), {2, not_a_number, not_a_number, 0, not_a_number}) == "");
    }
}

TEST_CASE("one rounding per operation, in the operation's own type") {
    CHECK(off(each(Op::add, Type::f32, {16777216}, {1}), {16777216}) == "");
    CHECK(off(each(Op::add, Type::f64, {16777216}, {1}), {16777217}) == "");
    CHECK(off(each(Op::add, Type::f16, {2048, 65504}, {1, 32}), {2048, infinity}) == "");
    CHECK(off(each(Op::add, Type::bf16, {256, 256}, {1, 3}), {256, 260}) == "");
    // (a + b) - a keeps the error of the first rounding.
    const Array a = array_of(Type::f32, {1}, {1e8});
    const auto error = [](const E& x, const E& y) { return (x + y) - x; };
    CHECK(off(each(a, array_of({3}), error), {0}) == "");
    CHECK(off(each(a, array_of({3}), error, {.in_double = true}), {3}) == "");
}

TEST_CASE("fma rounds once") {
    const double a = 1 + 0x1p-12;
    const auto fma = [](const E& x, const E& y) { return call(Op::fma, {x, x, y}); };
    const auto two = [](const E& x, const E& y) { return x * x + y; };
    const Array x = array_of({a});
    const Array y = array_of({-1 - 0x1p-11});
    CHECK(off(each(x, y, fma), {0x1p-24}) == "");
    CHECK(off(each(x, y, two), {0}) == "");
}

TEST_CASE("integer arithmetic wraps at each width") {
    for (const Type type : signed_types) {
        CAPTURE(name(type));
        const auto low = static_cast<double>(lowest_integer(type));
        const Array lowest = array_of(type, {1}, {low});
        const Array one = array_of(type, {1}, {1});
        const Array minus_one = array_of(type, {1}, {-1});
        const Array highest = each(lowest, one, [](const E& x, const E& y) { return x - y; });
        CHECK(highest.integer(0) == static_cast<std::int64_t>(highest_integer(type)));
        CHECK(each(highest, one, [](const E& x, const E& y) { return x + y; }).integer(0) == lowest_integer(type));
        CHECK(each(lowest, minus_one, [](const E& x, const E& y) { return x * y; }).integer(0) == lowest_integer(type));
        CHECK(each(lowest, minus_one, [](const E& x, const E& y) { return x / y; }).integer(0) == lowest_integer(type));
        CHECK(each(lowest, minus_one, [](const E& x, const E& y) { return x % y; }).integer(0) == 0);
        CHECK(each(lowest, one, [](const E& x, const E&) { return unary(Op::neg, x); }).integer(0) ==
              lowest_integer(type));
        CHECK(each(lowest, one, [](const E& x, const E&) { return call(Op::abs, {x}); }).integer(0) ==
              lowest_integer(type));
        CHECK(off(each(Op::abs, type, {-5, 5}), {5, 5}) == "");
    }
    for (const Type type : unsigned_types) {
        CAPTURE(name(type));
        const Array zero = array_of(type, {1}, {0});
        const Array one = array_of(type, {1}, {1});
        const Array highest = each(zero, one, [](const E& x, const E& y) { return x - y; });
        CHECK(static_cast<std::uint64_t>(highest.integer(0)) == highest_integer(type));
        CHECK(each(highest, one, [](const E& x, const E& y) { return x + y; }).integer(0) == 0);
        CHECK(each(one, one, [](const E& x, const E&) { return unary(Op::neg, x); }).integer(0) == highest.integer(0));
        CHECK(each(highest, highest, [](const E& x, const E& y) { return x * y; }).integer(0) == 1);
        CHECK(each(highest, highest, [](const E& x, const E& y) { return x / y; }).integer(0) == 1);
    }
}

TEST_CASE("integer division and remainder floor, and give 0 for a divisor of 0") {
    for (const Type type : signed_types) {
        CHECK(off(each(Op::div, type, {7, -7, 7, -7, 5, 6}, {2, 2, -2, -2, 0, 3}), {3, -4, -4, 3, 0, 2}) == "");
        CHECK(off(each(Op::mod, type, {7, -7, 7, -7, 5, 6}, {2, 2, -2, -2, 0, 3}), {1, 1, -1, -1, 0, 0}) == "");
    }
    for (const Type type : unsigned_types) {
        CHECK(off(each(Op::div, type, {7, 5, 200}, {2, 0, 7}), {3, 0, 28}) == "");
        CHECK(off(each(Op::mod, type, {7, 5, 200}, {2, 0, 7}), {1, 0, 4}) == "");
    }
}

TEST_CASE("u64 compares and divides as unsigned above 2^63") {
    Array big(Type::u64, {2});
    big.set_integer(0, -1);
    big.set_integer(1, 3);
    const Array three = array_of(Type::u64, {2}, {3, 4});
    CHECK(off(each(big, three, [](const E& x, const E& y) { return x < y; }), {0, 1}) == "");
    CHECK(each(big, three, [](const E& x, const E& y) { return binary(Op::max, x, y); }).integer(0) == -1);
    CHECK(each(big, three, [](const E& x, const E& y) { return binary(Op::min, x, y); }).integer(0) == 3);
    CHECK(each(big, three, [](const E& x, const E& y) { return x / y; }).integer(0) == 0x5555555555555555);
    CHECK(each(big, three, [](const E& x, const E& y) { return binary(Op::shr, x, y); }).integer(0) ==
          0x1fffffffffffffff);
    CHECK(each(big, three, [](const E& x, const E&) { return cast(Type::f64, x); }).real(0) == 0x1p64);
}

TEST_CASE("shifts by a negative amount or by at least the width give 0, or -1 for a negative number") {
    CHECK(off(each(Op::shl, Type::i8, {1, 1, 1, 1, 64}, {3, 7, 8, -1, 1}), {8, -128, 0, 0, -128}) == "");
    CHECK(off(each(Op::shr, Type::i8, {64, -64, -1, 5, -5, -5}, {3, 3, 7, 8, 8, -1}), {8, -8, -1, 0, -1, -1}) == "");
    CHECK(off(each(Op::shr, Type::u8, {255, 255}, {3, 8}), {31, 0}) == "");
    CHECK(off(each(Op::shl, Type::u16, {255, 1}, {8, 16}), {65280, 0}) == "");
}

TEST_CASE("bits") {
    CHECK(off(each(Op::bit_and, Type::i32, {12, -1}, {10, 7}), {8, 7}) == "");
    CHECK(off(each(Op::bit_or, Type::u8, {12, 128}, {10, 1}), {14, 129}) == "");
    CHECK(off(each(Op::bit_xor, Type::i16, {12, -1}, {10, 1}), {6, -2}) == "");
    CHECK(off(each(Op::bit_not, Type::u8, {0, 1}), {255, 254}) == "");
    CHECK(off(each(Op::bit_not, Type::i64, {0, 1}), {-1, -2}) == "");
    CHECK(off(each(Op::bit_not, Type::boolean, {0, 1}), {1, 0}) == "");
    CHECK(off(each(Op::bit_xor, Type::boolean, {0, 1}, {1, 1}), {1, 0}) == "");
}

TEST_CASE("comparisons; every one but != is false with NaN") {
    const std::vector<double> a{1, 2, 2, not_a_number, not_a_number};
    const std::vector<double> b{2, 2, 1, 1, not_a_number};
    CHECK(off(each(Op::eq, Type::f32, a, b), {0, 1, 0, 0, 0}) == "");
    CHECK(off(each(Op::ne, Type::f32, a, b), {1, 0, 1, 1, 1}) == "");
    CHECK(off(each(Op::lt, Type::f32, a, b), {1, 0, 0, 0, 0}) == "");
    CHECK(off(each(Op::le, Type::f32, a, b), {1, 1, 0, 0, 0}) == "");
    CHECK(off(each(Op::gt, Type::f32, a, b), {0, 0, 1, 0, 0}) == "");
    CHECK(off(each(Op::ge, Type::f32, a, b), {0, 1, 1, 0, 0}) == "");
    CHECK(off(each(Op::lt, Type::i16, {-1, 1}, {1, -1}), {1, 0}) == "");
    CHECK(off(each(Op::eq, Type::boolean, {0, 1}, {1, 1}), {0, 1}) == "");
    CHECK(each(Op::lt, Type::f16, {1}, {2}).type == Type::boolean);
}

TEST_CASE("logic") {
    CHECK(off(each(Op::logical_and, Type::boolean, {0, 0, 1, 1}, {0, 1, 0, 1}), {0, 0, 0, 1}) == "");
    CHECK(off(each(Op::logical_or, Type::boolean, {0, 0, 1, 1}, {0, 1, 0, 1}), {0, 1, 1, 1}) == "");
    CHECK(off(each(Op::logical_not, Type::boolean, {0, 1}), {1, 0}) == "");
}

TEST_CASE("calls against the C library in double, rounded") {
    const std::vector<std::pair<Op, double (*)(double)>> calls{
        {Op::sqrt, std::sqrt},   {Op::exp, std::exp},         {Op::log, std::log},    {Op::log1p, std::log1p},
        {Op::expm1, std::expm1}, {Op::sin, std::sin},         {Op::cos, std::cos},    {Op::tan, std::tan},
        {Op::asin, std::asin},   {Op::acos, std::acos},       {Op::atan, std::atan},  {Op::sinh, std::sinh},
        {Op::cosh, std::cosh},   {Op::tanh, std::tanh},       {Op::erf, std::erf},    {Op::floor, std::floor},
        {Op::ceil, std::ceil},   {Op::round, std::nearbyint}, {Op::trunc, std::trunc}};
    const std::vector<double> values{0, 0.5, 1, -0.5, -1, 2.5, 0.25, infinity, -infinity, not_a_number};
    for (const auto& [called, function] : calls) {
        const Op op = called; // clang 14 captures no structured binding
        for (const Type type : floats) {
            CAPTURE(ir::name(op));
            CAPTURE(name(type));
            std::vector<double> wanted;
            for (const double value : values) {
                wanted.push_back(function(value));
            }
            CHECK(off(each(op, type, values), wanted,
                      {0, 0,
                       type == Type::bf16  ? 0.01
                       : type == Type::f16 ? 1e-3
                                           : 1e-7}) == "");
        }
    }
    CHECK(off(each(Op::round, Type::f32, {0.5, 1.5, 2.5, -0.5, -1.5}), {0, 2, 2, 0, -2}) == "");
    CHECK(off(each(Op::sigmoid, Type::f32, {0, 1000, -1000, infinity, -infinity}), {0.5, 1, 0, 1, 0}) == "");
    CHECK(off(each(Op::sigmoid, Type::f64, {1}), {0.73105857863000487}, {0, 0, 1e-15}) == "");
    CHECK(off(each(Op::pow, Type::f32, {2, -2, 2, -8}, {10, 3, -1, 0.5}), {1024, -8, 0.5, not_a_number}) == "");
    CHECK(off(each(Op::atan2, Type::f64, {1, -1}, {0, 0}), {std::atan2(1, 0), std::atan2(-1, 0)}) == "");
    CHECK(off(each(Op::is_nan, Type::f32, {1, infinity, not_a_number}), {0, 0, 1}) == "");
    CHECK(off(each(Op::is_inf, Type::f32, {1, infinity, -infinity, not_a_number}), {0, 1, 1, 0}) == "");
    CHECK(off(each(Op::is_finite, Type::f16, {1, infinity, not_a_number}), {1, 0, 0}) == "");
}

TEST_CASE("casts") {
    const auto as = [](Type to, const Array& from) {
        return each(from, from, [to](const E& x, const E&) { return cast(to, x); });
    };
    SUBCASE("floats truncate and saturate, and NaN gives 0") {
        const Array values = array_of(Type::f32, {8}, {1.9, -1.9, 1e30, -1e30, infinity, -infinity, not_a_number, 0.5});
        CHECK(off(as(Type::i8, values), {1, -1, 127, -128, 127, -128, 0, 0}) == "");
        CHECK(off(as(Type::u8, values), {1, 0, 255, 0, 255, 0, 0, 0}) == "");
        CHECK(off(as(Type::i32, values), {1, -1, 2147483647.0, -2147483648.0, 2147483647.0, -2147483648.0, 0, 0}) ==
              "");
        CHECK(as(Type::i64, values).integer(2) == std::numeric_limits<std::int64_t>::max());
        CHECK(as(Type::u64, values).integer(2) == -1);
        CHECK(off(as(Type::boolean, values), {1, 1, 1, 1, 1, 1, 1, 1}) == "");
        CHECK(off(as(Type::boolean, array_of({0, -0.0})), {0, 0}) == "");
    }
    SUBCASE("integers wrap to narrower ones") {
        const Array values = array_of(Type::i32, {4}, {257, -1, 128, 65536});
        CHECK(off(as(Type::i8, values), {1, -1, -128, 0}) == "");
        CHECK(off(as(Type::u8, values), {1, 255, 128, 0}) == "");
        CHECK(as(Type::u64, values).integer(1) == -1);
        CHECK(off(as(Type::boolean, values), {1, 1, 1, 1}) == "");
        CHECK(off(as(Type::i64, array_of(Type::u32, {1}, {4294967295.0})), {4294967295.0}) == "");
    }
    SUBCASE("to floats with one rounding") {
        CHECK(off(as(Type::f32, array_of(Type::i32, {2}, {16777217, -3})), {16777216, -3}) == "");
        CHECK(off(as(Type::f16, array_of(Type::i32, {2}, {2049, 70000})), {2048, infinity}) == "");
        CHECK(off(as(Type::f64, array_of(Type::boolean, {2}, {0, 1})), {0, 1}) == "");
        Array tie(Type::i64, {1});
        tie.set_integer(0, (std::int64_t{1} << 61) + (std::int64_t{1} << 37) + 1); // by way of f64: a tie, to even
        CHECK(as(Type::f32, tie).real(0) == 0x1p61 + 0x1p38);
        CHECK(off(as(Type::f16, array_of(Type::f64, {1}, {1 + 0x1p-11 + 0x1p-40})), {1 + 0x1p-10}) == "");
        CHECK(off(as(Type::bf16, array_of({1.01})), {1.0078125}) == "");
    }
}

TEST_CASE("constants, loop indices, extents, select") {
    KernelBuilder build;
    build.dim("n", 5);
    const E n = loop("n");
    build.map("a", {"n"}, {cast(Type::i32, n * n - extent("n"))});
    build.map("b", {"n"}, {select(n % 2 < 1, constant(Type::f32, 0.1), constant(Type::f32, -infinity))});
    build.map("c", {"n"}, {cast(Type::i32, (n - 3) / 2)});
    build.map("d", {}, {constant(Type::boolean, 1)});
    const auto out = interpret(build.kernel({"a", "b", "c", "d"}), {});
    CHECK(off(out.at("a"), {-5, -4, -1, 4, 11}) == "");
    CHECK(off(out.at("b"), {0.1F, -infinity, 0.1F, -infinity, 0.1F}) == "");
    CHECK(off(out.at("c"), {-2, -1, -1, 0, 0}) == "");
    CHECK(out.at("d").shape.empty());
    CHECK(out.at("d").integer(0) == 1);
}

TEST_CASE("a scalar input, a const, a tuple, and broadcasting by name") {
    KernelBuilder build;
    const std::vector<float> values{1, 10};
    std::vector<std::byte> data(sizeof(float) * values.size());
    std::memcpy(data.data(), values.data(), data.size());
    build.dim("j", 2).input("x", Type::f32, {"i"}).input("s", Type::f32, {}).tensor_const("k", Type::f32, {"j"}, data);
    build.map("pair", {"j", "i"}, {build.at("x") * build.at("k"), cast(Type::i32, loop("i"))});
    build.map("out", {"i", "j"}, {build.at("pair") + build.at("s") + cast(Type::f32, build.at("pair", {}, 1))});
    const std::map<std::string, Array> inputs{{"x", array_of({1, 2, 3})}, {"s", array_of(Type::f32, {}, {0.5})}};
    const auto out = interpret(build.kernel(), inputs, {}, {}, {"pair"});
    CHECK(off(out.at("out"), {1.5, 10.5, 3.5, 21.5, 5.5, 32.5}) == "");
    CHECK(out.at("out").shape == std::vector<std::int64_t>{3, 2});
    CHECK(off(out.at("pair.0"), {1, 2, 3, 10, 20, 30}) == "");
    CHECK(off(out.at("pair.1"), {0, 1, 2, 0, 1, 2}) == "");
}

TEST_CASE("boundaries: padded where any index is outside, clamped to the nearest element") {
    KernelBuilder build;
    build.input("x", Type::i32, {"r", "c"}).dim("i", 4).dim("j", 4);
    const E up = loop("i") - 1;
    const E before = loop("j") - 1;
    build.map("pad", {"i", "j"}, {build.padded("x", {{"r", up}, {"c", before}}, -7)});
    build.map("clamp", {"i", "j"}, {build.clamped("x", {{"r", up}, {"c", before}})});
    const auto out = interpret(build.kernel({"pad", "clamp"}), {{"x", array_of(Type::i32, {2, 2}, {1, 2, 3, 4})}});
    CHECK(off(out.at("pad"), {-7, -7, -7, -7, -7, 1, 2, -7, -7, 3, 4, -7, -7, -7, -7, -7}) == "");
    CHECK(off(out.at("clamp"), {1, 1, 2, 2, 1, 1, 2, 2, 3, 3, 4, 4, 3, 3, 4, 4}) == "");
}

TEST_CASE("a pad value may differ from point to point") {
    KernelBuilder build;
    build.input("x", Type::i32, {"i"}).dim("n", 4);
    ir::Node access = *build.padded("x", {{"i", loop("n") - 2}}, 0).ref;
    access.args.back() = cast(Type::i32, 10 * loop("n")).ref;
    build.map("out", {"n"}, {E(ir::make_node(access))});
    const auto out = interpret(build.kernel(), {{"x", array_of(Type::i32, {1}, {7})}});
    CHECK(off(out.at("out"), {0, 10, 7, 30}) == "");
}

TEST_CASE("a padded access of an empty tensor takes the pad value") {
    KernelBuilder build;
    build.input("x", Type::f32, {"r"}).dim("i", 2);
    build.map("out", {"i"}, {build.padded("x", {{"r", loop("i")}}, 9)});
    CHECK(off(interpret(build.kernel(), {{"x", array_of({})}}).at("out"), {9, 9}) == "");
}

TEST_CASE("a gather reads its indices from a tensor") {
    KernelBuilder build;
    build.input("table", Type::f32, {"word", "feature"}).input("text", Type::i32, {"t"});
    build.map("out", {"t", "feature"}, {build.at("table", {{"word", cast(Type::index, build.at("text"))}})});
    const auto out = interpret(build.kernel(), {{"table", array_of(Type::f32, {3, 2}, {1, 2, 3, 4, 5, 6})},
                                                {"text", array_of(Type::i32, {4}, {2, 0, 0, 1})}});
    CHECK(off(out.at("out"), {5, 6, 1, 2, 1, 2, 3, 4}) == "");
}

TEST_CASE("an update evaluates like any output") {
    KernelBuilder build;
    build.input("w", Type::f32, {"n"}).input("g", Type::f32, {"n"});
    build.map("w_new", {"n"}, {build.at("w") - 0.5 * build.at("g")});
    ir::Kernel kernel = build.kernel();
    kernel.updates = {{"w", "w_new"}};
    const auto out = interpret(kernel, {{"w", array_of({1, 2})}, {"g", array_of({2, 2})}});
    CHECK(off(out.at("w_new"), {0, 1}) == "");
}

TEST_CASE("in double: floats of every type compute, and come back, in f64; inputs may be f64") {
    KernelBuilder build;
    build.input("x", Type::f16, {"n"});
    build.map("half", {"n"}, {build.at("x") / 3});
    build.map("out", {"n"}, {cast(Type::bf16, build.at("half"))});
    const auto out = interpret(build.kernel(), {{"x", array_of(Type::f64, {1}, {1 + 1e-9})}}, {}, {.in_double = true});
    CHECK(out.at("out").type == Type::f64);
    CHECK(off(out.at("out"), {(1 + 1e-9) / 3}) == "");
}

TEST_CASE("more lanes than a block holds, and expressions that share nodes") {
    KernelBuilder build;
    build.dim("i", 37).dim("j", 41);
    const E sum = 41 * loop("i") + loop("j");
    const E twice = sum + sum;
    build.map("out", {"i", "j"}, {cast(Type::i32, twice * twice - twice)});
    const Array out = interpret(build.kernel(), {}).at("out");
    int wrong = 0;
    for (std::int64_t i = 0; i < out.size(); ++i) {
        wrong += out.integer(i) != 4 * i * i - 2 * i;
    }
    CHECK(wrong == 0);
}
