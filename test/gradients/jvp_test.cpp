// Forward mode: against central differences, and against reverse mode by the dot products.

#include "coulter/interpreter.hpp"
#include "coulter/text.hpp"
#include "coulter/transform.hpp"
#include "gradients/gradient_check.hpp"
#include "models/kernels.hpp"
#include "support/array_compare.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"

#include <algorithm>
#include <cmath>
#include <coulter/coulter.h>
#include <doctest/doctest.h>
#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

using Arrays = std::map<std::string, Array>;
using Extents = std::map<std::string, std::int64_t>;

const InterpretOptions in_double{.in_double = true};

Array random_like(const Array& array, std::mt19937_64& random) {
    Array result(Type::f64, array.shape);
    std::uniform_real_distribution<double> uniform(-1, 1);
    for (std::int64_t i = 0; i < result.size(); ++i) {
        result.set_real(i, uniform(random));
    }
    return result;
}

Extents extents_of(const ir::Kernel& kernel, const Extents& extents) {
    Extents own = extents;
    std::erase_if(own, [&](const auto& each) { return kernel.find_dim(each.first) == nullptr; });
    return own;
}

Arrays run(const ir::Kernel& kernel, const Arrays& given, const Extents& extents) {
    Arrays own;
    for (const ir::Input& input : kernel.inputs) {
        own[input.name] = given.at(input.name);
    }
    return interpret(kernel, own, extents_of(kernel, extents), in_double);
}

double dot(const Array& a, const Array& b) {
    double total = 0;
    for (std::int64_t i = 0; i < a.size(); ++i) {
        total += a.real(i) * b.real(i);
    }
    return total;
}

double norm(const Array& a) {
    return std::sqrt(dot(a, a));
}

struct Drawn {
    Arrays inputs;   ///< and tangents
    Arrays results;  ///< of jvp
    bool has = true; ///< the kernel has a derivative by that
};

/// Inputs, a random direction, and the derivative along it.
Drawn draw(const GradientCase& test, std::mt19937_64& random) {
    Drawn drawn;
    drawn.inputs = gradient_inputs(test);
    for (const std::string& input : test.wrt) {
        drawn.inputs["d." + input] = random_like(drawn.inputs.at(input), random);
    }
    ir::Kernel forward;
    try {
        forward = jvp(test.kernel, test.wrt);
    } catch (const LanguageError& error) {
        CHECK_MESSAGE(std::string(error.what()).find("[G003]") != std::string::npos, error.what());
        drawn.has = false;
        return drawn;
    }
    const ParseResult parsed = parse(print(forward), "k.jvp.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    CHECK(ir::equal(*parsed.kernel, forward));
    drawn.results = run(forward, drawn.inputs, test.extents);
    return drawn;
}

/// |<w, J v> - <J' w, v>| over what both could be.
double disagreement(const GradientCase& test, std::mt19937_64& random, Drawn& drawn) {
    const ir::Kernel backward = grad(test.kernel, test.wrt);
    double forward = 0;
    double scale = 1e-12;
    for (const ir::Input& input : backward.inputs) {
        if (input.name.starts_with("d.")) {
            const Array& result = drawn.results.at(input.name);
            const Array weight = random_like(result, random);
            forward += dot(result, weight);
            scale += norm(result) * norm(weight);
            drawn.inputs[input.name + " weight"] = weight;
        }
    }
    Arrays given = drawn.inputs;
    for (const ir::Input& input : backward.inputs) {
        if (input.name.starts_with("d.")) {
            given[input.name] = drawn.inputs.at(input.name + " weight");
        }
    }
    double reverse = 0;
    for (const auto& [name, gradient] : run(backward, given, test.extents)) {
        reverse += dot(gradient, drawn.inputs.at(name));
        scale += norm(gradient) * norm(drawn.inputs.at(name));
    }
    return std::abs(forward - reverse) / scale;
}

/// The largest error against a central difference of the whole kernel along the direction, over the largest magnitude.
double central_difference_error(const GradientCase& test, const Drawn& drawn) {
    const double h = 1e-5;
    const auto moved = [&](double by) {
        Arrays at = drawn.inputs;
        for (const std::string& input : test.wrt) {
            for (std::int64_t i = 0; i < at.at(input).size(); ++i) {
                at[input].set_real(i, at[input].real(i) + by * drawn.inputs.at("d." + input).real(i));
            }
        }
        return run(test.kernel, at, test.extents);
    };
    const Arrays up = moved(h);
    const Arrays down = moved(-h);
    double error = 0;
    double largest = 1e-12;
    for (const auto& [name, result] : drawn.results) {
        const std::string output = name.substr(2);
        for (std::int64_t i = 0; i < result.size(); ++i) {
            const double wanted = (up.at(output).real(i) - down.at(output).real(i)) / (2 * h);
            error = std::max(error, std::abs(result.real(i) - wanted));
            largest = std::max(largest, std::abs(wanted));
        }
    }
    return error / largest;
}

ir::Kernel parsed(const std::string& text) {
    const ParseResult result = parse(text, "k.coulter");
    REQUIRE_MESSAGE(result.kernel, result.diagnostics.front().message);
    return *result.kernel;
}

struct Plain {
    const char* name;
    const char* body; ///< definitions over x: f32[i], the last one `y`
};

const Plain plain[] = {
    {"product", "y: f32 =\n    product {i} x\n"},
    {"maximum", "y: f32 =\n    max {i} x * x\n"},
    {"argmax", "m: (i32, f32) =\n    argmax {i} sin(x)\n\ny: f32 =\n    m.1 * 2.0\n"},
    {"padded", "y: f32[i] =\n    padded(x(i = i - 1), x(i = i)) * x\n"},
    {"select", "y: f32[i] =\n    select(x > 0.0, sqrt(x), exp(x))\n"},
    {"cumulative", "y: f32[i] =\n    scan {i} x identity 0.0 combine left.0 + right.0\n"},
    {"recurrence",
     "s: (f32, f32)[i] =\n    scan {i} (x, x * x) identity (1.0, 0.0)\n    combine (left.0 * right.0, right.0 "
     "* left.1 + right.1)\n\ny: f32[i] =\n    s.1\n"},
    {"exclusive", "y: f32[i] =\n    scan {i} reversed exclusive x identity 1.0 combine left.0 * right.0\n"},
    {"custom",
     "s: (f32, f32) =\n    reduce {i where i != 2} (x, exp(x)) identity (-inf, 0.0)\n    combine (max(left.0, "
     "right.0), left.1 + right.1)\n\ny: f32 =\n    s.0 * s.1\n"},
    {"where", "y: f32 =\n    sum {i where i % 2 == 0} x * x * x\n"},
    {"scatter", "dim bin = 3\n\ny: f32[bin] =\n    sum {i} into (bin = i % 3) x * x\n"},
    {"twice", "y: f32[i] =\n    x * x(i = 0) * x(i = extent(i) - 1 - i)\n"},
};

} // namespace

