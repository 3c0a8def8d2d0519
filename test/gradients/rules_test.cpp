// Gradients of operations, reductions and scans.

#include "coulter/interpreter.hpp"
#include "coulter/text.hpp"
#include "coulter/transform.hpp"
#include "gradients/gradient_check.hpp"
#include "support/array_compare.hpp"

#include <cmath>
#include <coulter/coulter.h>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

using Extents = std::map<std::string, std::int64_t>;

const std::vector<Extents> shapes{{{"i", 3}, {"j", 4}, {"k", 2}}, {{"i", 2}, {"j", 5}, {"k", 3}}};

void check(const ir::Kernel& kernel, double low = -1, double high = 1) {
    std::uint64_t seed = 1;
    for (const Extents& extents : shapes) {
        CAPTURE(kernel.name);
        CAPTURE(seed);
        GradientCase test{kernel, {}, extents, seed++};
        test.low = low;
        test.high = high;
        const GradientResult result = check_gradient(test);
        CHECK_MESSAGE(result.error <= 1e-6, result.message);
    }
}

/// d.x for these values of x and a cotangent of ones.
std::vector<double> gradient_at(const ir::Kernel& kernel, const std::vector<double>& x, std::size_t outputs = 1) {
    const ir::Kernel gradient = grad(kernel, {"x"});
    std::map<std::string, Array> inputs;
    for (const ir::Input& input : gradient.inputs) {
        const bool cotangent = kernel.find_input(input.name) == nullptr;
        const std::vector<double> ones(outputs, 1.0);
        const std::vector<double>& values = cotangent ? ones : x;
        std::vector<std::int64_t> shape;
        if (!input.dims.empty()) {
            shape = {static_cast<std::int64_t>(values.size())};
        }
        inputs[input.name] = array_of(Type::f64, shape, values);
    }
    std::map<std::string, std::int64_t> extents;
    if (gradient.find_input("x") == nullptr) {
        extents["i"] = static_cast<std::int64_t>(x.size());
    }
    const Array result = interpret(gradient, inputs, extents).at("d.x");
    std::vector<double> values;
    for (std::int64_t i = 0; i < result.size(); ++i) {
        values.push_back(result.real(i));
    }
    return values;
}

} // namespace

TEST_CASE("gradients of all operations") {
    Dim i("i"), j("j");
    Input x("x", f64, {i, j});
    Input y("y", f64, {j});
    const auto map = [&](const char* name, const Expr& value) {
        Tensor r("r");
        r(i, j) = value;
        return Kernel(name, {r}).ir();
    };
    check(map("arithmetic", -x * y + x / (y + 3.0) - 2.0 * y));
    check(map("shared", (x + y) * (x + y) * exp(x + y)));
    check(map("extremes", min(x, y) * 2.0 + max(x, 0.3) + clamp(x, -0.5, 0.5)));
    check(map("choice", select(x > y, x * y, exp(x) + y) * select(index(j) > 1, x, 1.0)));
    check(map("casts", f64(f32(x)) * y), -1, 1);
    check(map("absolute", abs(x) * abs(y - 2.0)));
    check(map("roots", sqrt(x) + rsqrt(y) + log(x) * log1p(y) + expm1(x)), 0.2, 2);
    check(map("circular", sin(x) * cos(y) + tan(x) + asin(x * 0.9) * acos(y * 0.9) + atan(x * y) + atan2(x, y + 2.0)));
    check(map("hyperbolic", sinh(x) * cosh(y) + tanh(x) * erf(y) + sigmoid(x * y)));
    check(map("powers", pow(x, y) + pow(x, 2.0) * pow(y, 3.0) + pow(y, 1.0) + pow(x, 0.0) + pow(2.0, x)), 0.3, 2);
    check(map("fused", fma(x, y, x) * fma(y, 2.0, x)));
    check(map("flat",
              floor(x * 3.0) * y + ceil(x * 3.0) + round(y * 3.0) * x + trunc(x * 5.0) * x + f64(i32(x * 9.0)) * y));
    check(map("classes", select(is_finite(x), x, y) + select(is_nan(y) || is_inf(x), 0.0, y)));
}

