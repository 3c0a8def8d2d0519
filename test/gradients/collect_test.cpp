// Sums of products in gradients, in fewer operations: by the text of the gradient, as people read it.

#include "coulter/text.hpp"
#include "coulter/transform.hpp"

#include <doctest/doctest.h>

using namespace coulter;

namespace {

/// What the gradient of `y` says of `name`, in one line. `x`, `w`: f64[n, m], `p`, `q`: f64[n].
std::string gradient(const std::string& y, const std::string& wrt, const std::string& name) {
    const ParseResult parsed = parse("coulter 1\nkernel k\ndim n\ndim m\ninput x: f64[n, m]\ninput w: f64[n, m]\n"
                                     "input p: f64[n]\ninput q: f64[n]\n" +
                                         y + "\noutput y\n",
                                     "k.coulter");
    REQUIRE(parsed.kernel);
    const std::string text = print(grad(*parsed.kernel, {wrt}));
    const std::size_t start = text.find("\n" + name + ":");
    REQUIRE(start != std::string::npos);
    const std::size_t from = text.find("=\n", start) + 2;
    std::string line;
    for (const char c : text.substr(from, text.find("\n\n", from) - from)) {
        if (c != '\n' && (c != ' ' || (!line.empty() && line.back() != ' '))) {
            line += c;
        } else if (c == '\n' && !line.empty()) {
            line += ' ';
        }
    }
    return line;
}

} // namespace

TEST_CASE("equal terms are one") {
    CHECK(gradient("y: f64[n, m] = x * x * w", "x", "d.x") == "d.y * w * x * 2.0_f64");
    CHECK(gradient("y: f64[n, m] = x * x * x", "x", "d.x") == "d.y * x * 3.0_f64 * x");
    // Here 0 is not what an infinite `x` makes of it.
    CHECK(gradient("y: f64[n, m] = x * w - x * w", "x", "d.x") == "d.y * w - d.y * w");
}

TEST_CASE("a factor of several terms stands before their sum, where that is less work") {
    CHECK(gradient("y: f64[n] = sum {m} p * x + q * x * x", "x", "d.x") == "(p + x * q * 2.0_f64) * d.y");
    // Two products and an addition are two operations, as many as there would be.
    CHECK(gradient("y: f64[n, m] = x * p + w\nz: f64[n, m] = x * q", "x", "d.x") == "d.y * p");
}

TEST_CASE("what is used twice stays one value") {
    const std::string text = gradient("y: f64[n, m] = exp(x * p) * w", "x", "d.x");
    CHECK(text == "d.y * w * exp(x * p) * p");
    const std::string shared = gradient("y: f64[n, m] = sin(x * p * q) * cos(x * p * q)", "x", "d.x");
    CHECK(shared.starts_with("let $0 = x * p * q;"));
}

TEST_CASE("a sum's factor that is the same for all summands is applied to the sum") {
    CHECK(gradient("z: f64[n] = sum {m} x * x * p\ny: f64[n] = q * p + z", "p", "d.p.from.z") == "sum {m} x * x");
    CHECK(gradient("z: f64[n] = sum {m} x * x * p\ny: f64[n] = q * p + z", "p", "d.p") == "d.p.from.z * d.z + d.y * q");
    // The sum is 0 where no step counts, and an infinite factor times 0 is not.
    const std::string conditional =
        gradient("z: f64[n] = sum {m where m < extent(m) - 1} x * x * p\ny: f64[n] = q * p + z", "p", "d.p.from.z");
    CHECK(conditional == "sum {m where m < extent(m) - 1} d.z * (x * x)");
    // An output is what it is called.
    CHECK(gradient("y: f64[n] = sum {m} x * p", "p", "d.p") == "sum {m} d.y * x");
}
