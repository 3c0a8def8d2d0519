// What the composed functions compute, by the reference interpreter.
#include <coulter/coulter.h>
#include <coulter/interpreter.hpp>
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

using namespace coulter;

namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
const double nan_value = std::numeric_limits<double>::quiet_NaN();

// `value` of x over k, for one row of numbers.
double result(const std::function<Expr(const Tensor&, const Dim&)>& value, const std::vector<double>& row) {
    const Dim k("k");
    const Input x("x", f64, {k});
    Tensor y("y");
    y() = value(x, k);
    Array array(Type::f64, {static_cast<std::int64_t>(row.size())});
    for (std::size_t i = 0; i < row.size(); ++i) {
        array.set_real(static_cast<std::int64_t>(i), row[i]);
    }
    return interpret(Kernel("k", {y}).ir(), {{"x", array}}).at("y").real(0);
}

double log_of_sum(const std::vector<double>& row) {
    return result([](const Tensor& x, const Dim& k) { return logsumexp({k}, x); }, row);
}

} // namespace

TEST_CASE("logsumexp neither overflows nor loses infinities") {
    CHECK(log_of_sum({0, 0}) == doctest::Approx(std::log(2.0)));
    CHECK(log_of_sum({1000, 1000}) == doctest::Approx(1000 + std::log(2.0)));
    CHECK(log_of_sum({-1000, -1001}) == doctest::Approx(-1000 + std::log(1 + std::exp(-1.0))));
    CHECK(log_of_sum({-inf, 3}) == doctest::Approx(3));
    CHECK(log_of_sum({-inf, -inf}) == -inf);
    CHECK(log_of_sum({}) == -inf);
    CHECK(log_of_sum({inf, 3}) == inf);
    CHECK(std::isnan(log_of_sum({nan_value, 3})));
}

TEST_CASE("mean, variance and moments agree, far from zero too") {
    const std::vector<std::vector<double>> rows{{3}, {1, 2, 3, 4}, {1e9 + 1, 1e9 + 2, 1e9 + 3}, {-5, 5, 0, 0, 0}};
    for (const std::vector<double>& row : rows) {
        double average = 0;
        for (const double value : row) {
            average += value / static_cast<double>(row.size());
        }
        double squares = 0;
        for (const double value : row) {
            squares += (value - average) * (value - average) / static_cast<double>(row.size());
        }
        CHECK(result([](const Tensor& x, const Dim& k) { return mean({k}, x); }, row) == doctest::Approx(average));
        CHECK(result([](const Tensor& x, const Dim& k) { return variance({k}, x); }, row) == doctest::Approx(squares));
        CHECK(result([](const Tensor& x, const Dim& k) { return moments({k}, x).mean; }, row) ==
              doctest::Approx(average));
        CHECK(result([](const Tensor& x, const Dim& k) { return moments({k}, x).variance; }, row) ==
              doctest::Approx(squares));
    }
}

TEST_CASE("a mean over two dims divides by both extents") {
    const Dim i("i"), k("k");
    const Input x("x", f32, {i, k});
    Tensor y("y");
    y() = mean({i, k}, x);
    Array array(Type::f32, {2, 3});
    for (std::int64_t n = 0; n < 6; ++n) {
        array.set_real(n, static_cast<double>(n));
    }
    CHECK(interpret(Kernel("k", {y}).ir(), {{"x", array}}).at("y").real(0) == doctest::Approx(2.5));
}

TEST_CASE("cumsum runs both ways, with and without its end") {
    const Dim i("i");
    const Input x("x", i32, {i});
    Tensor a("a"), b("b"), c("c");
    a = cumsum(i, x);
    b = cumsum(i, x, exclusive);
    c = cumsum(i, x, inclusive, reversed);
    Array array(Type::i32, {3});
    for (std::int64_t n = 0; n < 3; ++n) {
        array.set_integer(n, n + 1);
    }
    const auto results = interpret(Kernel("k", {a, b, c}).ir(), {{"x", array}});
    const auto row = [&](const char* name) {
        return std::vector<std::int64_t>{results.at(name).integer(0), results.at(name).integer(1),
                                         results.at(name).integer(2)};
    };
    CHECK(row("a") == std::vector<std::int64_t>{1, 3, 6});
    CHECK(row("b") == std::vector<std::int64_t>{0, 1, 3});
    CHECK(row("c") == std::vector<std::int64_t>{6, 5, 3});
}
