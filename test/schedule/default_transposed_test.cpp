// Copies of inputs with another dim innermost, packed weights of gradients, and where their conditions are asked.

#include "default_support.hpp"

#include <fmt/core.h>

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
    sum {out, tap where iy - tap >= 0 && iy - tap < extent(y)} clamped(g(y = iy - tap)) * clamped(w(tap = tap))

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

TEST_CASE("a copy lies as its reader goes through it: what a tile has one index of outermost") {
    const std::string text = scheduled(R"(coulter 1
kernel by_weight

dim n
dim in
dim out
dim k = 2
dim col = 2

input x: f32[n, in, k]
input g: f32[n, out, col]

d: f32[in, out, k, col] =
    sum {n} x * g

output d

estimate n = 4096, in = 256, out = 64
)");
    CHECK(contains(text, "stage g.transposed = copy g for d"));
    CHECK(contains(text, "layout col n out"));
}

TEST_CASE("arithmetic of indices does not keep rows out of a tile") {
    const std::string text = scheduled(R"(coulter 1
kernel by_image

dim n
dim y
dim iy
dim in
dim out
dim row = 4
dim tap = 2

input g: f32[n, y, out, row]
input w: f32[tap, in, out] frozen

d: f32[n, iy, in, row] =
    let $0 = iy / 2 - tap;
    let $1 = 2 * tap + iy % 2;
    sum {out, tap where $0 >= 0 && $0 < extent(y) && $1 < 3 && iy / 3 - tap < extent(y) && iy / 5 - tap < extent(y) &&
        iy / 7 - tap < extent(y) && iy / 9 - tap < extent(y) && iy / 11 - tap < extent(y) && iy % 13 - tap < extent(y)}
        clamped(g(y = $0)) * clamped(w(tap = $1))

output d

estimate n = 64, y = 32, iy = 65, in = 64, out = 64
)");
    CHECK(contains(text, "unroll in.o row"));
}