TEST_CASE("a branch that is not taken contributes nothing, whatever its derivative is") {
    Dim i("i");
    Input x("x", f64, {i});
    const auto map = [&](const Expr& value) {
        Tensor r("r");
        r(i) = value;
        return Kernel("guarded", {r}).ir();
    };
    const double nan = std::nan("");
    CHECK(gradient_at(map(select(x > 0.0, sqrt(x), 0.0)), {0, -1, 4}, 3) == std::vector<double>{0, 0, 0.25});
    CHECK(gradient_at(map(select(x > 0.0, log(x) * x, 3.0 * x)), {0, -1, 1}, 3) == std::vector<double>{3, 3, 1});
    CHECK(gradient_at(map(max(1.0, sqrt(x))), {0, -1, 4}, 3)[0] == 0);
    CHECK(gradient_at(map(select(is_nan(x), 0.0, x * x)), {nan, 2, 3}, 3) == std::vector<double>{0, 4, 6});
    CHECK(gradient_at(map(pow(x, 0.0) + x), {0, 1, 2}, 3) == std::vector<double>{1, 1, 1});
}

TEST_CASE("ties of two operands share, and abs has 0 at 0") {
    Dim i("i");
    Input x("x", f64, {i});
    const auto map = [&](const Expr& value) {
        Tensor r("r");
        r(i) = value;
        return Kernel("ties", {r}).ir();
    };
    CHECK(gradient_at(map(max(x, 1.0)), {0, 1, 2}, 3) == std::vector<double>{0, 0.5, 1});
    CHECK(gradient_at(map(min(x, 1.0)), {0, 1, 2}, 3) == std::vector<double>{1, 0.5, 0});
    CHECK(gradient_at(map(abs(x)), {-2, 0, 2}, 3) == std::vector<double>{-1, 0, 1});
}

TEST_CASE("gradients of reductions") {
    Dim i("i"), j("j"), k("k");
    Input x("x", f64, {i, j, k});
    Input w("w", f64, {j});
    const auto over = [&](const char* name, const Expr& value) {
        Tensor r("r");
        r(i) = value;
        return Kernel(name, {r}).ir();
    };
    check(over("sum", sum({j, k}, x * w)));
    check(over("masked_sum", sum({j, k}, x * w, where(index(j) >= k && index(k) <= i))));
    check(over("masked_by_data", sum({j, k}, x * w, where(x > 0.0))));
    check(over("product", product({j, k}, x * w + 1.5)));
    check(over("max", max({j, k}, x * w)));
    check(over("min", min({j}, min({k}, x - w))));
    check(over("argmax", sum({k}, argmax({j}, x * w).value() * 2.0)));
    check(over("argmin", sum({k}, argmin({j}, x * w, where(index(j) > 0)).value())));
    check(over("logsumexp", logsumexp({j, k}, x * w)));
    check(over("mean", mean({j, k}, x * w)));
    check(over("variance", variance({j, k}, x * w)));
    const Moments m = moments({j, k}, x * w);
    check(over("moments", m.mean * m.variance));
    check(over("logic", select(any({j, k}, x > 0.9), sum({j, k}, x), 1.0)));
    Tensor whole("whole");
    whole() = sum({i, j, k}, x * x) * product({j}, w);
    check(Kernel("scalar", {whole}).ir());
}

TEST_CASE("a product with zeros") {
    Dim i("i");
    Input x("x", f64, {i});
    Tensor r("r");
    r() = product({i}, x);
    const ir::Kernel kernel = Kernel("p", {r}).ir();
    CHECK(gradient_at(kernel, {2, 3, 4}) == std::vector<double>{12, 8, 6});
    CHECK(gradient_at(kernel, {2, 0, 4}) == std::vector<double>{0, 8, 0});
    CHECK(gradient_at(kernel, {0, 3, 0}) == std::vector<double>{0, 0, 0});
}

TEST_CASE("ties of a reduction share equally") {
    Dim i("i");
    Input x("x", f64, {i});
    Tensor r("r"), s("s");
    r() = max({i}, x);
    CHECK(gradient_at(Kernel("m", {r}).ir(), {1, 3, 3, 2}) == std::vector<double>{0, 0.5, 0.5, 0});
    s() = argmax({i}, x).value();
    CHECK(gradient_at(Kernel("a", {s}).ir(), {1, 3, 3, 2}) == std::vector<double>{0, 1, 0, 0});
}

