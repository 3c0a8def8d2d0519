// The gradient of a lifted kernel against the lifted gradient, by the interpreter in f64.

#include "coulter/interpreter.hpp"
#include "coulter/transform.hpp"
#include "coulter/vmap.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"
#include "vmap/lanes.hpp"

#include <coulter/coulter.h>

#include <doctest/doctest.h>
#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

/// The sum over an axis.
Array summed(const Array& whole, std::size_t axis) {
    Array total = slice(whole, axis, 0);
    for (std::int64_t at = 1; at < whole.shape[axis]; ++at) {
        const Array part = slice(whole, axis, at);
        for (std::int64_t i = 0; i < total.size(); ++i) {
            total.set_real(i, total.real(i) + part.real(i));
        }
    }
    return total;
}

/// What differs between grad(vmap(kernel)) and vmap(grad(kernel)); empty: nothing. `compared` counts.
std::string compare(const ir::Kernel& kernel, const std::vector<std::string>& lifted, const std::string& wrt,
                    Extents extents, std::uint64_t seed, int& compared) {
    const ir::Kernel forward = vmap(kernel, "lane", lifted);
    ir::Kernel backward;
    ir::Kernel one;
    try {
        backward = grad(forward, {wrt});
        one = grad(kernel, {wrt});
    } catch (const LanguageError& error) {
        CHECK_MESSAGE(std::string(error.what()).find("[G003]") != std::string::npos, error.what());
        return {};
    }
    std::vector<std::string> inputs;
    for (const ir::Input& input : one.inputs) {
        const ir::Input* const other = backward.find_input(input.name);
        if (other != nullptr && other->dims.size() > input.dims.size()) {
            inputs.push_back(input.name);
        }
    }
    for (const ir::Input& input : one.inputs) {
        // What an output that is the same for all lanes gives would count once for each.
        if (input.name.starts_with("d.") && std::find(inputs.begin(), inputs.end(), input.name) == inputs.end()) {
            return {};
        }
    }
    const ir::Kernel batched = vmap(one, "lane", inputs);
    extents["lane"] = 3;
    const InterpretOptions in_double{.in_double = true};
    Arrays given = random_arguments(batched, extents, seed);
    for (const auto& [name, array] : random_arguments(backward, extents, seed)) {
        given.emplace(name, array);
    }
    const auto extents_of = [&](const ir::Kernel& of) {
        Extents own = extents;
        std::erase_if(own, [&](const auto& each) { return of.find_dim(each.first) == nullptr; });
        return own;
    };
    const auto arguments_of = [&](const ir::Kernel& of) {
        Arrays own;
        for (const ir::Input& input : of.inputs) {
            own[input.name] = given.at(input.name);
        }
        return own;
    };
    const std::string result = "d." + wrt;
    const Array wanted = interpret(backward, arguments_of(backward), extents_of(backward), in_double).at(result);
    Array got = interpret(batched, arguments_of(batched), extents_of(batched), in_double).at(result);
    if (got.shape.size() > wanted.shape.size()) {
        got = summed(got, axis_of(batched.dims_of(result), "lane"));
    }
    ++compared;
    return difference(got, wanted, Tolerance{1e-10, 0, 0});
}

/// x * |x|, with a rule of its own that is three times the derivative, to be recognised.
Tensor marked(const Arg& x) {
    Function f("marked", {x});
    Tensor result;
    result = x * abs(x);
    return f.with_vjp(result, [](const Function::Rule& rule) {
        return std::vector<Expr>{rule.cotangent * 6.0 * abs(rule.inputs[0])};
    });
}

/// A product whose rule depends on both arguments.
Tensor scaled(const Arg& x, const Arg& w) {
    Function f("scaled", {x, w});
    Tensor result;
    result = x * w;
    return f.with_vjp(result, [](const Function::Rule& rule) {
        return std::vector<Expr>{rule.cotangent * rule.inputs[1] * 2.0, rule.cotangent * rule.inputs[0] * 5.0};
    });
}

Kernel ruled() {
    Dim i("i");
    Input x("x", f32, {i}), w("w", f32, {i});
    Tensor y("y"), z("z");
    y(i) = marked(x);
    z(i) = scaled(y, w);
    return Kernel("ruled", {z}, estimates({{i, 4}}));
}

} // namespace

TEST_CASE("grad of vmap equals vmap of grad on random kernels") {
    const std::uint64_t first = first_seed();
    const int count = is_long_run() ? 1000 : 100;
    int compared = 0;
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
        RandomKernelOptions options;
        options.stages = 3 + static_cast<int>(seed % 4);
        options.grids = seed % 3 == 0;
        const ir::Kernel kernel = random_kernel(seed, options);
        std::mt19937_64 random(seed);
        std::vector<std::string> lifted;
        std::vector<std::string> floats;
        for (const ir::Input& input : kernel.inputs) {
            if (is_float(input.type)) {
                floats.push_back(input.name);
            }
            if (random() % 2 == 0) {
                lifted.push_back(input.name);
            }
        }
        if (lifted.empty()) {
            lifted.push_back(kernel.inputs.front().name);
        }
        for (const std::string& wrt : floats) {
            CAPTURE(seed);
            CAPTURE(wrt);
            const std::string wrong =
                compare(kernel, lifted, wrt, {kernel.estimates.begin(), kernel.estimates.end()}, seed, compared);
            CHECK_MESSAGE(wrong.empty(), wrong);
        }
    }
    MESSAGE(compared << " compared");
    CHECK(compared > count / 2);
}

TEST_CASE("rules of functions are lifted with them") {
    const ir::Kernel kernel = ruled().ir();
    for (const std::vector<std::string>& lifted : {std::vector<std::string>{"x"}, {"w"}, {"x", "w"}}) {
        for (const char* const wrt : {"x", "w"}) {
            int compared = 0;
            CAPTURE(lifted.size());
            CAPTURE(wrt);
            const std::string wrong = compare(kernel, lifted, wrt, {{"i", 4}}, 5, compared);
            CHECK_MESSAGE(wrong.empty(), wrong);
            CHECK(compared == 1);
        }
    }
    // The rule and not the definition: three times the derivative by x.
    const ir::Kernel backward = grad(vmap(kernel, "lane", {"x"}), {"x"});
    const Arrays given{
        {"x", array_of(Type::f32, {1, 1}, {2})}, {"w", array_of({1})}, {"d.z", array_of(Type::f32, {1, 1}, {1})}};
    CHECK(interpret(backward, given).at("d.x").real(0) == 24);
}
