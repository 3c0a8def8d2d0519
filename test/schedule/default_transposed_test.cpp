// Copies of inputs with another dim innermost, packed weights of gradients, and where their conditions are asked.

#include "default_support.hpp"

#include <fmt/format.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// A product of rows with rows, as queries meet keys.
std::string rows_by_rows(std::int64_t rows) {
    return fmt::format(R"(coulter 1
kernel scores

dim i
dim j
dim k

input a: f32[i, k]
input b: f32[j, k]

c: f32[i, j] =
    sum {{k}} a * b

output c

estimate i = {}, j = 512, k = 64
)",
                       rows);
}

/// What the gradient of a strided convolution looks like: weights read at a tap that a condition admits.
const std::string adjoint = R"(coulter 1
kernel adjoint

dim n
dim y
dim iy
dim in
dim out
dim tap = 2

input g: f32[n, y, out]
input w: f32[tap, in, out] frozen

d: f32[n, iy, in] =
    sum {tap, out where iy - tap >= 0 && iy - tap < extent(y)} clamped(g(y = iy - tap)) * clamped(w(tap = tap))

output d

estimate n = 64, y = 32, iy = 33, in = 64, out = 64
)";

} // namespace

TEST_CASE("an input that is read across its rows many times is copied with these innermost") {
    const std::string text = scheduled(rows_by_rows(1024));
    CHECK(contains(text, "stage b.transposed = copy b for c"));
    CHECK(contains(text, "layout k j"));
    CHECK(contains(text, "vectorize j"));
}

TEST_CASE("one that is read a few times is not") {
    CHECK(lacks(scheduled(rows_by_rows(8)), "transposed"));
}

TEST_CASE("a search decides whether there is a copy") {
    DecisionLog log;
    const std::string text = scheduled(rows_by_rows(1024), {{"transposed of c", "read"}}, &log);
    CHECK(lacks(text, "transposed"));
}

TEST_CASE("weights that a gradient reads at a clamped tap are packed along the dim of its vectors") {
    const std::string text = scheduled(adjoint);
    CHECK(contains(text, "stage w.packed = pack w by in"));
}

TEST_CASE("the loops that a condition is about stand outside of those that it skips") {
    const std::string text = scheduled(adjoint);
    CHECK(contains(text, "iy out tap "));
}