TEST_CASE("gradients of reductions over tuples") {
    Dim i("i"), j("j"), k("k");
    Input x("x", f64, {i, j, k});
    Input w("w", f64, {j});
    const auto both = [&](const char* name, const Tuple& t) {
        Tensor state("state"), r("r");
        state = t;
        r(i) = state[0] * 2.0 + state[1] * state[1];
        return Kernel(name, {r}).ir();
    };
    check(both("sum_and_max",
               reduce({j, k}, {0.0, -coulter::infinity(f64)}, {x * w, x}, [](const Tuple& a, const Tuple& b) {
                   return Tuple{a[0] + b[0], max(a[1], b[1])};
               })));
    check(both("product_and_min", reduce(
                                      {j, k}, {1.0, coulter::infinity(f64)}, {x + 1.5, x * w},
                                      [](const Tuple& a, const Tuple& b) {
                                          return Tuple{b[0] * a[0], min(a[1], b[1])};
                                      },
                                      where(index(j) >= k))));
    const auto softened = [](const Tuple& a, const Tuple& b) {
        const Expr top = max(a[0], b[0]);
        return Tuple{top, a[1] * exp(a[0] - top) + b[1] * exp(b[0] - top)};
    };
    check(both("one_pass_logsumexp", reduce({j}, {-1e30, 0.0}, {sum({k}, x * w), f64(1.0)}, softened)));
    check(both("over_two_dims", reduce({j, k}, {-1e30, 0.0}, {x, w}, softened)));
    check(both("masked", reduce({j, k}, {-1e30, 0.0}, {x, w}, softened, where(index(j) <= k))));
    const auto complex = [](const Tuple& a, const Tuple& b) {
        return Tuple{a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]};
    };
    check(both("complex_product", reduce({j, k}, {1.0, 0.0}, {x + 1.0, x * w}, complex)));
}

TEST_CASE("gradients of scans") {
    Dim i("i"), j("j");
    Input x("x", f64, {i, j});
    Input g("g", f64, {i, j});
    for (const ScanEnds ends : {inclusive, exclusive}) {
        for (const ScanDirection direction : {forward, reversed}) {
            const auto one = [&](const char* name, const Expr& value) {
                Tensor r("r");
                r(i, j) = value * value + value;
                return Kernel(name, {r}).ir();
            };
            Tensor total("total");
            total = cumsum(j, x * g, ends, direction);
            check(one("cumsum", total));
            const auto scanned = [&](const char* name, const std::vector<Expr>& identities,
                                     const std::vector<Expr>& values, const Combine& f) {
                Tensor state("state"), r("r");
                state = scan(j, identities, values, f, ends, direction);
                r(i, j) = values.size() == 1 ? state[0] * x : state[0] * state[1] + x * state[values.size() - 1];
                check(Kernel(name, {r}).ir());
            };
            scanned("cumprod", {1.0}, {x + 1.5}, [](const Tuple& a, const Tuple& b) { return Tuple{a[0] * b[0]}; });
            scanned("cummax", {-5.0}, {x}, [](const Tuple& a, const Tuple& b) { return Tuple{max(a[0], b[0])}; });
            // h = gate * h + x, as pairs (gate, x).
            scanned("recurrence", {1.0, 0.0}, {g, x}, [](const Tuple& a, const Tuple& b) {
                return Tuple{a[0] * b[0], a[1] * b[0] + b[1]};
            });
            // No associative combination: a scan runs in order.
            scanned("sequential", {0.5, 0.25, 1.0}, {x, g, x * g}, [](const Tuple& a, const Tuple& b) {
                return Tuple{tanh(a[0] * b[1] + b[0]), a[0] + a[1] * b[2], a[2] + sin(a[1]) * b[0]};
            });
        }
    }
}

TEST_CASE("gradients of scatters of every kind") {
    Dim i("i"), j("j"), bin("bin", 4);
    Input x("x", f64, {i, j});
    const Expr place = (i + 2 * j) % 3;
    const auto into_bins = [&](const char* name, const Expr& value) {
        Tensor t("t"), r("r");
        t = value;
        r(bin) = select(is_finite(t), t * t, 0.0);
        return Kernel(name, {r}).ir();
    };
    check(into_bins("sums", sum({i, j}, x * x, into(bin(place)))));
    check(into_bins("products", product({i, j}, x + 1.5, into(bin(place)))));
    check(into_bins("maxima", max({i, j}, x, into(bin(place)), where(index(i) > 0))));
}