TEST_CASE("derivatives along a direction equal central differences") {
    std::mt19937_64 random(3);
    for (const Plain& each : plain) {
        CAPTURE(each.name);
        const ir::Kernel kernel =
            parsed(std::string("coulter 1\nkernel k\n\ndim i\n\ninput x: f32[i]\n\n") + each.body + "\noutput y\n");
        for (const std::int64_t extent : {4, 7}) {
            GradientCase test{kernel, {"x"}, {{"i", extent}}, 11};
            Drawn drawn = draw(test, random);
            REQUIRE(drawn.has);
            CHECK(central_difference_error(test, drawn) <= 1e-6);
            CHECK(disagreement(test, random, drawn) <= 1e-12);
        }
    }
}

TEST_CASE("a product with zeros and shared maxima have the derivatives that gradients have") {
    std::mt19937_64 random(5);
    for (const char* const body : {"y: f32 =\n    product {i} x\n", "y: f32 =\n    max {i} x\n"}) {
        const ir::Kernel kernel =
            parsed(std::string("coulter 1\nkernel k\n\ndim i\n\ninput x: f32[i]\n\n") + body + "\noutput y\n");
        for (const std::vector<double>& values : {std::vector<double>{2, 0, 3}, {0, 1, 0}, {3, 3, 1}, {1, 1, 1}}) {
            GradientCase test{kernel, {"x"}, {{"i", 3}}, 1};
            Array x(Type::f64, {3});
            for (std::size_t i = 0; i < 3; ++i) {
                x.set_real(static_cast<std::int64_t>(i), values[i]);
            }
            test.inputs["x"] = x;
            Drawn drawn = draw(test, random);
            CHECK(disagreement(test, random, drawn) <= 1e-12);
        }
    }
}

