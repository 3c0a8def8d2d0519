#include "operation_cases.hpp"

#include "call_plan.hpp"
#include "support/build_kernel.hpp"

#include <bit>
#include <cmath>
#include <cstring>
#include <fmt/core.h>
#include <limits>

namespace coulter::test {
namespace {

using ir::Op;

constexpr Type floats[] = {Type::f64, Type::f32, Type::f16, Type::bf16};
constexpr Type integers[] = {Type::i8, Type::i16, Type::i32, Type::i64, Type::u8, Type::u16, Type::u32, Type::u64};

std::vector<double> edge_reals(Type type) {
    std::vector<double> values{0.0,
                               -0.0,
                               1,
                               -1,
                               0.5,
                               -0.5,
                               1.5,
                               -1.5,
                               2.5,
                               -2.5,
                               1.0 / 3,
                               -7.0 / 3,
                               3.14159265358979,
                               100,
                               127,
                               128,
                               -128,
                               -129,
                               255,
                               256,
                               1e4,
                               32767,
                               32768,
                               -32768,
                               -32769,
                               65504,
                               65519,
                               65520,
                               65536,
                               2147483647.0,
                               2147483648.0,
                               -2147483648.0,
                               -2147483649.0,
                               4294967295.0,
                               4294967296.0,
                               9007199254740993.0,
                               0x1p63,
                               -0x1p63,
                               0x1p64,
                               1e20,
                               -1e20,
                               1e-5,
                               -1e-5,
                               6e-8,
                               3e-8,
                               1e-39,
                               -1e-45,
                               0x1.fffffep127,
                               -3e38,
                               infinity,
                               -infinity,
                               not_a_number,
                               std::bit_cast<double>(0x7fffffffffffffffULL), // a NaN with all bits set
                               std::bit_cast<double>(0xffffffffffffffffULL),
                               1 + 0x1p-11 + 0x1p-40,
                               1 + 0x1p-8 + 0x1p-40,
                               1 + 0x1p-24 + 0x1p-50,
                               0.49999997,
                               0.9999999};
    if (type == Type::f64) {
        values.insert(values.end(), {1e300, -1e300, 5e-324, 2.2e-308, 0x1.fffffefp127, 0x1p-149 * 0.75});
    }
    return values;
}

Array array_of_reals(Type type, const std::vector<double>& values) {
    Array array(type, {static_cast<std::int64_t>(values.size())});
    for (std::size_t i = 0; i < values.size(); ++i) {
        array.set_real(static_cast<std::int64_t>(i), values[i]);
    }
    return array;
}

std::vector<std::int64_t> edge_integers(Type type) {
    if (type == Type::boolean) {
        return {0, 1};
    }
    const auto high = static_cast<std::int64_t>(highest_integer(type));
    const std::int64_t low = lowest_integer(type);
    const std::int64_t width = bits(type);
    return {0,    1,   -1,      2,    -2,       3,        -3,        7,     -7,        10,     100,
            -100, low, low + 1, high, high - 1, high / 3, width - 1, width, width + 1, -width, 0x5a5a5a5a5a5a5a5a};
}

Array array_of_integers(Type type, const std::vector<std::int64_t>& values) {
    Array array(type, {static_cast<std::int64_t>(values.size())});
    for (std::size_t i = 0; i < values.size(); ++i) {
        array.set_integer(static_cast<std::int64_t>(i), values[i]);
    }
    return array;
}

/// All pairs of the values: the first in `a`, the second in `b`, and the first, shifted, in `c`.
Arrays pairs(const Array& values) {
    const std::int64_t n = values.size();
    Arrays inputs{
        {"a", Array(values.type, {n * n})}, {"b", Array(values.type, {n * n})}, {"c", Array(values.type, {n * n})}};
    const auto size = static_cast<std::size_t>(bytes(values.type));
    for (std::int64_t i = 0; i < n * n; ++i) {
        const auto put = [&](const char* name, std::int64_t from) {
            std::memcpy(inputs.at(name).data.data() + static_cast<std::size_t>(i) * size,
                        values.data.data() + static_cast<std::size_t>(from) * size, size);
        };
        put("a", i / n);
        put("b", i % n);
        put("c", (i / n + i % n + 1) % n);
    }
    return inputs;
}

KernelBuilder with_inputs(const std::string& kernel, Type type) {
    KernelBuilder b(kernel + "_" + std::string(coulter::name(type)));
    b.input("a", type, {"n"}).input("b", type, {"n"}).input("c", type, {"n"});
    return b;
}

ir::Kernel finished(KernelBuilder& b) {
    std::vector<std::string> outputs;
    const ir::Kernel kernel = b.kernel();
    for (const ir::Definition& definition : kernel.definitions) {
        outputs.push_back(definition.name);
    }
    return b.kernel(outputs);
}

} // namespace

std::vector<OperationCase> integer_operations() {
    std::vector<OperationCase> cases;
    for (const Type type : integers) {
        KernelBuilder b = with_inputs("integer", type);
        for (const auto& [name, op] : std::initializer_list<std::pair<const char*, Op>>{{"add", Op::add},
                                                                                        {"sub", Op::sub},
                                                                                        {"mul", Op::mul},
                                                                                        {"div", Op::div},
                                                                                        {"mod", Op::mod},
                                                                                        {"min", Op::min},
                                                                                        {"max", Op::max},
                                                                                        {"eq", Op::eq},
                                                                                        {"ne", Op::ne},
                                                                                        {"lt", Op::lt},
                                                                                        {"le", Op::le},
                                                                                        {"gt", Op::gt},
                                                                                        {"ge", Op::ge},
                                                                                        {"bit_and", Op::bit_and},
                                                                                        {"bit_or", Op::bit_or},
                                                                                        {"bit_xor", Op::bit_xor},
                                                                                        {"shl", Op::shl},
                                                                                        {"shr", Op::shr}}) {
            b.map(name, {"n"}, {binary(op, b.at("a"), b.at("b"))});
        }
        // Divisors and amounts that are known have code of their own.
        for (const int known : {-3, -1, 0, 1, 2, 3, 7, 64}) {
            if (known < 0 && is_unsigned_integer(type)) {
                continue;
            }
            const std::string suffix = known < 0 ? "m" + std::to_string(-known) : std::to_string(known);
            const E divisor = constant(type, known);
            b.map("div" + suffix, {"n"}, {b.at("a") / divisor}).map("mod" + suffix, {"n"}, {b.at("a") % divisor});
            b.map("shl" + suffix, {"n"}, {binary(Op::shl, b.at("a"), divisor)});
            b.map("shr" + suffix, {"n"}, {binary(Op::shr, b.at("a"), divisor)});
            b.map("from" + suffix, {"n"}, {divisor / b.at("a")});
        }
        b.map("neg", {"n"}, {unary(Op::neg, b.at("a"))}).map("bit_not", {"n"}, {unary(Op::bit_not, b.at("a"))});
        b.map("abs", {"n"}, {call(Op::abs, {b.at("a")})});
        b.map("select", {"n"}, {select(b.at("a") < b.at("b"), b.at("c"), b.at("a"))});
        cases.push_back({finished(b), pairs(array_of_integers(type, edge_integers(type))), {}});
    }
    KernelBuilder b = with_inputs("logic", Type::boolean);
    for (const auto& [name, op] : std::initializer_list<std::pair<const char*, Op>>{{"logical_and", Op::logical_and},
                                                                                    {"logical_or", Op::logical_or},
                                                                                    {"bit_and", Op::bit_and},
                                                                                    {"bit_or", Op::bit_or},
                                                                                    {"bit_xor", Op::bit_xor},
                                                                                    {"eq", Op::eq},
                                                                                    {"ne", Op::ne}}) {
        b.map(name, {"n"}, {binary(op, b.at("a"), b.at("b"))});
    }
    b.map("logical_not", {"n"}, {unary(Op::logical_not, b.at("a"))});
    b.map("select", {"n"}, {select(b.at("a"), b.at("b"), b.at("c"))});
    cases.push_back({finished(b), pairs(array_of_integers(Type::boolean, {0, 1})), {}});
    return cases;
}

std::vector<OperationCase> float_operations() {
    std::vector<OperationCase> cases;
    for (const Type type : floats) {
        KernelBuilder b = with_inputs("float", type);
        for (const auto& [name, op] : std::initializer_list<std::pair<const char*, Op>>{{"add", Op::add},
                                                                                        {"sub", Op::sub},
                                                                                        {"mul", Op::mul},
                                                                                        {"div", Op::div},
                                                                                        {"mod", Op::mod},
                                                                                        {"min", Op::min},
                                                                                        {"max", Op::max},
                                                                                        {"eq", Op::eq},
                                                                                        {"ne", Op::ne},
                                                                                        {"lt", Op::lt},
                                                                                        {"le", Op::le},
                                                                                        {"gt", Op::gt},
                                                                                        {"ge", Op::ge}}) {
            b.map(name, {"n"}, {binary(op, b.at("a"), b.at("b"))});
        }
        for (const auto& [name, op] : std::initializer_list<std::pair<const char*, Op>>{{"abs", Op::abs},
                                                                                        {"sqrt", Op::sqrt},
                                                                                        {"floor", Op::floor},
                                                                                        {"ceil", Op::ceil},
                                                                                        {"round", Op::round},
                                                                                        {"trunc", Op::trunc},
                                                                                        {"is_nan", Op::is_nan},
                                                                                        {"is_inf", Op::is_inf},
                                                                                        {"is_finite", Op::is_finite}}) {
            b.map(name, {"n"}, {call(op, {b.at("a")})});
        }
        b.map("neg", {"n"}, {unary(Op::neg, b.at("a"))});
        b.map("fma", {"n"}, {call(Op::fma, {b.at("a"), b.at("b"), b.at("c")})});
        const E zero = constant(type, 0);
        b.map("relu", {"n"}, {binary(Op::max, b.at("a"), zero)})
            .map("relu2", {"n"}, {binary(Op::max, zero, b.at("a"))});
        b.map("cap", {"n"}, {binary(Op::min, b.at("a"), constant(type, 6))});
        // The compiler may not take these for 1, 0 and the same.
        b.map("ratio", {"n"}, {b.at("a") / b.at("a")}).map("nothing", {"n"}, {b.at("a") - b.at("a")});
        b.map("times_zero", {"n"}, {b.at("a") * zero}).map("itself", {"n"}, {binary(Op::eq, b.at("a"), b.at("a"))});
        b.map("back", {"n"}, {(b.at("a") + b.at("b")) - b.at("b")});
        b.map("chosen", {"n"}, {select(binary(Op::ge, b.at("a"), b.at("b")), b.at("c"), b.at("a"))});
        // Whatever makes a NaN or an infinity, a test must see it.
        const E a = b.at("a");
        const E e = b.at("b");
        const auto looks = [&](const std::string& name, const E& value) {
            b.map("nan_" + name, {"n"}, {call(Op::is_nan, {value})});
            b.map("inf_" + name, {"n"}, {call(Op::is_inf, {value})});
        };
        looks("sqrt", call(Op::sqrt, {a}));
        looks("floor", call(Op::floor, {a}));
        looks("log", call(Op::log, {a}));
        looks("log1p", call(Op::log1p, {a}));
        looks("exp", call(Op::exp, {a}));
        looks("asin", call(Op::asin, {a}));
        looks("fma", call(Op::fma, {a, e, b.at("c")}));
        looks("pow", call(Op::pow, {a, e}));
        looks("min", binary(Op::min, a, e));
        looks("max", binary(Op::max, zero, a));
        looks("mod", a % e);
        looks("sum", a + e);
        looks("difference", a - e);
        looks("product", a * e);
        looks("quotient", a / e);
        looks("neg", unary(Op::neg, a));
        looks("abs", call(Op::abs, {a}));
        looks("select", select(binary(Op::lt, a, e), a, e));
        looks("cast", cast(type == Type::f64 ? Type::f32 : Type::f64, a));
        looks("half", cast(type == Type::f16 ? Type::f32 : Type::f16, a));
        looks("wide", cast(type == Type::f16 ? Type::bf16 : type == Type::bf16 ? Type::f32 : Type::bf16, a));
        cases.push_back({finished(b),
                         pairs(array_of_reals(type, edge_reals(type))),
                         {{Type::f64, exactly}, {Type::f32, exactly}, {Type::f16, exactly}, {Type::bf16, exactly}}});
    }
    return cases;
}

std::vector<OperationCase> conversions() {
    std::vector<OperationCase> cases;
    std::vector<Type> all(std::begin(floats), std::end(floats));
    all.insert(all.end(), std::begin(integers), std::end(integers));
    all.push_back(Type::boolean);
    for (const Type from : all) {
        KernelBuilder b("from_" + std::string(coulter::name(from)));
        b.input("a", from, {"n"});
        for (const Type to : all) {
            if (to != from) {
                b.map("to_" + std::string(coulter::name(to)), {"n"}, {cast(to, b.at("a"))});
            }
        }
        const Array values =
            is_float(from) ? array_of_reals(from, edge_reals(from)) : array_of_integers(from, edge_integers(from));
        cases.push_back({finished(b),
                         {{"a", values}},
                         {{Type::f64, exactly}, {Type::f32, exactly}, {Type::f16, exactly}, {Type::bf16, exactly}}});
    }
    return cases;
}

std::vector<OperationCase> functions() {
    std::vector<double> values = edge_reals(Type::f32);
    for (int i = -4000; i <= 4000; ++i) {
        values.push_back(i / 37.0);                                                            // up to 108
        values.push_back(i / 3000.0);                                                          // up to 1.3
        values.push_back(std::ldexp(1 + (i + 4000) / 8001.0, i / 32) * (i % 2 == 0 ? 1 : -1)); // all magnitudes
    }
    const Array a = array_of_reals(Type::f32, values);
    Array c(Type::f32, a.shape);
    for (std::int64_t i = 0; i < a.size(); ++i) {
        c.set_real(i, values[static_cast<std::size_t>((i * 7919) % a.size())]);
    }
    KernelBuilder b("functions");
    b.input("a", Type::f32, {"n"}).input("b", Type::f32, {"n"});
    for (const Op op : {Op::exp, Op::log, Op::log1p, Op::expm1, Op::sin, Op::cos, Op::tan, Op::asin, Op::acos, Op::atan,
                        Op::sinh, Op::cosh, Op::tanh, Op::erf, Op::sigmoid}) {
        b.map(std::string("f_") + ir::name(op), {"n"}, {call(op, {b.at("a")})});
    }
    b.map("f_pow", {"n"}, {call(Op::pow, {b.at("a"), b.at("b")})});
    b.map("f_atan2", {"n"}, {call(Op::atan2, {b.at("a"), b.at("b")})});
    return {{finished(b), {{"a", a}, {"b", c}}, {}}};
}

Result ulp_report(const Case& test) {
    const schedule::CheckResult checked =
        schedule::check_texts(test.kernel, {{"case.sched", test.schedule}}, host_options());
    if (!checked.plan) {
        return {Outcome::refused, schedule::render(checked.diagnostics, {}), 0};
    }
    InterpretOptions options;
    options.in_double = true;
    const Arrays wanted = interpret(test.kernel, test.inputs, {}, options);
    const Arrays got = CompiledPlan(*checked.plan, test.kernel).run(test.inputs, test.extents, 0);
    Result result;
    for (const auto& [tensor, array] : got) {
        double largest = 0;
        double at = 0;
        for (std::int64_t i = 0; i < array.size(); ++i) {
            const double exact = wanted.at(tensor).real(i);
            const double rounded = round_to(Type::f32, exact);
            const double value = array.real(i);
            double error = 0;
            if (std::isnan(rounded) || std::isinf(rounded) || std::isnan(value) || std::isinf(value)) {
                const double limit = std::numeric_limits<float>::max();
                const bool edge = std::fabs(exact) > limit * (1 - 1e-6) && std::fabs(value) > limit * (1 - 1e-6);
                error = (std::isnan(rounded) && std::isnan(value)) || rounded == value || edge ? 0 : infinity;
            } else {
                int exponent = 0;
                (void)std::frexp(rounded, &exponent);
                const double unit = std::ldexp(1.0, std::max(exponent - 24, -149));
                error = std::fabs(value - exact) / unit;
                // Results next to the subnormal numbers may be 0.
                error = value == 0 && std::fabs(exact) < 1.9e-38 ? 0 : error;
            }
            if (error > largest) {
                largest = error;
                at = test.inputs.at("a").real(i);
            }
        }
        result.text += fmt::format("  {:<10} {:.2f} ulp, at {:a}\n", tensor, largest, at);
        // As docs/language.md says.
        const double most = tensor == "f_tanh" || tensor == "f_erf" ? 7 : tensor == "f_sigmoid" ? 3 : 2;
        result.outcome = largest <= most ? result.outcome : Outcome::wrong;
    }
    return result;
}

ir::Kernel nan_kernel() {
    KernelBuilder b("nans");
    b.input("a", Type::f32, {"i", "k"}).input("b", Type::f32, {"k", "j"});
    b.reduce("s", {"i", "j"}, ir::ReduceOp::sum, {"k"}, {b.at("a") * b.at("b")});
    const E zero = constant(Type::f32, 0);
    b.map("relu", {"i", "j"}, {binary(Op::max, b.at("s"), zero)});
    b.map("cap", {"i", "j"}, {binary(Op::min, zero, b.at("s"))});
    b.map("is", {"i", "j"}, {call(Op::is_nan, {b.at("s") + 1.0})});
    b.map("finite", {"i", "j"}, {call(Op::is_finite, {b.at("s")})});
    b.map("same", {"i", "j"}, {binary(Op::eq, b.at("s"), b.at("s"))});
    b.map("less", {"i", "j"}, {select(b.at("s") < zero, zero, constant(Type::f32, 1))});
    b.map("whole", {"i", "j"}, {cast(Type::i32, b.at("s"))});
    b.map("curve", {"i", "j"}, {call(Op::tanh, {b.at("s")})});
    b.reduce("most", {"i"}, ir::ReduceOp::max, {"j"}, {b.at("s")});
    b.reduce("best", {"i"}, ir::ReduceOp::argmax, {"j"}, {b.at("s")});
    b.map("best_index", {"i"}, {b.at("best", {}, 0)});
    return b.kernel({"relu", "cap", "is", "finite", "same", "less", "whole", "curve", "most", "best_index"});
}

std::vector<std::string> nan_schedules() {
    return {"", "stage s { vectorize j by 4 }\nstage relu { vectorize j by 4 }\nstage is { vectorize j by 4 }\n",
            "stage s { vectorize k by 8 }\nstage most { vectorize j by 2 }\n",
            "rfactor s: k as s.part\nstage s.part { unroll i by 2 }\n",
            "stage s.acc = accumulate s at s/j.o in registers\n"
            "stage s.acc { reorder j k i; vectorize j; unroll i }\n"
            "stage s { split j by 4; split i by 2; reorder j.i i.i j.o i.o; vectorize j.i; unroll i.i }\n"};
}

ir::Kernel softmax_kernel() {
    KernelBuilder b("softmax");
    b.input("x", Type::f32, {"row", "col"});
    b.reduce("top", {"row"}, ir::ReduceOp::max, {"col"}, {b.at("x")});
    b.map("e", {"row", "col"}, {call(Op::exp, {b.at("x") - b.at("top")})});
    b.reduce("total", {"row"}, ir::ReduceOp::sum, {"col"}, {b.at("e")});
    b.map("y", {"row", "col"}, {b.at("e") / b.at("total")});
    return b.kernel({"y"});
}

std::vector<std::string> softmax_schedules() {
    return {
        "",
        "stage y { vectorize col by 16 }\nstage e { vectorize col by 16; compute root }\n"
        "stage top { vectorize col by 16 }\n",
        "stage y { vectorize col by 8; parallel row }\nstage e { compute at y/row; vectorize col by 8 }\n"
        "stage total { compute at y/row; vectorize col by 8 }\nstage top { compute at y/row; vectorize col by 16 }\n"};
}

Array masked_rows(std::int64_t rows, std::int64_t cols) {
    Array x = random_array(Type::f32, {rows, cols}, 3);
    for (std::int64_t i = 0; i < rows * cols; ++i) {
        const std::int64_t row = i / cols;
        if (row == 1 || (row == 0 && i % 3 == 0)) {
            x.set_real(i, -infinity);
        }
    }
    x.set_real(2 * cols + 5, not_a_number);
    x.set_real(3 * cols + cols - 1, infinity);
    return x;
}

} // namespace coulter::test