TEST_CASE("stop_gradient is a constant to the gradient, and survives the text") {
    Dim i("i");
    Input x("x", f64, {i});
    Tensor r("r");
    r(i) = stop_gradient(x * x) * x;
    const ir::Kernel kernel = Kernel("stopped", {r}).ir();
    CHECK(gradient_at(kernel, {2, 3}, 2) == std::vector<double>{4, 9});
    const ParseResult parsed = parse(print(kernel), "stopped.coulter");
    REQUIRE(parsed.kernel);
    CHECK(ir::equal(*parsed.kernel, kernel));
}

TEST_CASE("adjoints of half floats add up in f32") {
    Dim i("i"), j("j");
    Input x("x", f16, {i}), w("w", bf16, {j});
    Tensor y("y"), z("z");
    y(i, j) = f16(f32(x) * f32(w));
    z() = sum({i, j}, f32(y));
    const ir::Kernel gradient = grad(Kernel("half", {z, y}).ir(), {"x", "w"});
    CHECK(gradient.find_input("d.y")->type == Type::f16);
    CHECK(gradient.find_definition("d.y.total")->types == std::vector{Type::f32});
    CHECK(gradient.find_definition("d.x")->types == std::vector{Type::f16});
    CHECK(gradient.find_definition("d.x.from.y")->types == std::vector{Type::f32});
    CHECK(gradient.find_definition("d.w")->types == std::vector{Type::bf16});
    // 4000 summands of 1: sums in f16 would end at 2048.
    std::map<std::string, Array> inputs;
    inputs["x"] = array_of(Type::f16, {4000}, std::vector<double>(4000, 1.0));
    inputs["w"] = array_of(Type::bf16, {1}, {1.0});
    inputs["d.z"] = array_of(Type::f32, {}, {1.0});
    inputs["d.y"] = array_of(Type::f16, {4000, 1}, std::vector<double>(4000, 0.0));
    CHECK(interpret(gradient, inputs).at("d.w").real(0) == 4000);
}

TEST_CASE("the gradient of a gradient") {
    Dim i("i"), j("j");
    Input x("x", f64, {i, j}), w("w", f64, {j});
    Tensor y("y");
    y(i) = sum({j}, exp(x * w) * w);
    check(grad(grad(Kernel("twice", {y}).ir(), {"x", "w"}), {"x", "w"}));
    check(grad(Kernel("once", {y}).ir(), {"w"}));
}

namespace {

/// x * sigmoid(x) with the gradient that the rule says, `factor` times the true one.
Tensor swish(const Arg& x, double factor) {
    Function f("swish", {x});
    Tensor result = x * sigmoid(x);
    return f.with_vjp(result, [&](const Function::Rule& r) {
        const Expr s = sigmoid(r.inputs[0]);
        return std::vector<Expr>{factor * (r.cotangent * (s + r.inputs[0] * s * (1 - s)))};
    });
}

/// A matrix product with a rule that reduces, reads its output, and has a dim of its own.
Tensor product_with_rule(const Arg& a, const Arg& b, const Dim& i, const Dim& j, const Dim& k) {
    Function f("matmul", {a, b});
    Tensor result = sum({k}, a * b);
    return f.with_vjp(result, [&](const Function::Rule& r) {
        const Dim two("two", 2);
        Tensor half("half");
        half(i, k) = sum({j, two}, 0.5 * (r.cotangent * r.inputs[1]));
        return std::vector<Expr>{half + 0.0 * sum({j}, r.output), sum({i}, r.cotangent * r.inputs[0])};
    });
}

} // namespace