TEST_CASE("forward and reverse mode agree on random kernels: <w, J v> = <J' w, v>") {
    const std::uint64_t first = first_seed();
    const int count = is_long_run() ? 2000 : 200;
    int compared = 0;
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
        RandomKernelOptions options;
        options.stages = 3 + static_cast<int>(seed % 5);
        options.grids = seed % 3 == 0;
        const ir::Kernel kernel = random_kernel(seed, options);
        const std::vector<std::string> inputs = float_inputs(kernel);
        CAPTURE(seed);
        std::mt19937_64 random(seed);
        // Not every input has an influence.
        bool has = false;
        for (std::size_t i = 0; i < inputs.size() && !has; ++i) {
            GradientCase test{
                kernel, {inputs[(seed + i) % inputs.size()]}, {kernel.estimates.begin(), kernel.estimates.end()}, seed};
            Drawn drawn = draw(test, random);
            has = drawn.has;
            if (has) {
                CHECK(disagreement(test, random, drawn) <= 1e-9);
            }
        }
        compared += has ? 1 : 0;
    }
    MESSAGE(compared << " of " << count << " compared");
    CHECK(compared > count * 3 / 4);
}

TEST_CASE("forward and reverse mode agree on EM routing, and a Hessian is symmetric") {
    std::mt19937_64 random(7);
    for (const KernelFactory& factory : models::kernels()) {
        if (factory.name != "em_routing" && factory.name != "softmax" && factory.name != "conv2d_strided") {
            continue;
        }
        const ir::Kernel kernel = factory.make(Params{}).ir();
        Extents extents{{"batch", 1}, {"iy", 5}, {"ix", 5}, {"in", 2}, {"out", 2}};
        for (const ir::Input& input : kernel.inputs) {
            for (const std::string& dim : input.dims) {
                if (!kernel.find_dim(dim)->size) {
                    extents.emplace(dim, 3);
                }
            }
        }
        GradientCase test{kernel, float_inputs(kernel), extents_of(kernel, extents), 2};
        test.low = 0.1;
        CAPTURE(factory.name);
        Drawn drawn = draw(test, random);
        REQUIRE(drawn.has);
        CHECK(disagreement(test, random, drawn) <= 1e-9);
    }
    // <u, H v> = <v, H u>
    const ir::Kernel kernel =
        parsed("coulter 1\nkernel k\n\ndim i\n\ninput x: f32[i]\n\ns: f32 =\n    sum {i} exp(x)\n\n"
               "y: f32 =\n    log(s) * s\n\noutput y\n");
    const ir::Kernel product = jvp(grad(kernel, {"x"}), {"x"});
    CHECK(product.outputs == std::vector<std::string>{"d2.d.x"});
    const Array at = random_like(Array(Type::f64, {5}), random);
    const Array u = random_like(at, random);
    const Array v = random_like(at, random);
    Array one(Type::f64, {});
    one.set_real(0, 1);
    const auto along = [&](const Array& direction) {
        return run(product, {{"x", at}, {"d.y", one}, {"d2.x", direction}}, {}).at("d2.d.x");
    };
    CHECK(dot(u, along(v)) == doctest::Approx(dot(v, along(u))).epsilon(1e-12));
    CHECK(std::abs(dot(u, along(v))) > 1e-3);
}

TEST_CASE("mistakes are those of gradients") {
    const ir::Kernel kernel =
        parsed("coulter 1\nkernel k\n\ndim i\n\ninput x: f32[i]\ninput n: i32[i]\n\ny: f32[i] =\n    "
               "floor(x) + f32(n)\n\noutput y\n");
    const auto message = [&](const std::vector<std::string>& wrt) {
        try {
            (void)jvp(kernel, wrt);
        } catch (const LanguageError& error) {
            return std::string(error.what());
        }
        return std::string();
    };
    CHECK(message({"n"}).find("[G003]") != std::string::npos);
    CHECK(message({"x"}).find("no output of `k` has a derivative by `x` [G003]") != std::string::npos);
    CHECK(message({"z"}).find("[G002]") != std::string::npos);
    CHECK(message({}).find("[G002]") != std::string::npos);
}

// Along a direction the result itself is not needed, and a rule that names it cannot stay.
TEST_CASE("a function with a rule has a derivative along a direction") {
    const auto twice = [](const Arg& x) {
        Function f("twice", {x});
        Tensor half("half");
        half = x * x;
        const Tensor result = half + half;
        return f.with_vjp(result,
                          [](const Function::Rule& r) { return std::vector<Expr>{r.cotangent * 4 * r.inputs[0]}; });
    };
    Dim i("i");
    Input x("x", f64, {i});
    Tensor y("y");
    y(i) = twice(x);
    const ir::Kernel derivative = jvp(Kernel("doubled", {y}, estimates({{i, 4}})).ir(), {"x"});
    CHECK(ir::validate(derivative).empty());
    const Arrays results =
        interpret(derivative, {{"x", array_of(Type::f64, {2}, {3, 5})}, {"d.x", array_of(Type::f64, {2}, {1, 0.5})}});
    CHECK(results.at("d.y").real(0) == 12);
    CHECK(results.at("d.y").real(1) == 10);
}
