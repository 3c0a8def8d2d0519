// The functions that training adds to models/, interpreted.

#include "coulter/interpreter.hpp"
#include "coulter/transform.hpp"
#include "models/activations.hpp"
#include "models/training.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <limits>

using namespace coulter;

namespace {

using Arrays = std::map<std::string, Array>;

Array row(const std::vector<double>& values) {
    Array array(Type::f64, {static_cast<std::int64_t>(values.size())});
    for (std::size_t i = 0; i < values.size(); ++i) {
        array.set_real(static_cast<std::int64_t>(i), values[i]);
    }
    return array;
}

Array number(double value) {
    Array array(Type::f64, {});
    array.set_real(0, value);
    return array;
}

std::vector<double> values(const Array& array) {
    std::vector<double> result;
    for (std::int64_t i = 0; i < array.size(); ++i) {
        result.push_back(array.real(i));
    }
    return result;
}

} // namespace

TEST_CASE("relu is max(x, 0) whose derivative at 0 is 0") {
    Dim n("n");
    Input x("x", f64, {n});
    Tensor y("y");
    y(n) = models::relu(x);
    const ir::Kernel kernel = Kernel("k", {y}).ir();
    const double nan = std::numeric_limits<double>::quiet_NaN();
    const Arrays inputs{{"x", row({-2, -0.0, 0, 3, nan})}};
    const std::vector<double> result = values(interpret(kernel, inputs).at("y"));
    CHECK(std::vector<double>(result.begin(), result.end() - 1) == std::vector<double>{0, 0, 0, 3});
    CHECK(std::isnan(result.back()));

    Arrays backward = inputs;
    backward["x"] = row({-2, -0.0, 0, 3, 4});
    backward["d.y"] = row({7, 7, 7, 7, 5});
    CHECK(values(interpret(grad(kernel, {"x"}), backward).at("d.x")) == std::vector<double>{0, 0, 0, 7, 5});
}

TEST_CASE("a loss and its gradient in one kernel are those of two") {
    Dim n("n");
    Input x("x", f64, {n}), w("w", f64, {n}), unused("scale", f64);
    Tensor loss("loss"), scaled("product");
    scaled(n) = exp(x * w) * unused;
    loss() = sum({n}, scaled * scaled);
    const Kernel loss_kernel("forward", {loss});
    const ir::Kernel both = value_and_grad(loss_kernel, {"w"}).ir();
    CHECK(both.name == "forward.value_and_grad");
    CHECK(both.outputs == std::vector<std::string>{"loss", "d.w"});

    Arrays inputs{{"x", row({0.5, -1, 2})}, {"w", row({1, 0.25, 0.125})}, {"scale", number(1.5)}};
    const Array alone = interpret(loss_kernel.ir(), inputs).at("loss");
    inputs["d.loss"] = number(1);
    const Arrays together = interpret(both, inputs);
    CHECK(together.at("loss").real(0) == alone.real(0));
    // d/dw (scale exp(x w))^2 = 2 x (scale exp(x w))^2
    for (std::int64_t i = 0; i < 3; ++i) {
        const double xi = inputs.at("x").real(i);
        const double p = 1.5 * std::exp(xi * inputs.at("w").real(i));
        CHECK(together.at("d.w").real(i) == doctest::Approx(2 * xi * p * p));
    }
    CHECK_THROWS_AS(static_cast<void>(value_and_grad(loss_kernel, {"y"})), LanguageError);
}

TEST_CASE("values beside a gradient are all of the kernel's, and none is in place") {
    Dim n("n");
    Input x("x", f64, {n}), w("w", f64, {n});
    Tensor stepped("w_new"), square("square"), sign("sign");
    stepped(n) = w * w - x;
    square(n) = stepped * stepped;
    sign(n) = select(x < 0.0, f64(-1.0), f64(1.0));
    const ir::Kernel kernel = Kernel("step", {square, stepped, sign}, updates({{w, stepped}})).ir();
    const ir::Kernel both = value_and_grad(kernel, {"w"});
    CHECK(both.outputs == std::vector<std::string>{"square", "w_new", "sign", "d.w"});
    CHECK(both.updates.empty());
    const Arrays outputs = interpret(
        both, {{"x", row({1, -2})}, {"w", row({3, 4})}, {"d.square", row({1, 0.5})}, {"d.w_new", row({1, 0})}});
    CHECK(values(outputs.at("square")) == std::vector<double>{64, 324});
    CHECK(values(outputs.at("w_new")) == std::vector<double>{8, 18});
    CHECK(values(outputs.at("sign")) == std::vector<double>{1, -1});
    // (d.w_new + d.square 2 w_new) 2 w
    CHECK(values(outputs.at("d.w")) == std::vector<double>{17 * 6, 18 * 8});
}

TEST_CASE("a gradient is clipped where it is longer, and left alone where it is not") {
    const ir::Kernel kernel = models::clipped_adam("adam", f64).ir();
    const auto mean_of = [&](double largest) {
        const Arrays inputs{{"w", row({1, 2})},          {"gradient", row({3, -4})}, {"mean", row({0, 0})},
                            {"variance", row({0, 0})},   {"rate", number(0.1)},      {"t", number(1)},
                            {"largest", number(largest)}};
        const Arrays outputs = interpret(kernel, inputs);
        CHECK(outputs.at("norm").real(0) == doctest::Approx(5));
        // The first step goes by the rate against the sign of the gradient, whatever its length.
        CHECK(outputs.at("w_new").real(0) == doctest::Approx(0.9));
        CHECK(outputs.at("w_new").real(1) == doctest::Approx(2.1));
        return values(outputs.at("mean_new"));
    };
    const std::vector<double> whole = mean_of(10);
    CHECK(whole[0] == doctest::Approx(0.3));
    CHECK(whole[1] == doctest::Approx(-0.4));
    const std::vector<double> clipped = mean_of(1);
    CHECK(clipped[0] == doctest::Approx(0.06));
    CHECK(clipped[1] == doctest::Approx(-0.08));
}