TEST_CASE("the rule of a function stands for its definitions, in C++ and through the text") {
    Dim i("i");
    Input x("x", f64, {i});
    for (const double factor : {1.0, 2.0}) {
        Tensor t("t"), y("y");
        t(i) = x * 2.0;
        y(i) = swish(t, factor) * 3.0;
        const ir::Kernel kernel = Kernel("ruled", {y}).ir();
        const std::string text = print(kernel);
        const ParseResult parsed = parse(text, "ruled.coulter");
        REQUIRE_MESSAGE(parsed.kernel, text);
        CHECK(ir::equal(*parsed.kernel, kernel));
        CHECK(print(*parsed.kernel) == text);
        const GradientResult plain = check_gradient({*parsed.kernel, {}, {{"i", 4}}});
        if (factor == 1) {
            CHECK_MESSAGE(plain.error <= 1e-6, plain.message);
        } else {
            CHECK(plain.error > 0.4); // the rule is what counts
        }
    }
    Dim a("a"), b("b"), c("c");
    Input u("u", f64, {a, c}), v("v", f64, {c, b});
    Tensor w("w");
    w(a, b) = product_with_rule(u, v, a, b, c) + 1.0;
    for (const std::int64_t n : {2, 3}) {
        const GradientResult result =
            check_gradient({Kernel("product", {w}).ir(), {}, {{"a", n}, {"b", 4}, {"c", 5 - n}}});
        CHECK_MESSAGE(result.error <= 1e-6, result.message);
    }
}

TEST_CASE("where functions with rules nest, the outermost rule counts") {
    Dim i("i");
    Input x("x", f64, {i});
    const auto outer = [](const Arg& a, bool ruled) {
        Function f("outer", {a});
        Tensor inner("inner");
        inner = swish(a, 5.0);
        Tensor result = inner;
        return !ruled
                   ? result
                   : f.with_vjp(result, [](const Function::Rule& r) { return std::vector<Expr>{7.0 * r.cotangent}; });
    };
    for (const bool ruled : {false, true}) {
        Tensor y("y");
        y(i) = outer(x, ruled);
        const std::vector<double> got = gradient_at(Kernel("nested", {y}).ir(), {0.0, 0.0}, 2);
        CHECK(got[0] == (ruled ? 7 : 2.5)); // the derivative of swish at 0 is 1/2
    }
}

TEST_CASE("an argument that the function does not read has no part in its rule") {
    Dim i("i");
    Input x("x", f64, {i}), unread("unread", f64, {i});
    const auto first = [](const Arg& a, const Arg& b) {
        Function f("first", {a, b});
        Tensor result = a * 3.0;
        return f.with_vjp(result, [](const Function::Rule& r) {
            return std::vector<Expr>{r.cotangent * 4.0, r.cotangent * 0.0};
        });
    };
    Tensor y("y");
    y(i) = first(x, unread) + 1.0;
    CHECK(gradient_at(Kernel("k", {y}).ir(), {1, 2}, 2) == std::vector<double>{4, 4});
}

TEST_CASE("a rule gives a derivative to what has none") {
    Dim i("i");
    Input x("x", f64, {i});
    const auto whole = [](const Arg& a) {
        Function f("whole", {a});
        Tensor result = round(a);
        return f.with_vjp(result, [](const Function::Rule& r) { return std::vector<Expr>{r.cotangent}; });
    };
    Tensor y("y");
    y(i) = whole(x) * 3.0;
    CHECK(gradient_at(Kernel("k", {y}).ir(), {0.2, 1.7}, 2) == std::vector<double>{3, 3});
}

TEST_CASE("the gradient of a scan carries components that something flows into and that lead to values") {
    Dim i("i"), j("j");
    Input x("x", f64, {i, j}), a("a", f64, {i, j});
    Tensor states("states"), y("y");
    // The first component is for combining parts, and nothing reads it; the second is the recurrence.
    states = scan(
        j, {1, 0}, {a, x},
        [](const Tuple& first, const Tuple& then) {
            return Tuple{first[0] * then[0], then[0] * first[1] + then[1]};
        },
        associative);
    y(i, j) = states[1] * x;
    const ir::Kernel kernel = Kernel("recurrence", {y}).ir();
    check(kernel);
    CHECK(grad(kernel, {"x", "a"}).find_definition("d.states.carry")->types.size() == 1);

    Tensor both("states"), z("z");
    both = scan(
        j, {1, 0}, {a, x},
        [](const Tuple& first, const Tuple& then) {
            return Tuple{first[0] * then[0], then[0] * first[1] + then[1]};
        },
        associative);
    z(i, j) = both[1] * both[0];
    const ir::Kernel read = Kernel("both", {z}).ir();
    check(read);
    CHECK(grad(read, {"x", "a"}).find_definition("d.states.carry")->types.size() == 2);
}
