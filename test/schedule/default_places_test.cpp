// Where default schedules compute stages, how often, and in which layout.

#include "default_support.hpp"
#include "support/patterns.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

const std::string layers = R"(coulter 1
kernel layers

dim b
dim k
dim n
dim m

input x: f32[b, k]
input first: f32[k, n] frozen
input second: f32[n, m] frozen

hidden: f32[b, n] =
    sum {k} x * first

act: f32[b, n] =
    tanh(hidden)

y: f32[b, m] =
    sum {n} act * second

output y

estimate b = 256, k = 1024, n = 1024, m = 1024
)";

} // namespace

TEST_CASE("a stage is computed in the loops around all its readers") {
    const std::string text = scheduled(chain);
    CHECK(contains(text, "stage a {\n  compute at y/"));
    CHECK(contains(text, "stage most {\n  compute at y/"));
}

TEST_CASE("one that its readers ask for as a whole is computed at root") {
    const std::string text = scheduled(turned);
    CHECK(contains(text, "stage a {\n  compute root"));
}

TEST_CASE("memory of a size that is known at run time only is not taken for a few vectors") {
    const std::string text = scheduled(R"(coulter 1
kernel small_slices

dim b
dim in
dim out
dim row = 4
dim col = 4
dim k = 4

input x: f32[b, in, row, col, out]
input s: f32[b, in, out]
input w: f32[in, k, col, out]

scaled: f32[b, in, out, row, col] =
    x * s + s * s * x

y: f32[b, in, row, k] =
    sum {out, col} scaled * w

output y

estimate b = 288, in = 16, out = 16
)");
    CHECK(contains(text, "stage scaled {\n  compute at y/b"));
}

TEST_CASE("what lies between gets the layout of the vectors that write and read it") {
    const std::string text = scheduled(R"(coulter 1
kernel poses

dim n
dim out
dim row = 4
dim in

input x: f32[n, in, row]
input w: f32[in, out] frozen

pose: f32[n, out, row] =
    sum {in} x * w

length: f32[n, out] =
    sum {row} pose * pose

y: f32[n, out] =
    sum {row} pose / length

output y

estimate n = 256, out = 64, in = 64
)");
    CHECK(contains(text, "layout n row out"));
}

TEST_CASE("where large inputs would be read for each index, an iteration covers several") {
    const std::string text = scheduled(layers);
    CHECK(contains(text, "reorder m.i b.i m.o b.o"));
}

namespace {

/// Two dense layers, of which the first one's `weight` is larger than the second cache and `first` is what it sums.
std::string dense(const std::string& batch) {
    return R"(coulter 1
kernel dense

dim b
dim k = 512
dim m = 1024
dim n = 784

input x: f32[b, k]
input v: f32[k, m] frozen
input w: f32[m, n] frozen

hidden: f32[b, m] =
    sum {k} x * v

active: f32[b, m] =
    max(hidden, 0.0)

y: f32[b, n] =
    sum {m} active * w

output y

estimate b = )" +
           batch + "\n";
}

} // namespace

TEST_CASE("weights are fetched beside the arithmetic that they are for, so that a layer stays with its reader") {
    const std::string text = scheduled(dense("128"));
    CHECK(contains(text, "stage active {\n  compute at y/b.o "));
    // Without arithmetic to hide it, fetching them for each block of rows would take most of the time.
    CHECK(contains(scheduled(dense("4")), "stage active {\n  compute root "));
}

TEST_CASE("what an inlined tuple reads is computed for the readers of all its components") {
    const std::string text = scheduled(R"(coulter 1
kernel pairs

dim n
dim k

input x: f32[n, k]

a: f32[n] =
    sum {k} x

b: f32[n] =
    max {k} x

pair: (f32, f32)[n] =
    (a, b)

y: f32[n, k] =
    x - pair.0

z: f32[n, k] =
    x * pair.1

output y, z

estimate n = 4096, k = 4096
)",
                                       {{"keep of pair", "inline"}, {"join of y", "no"}});
    CHECK(contains(text, "stage pair { compute inline }"));
    CHECK(contains(text, "stage a {\n  compute root "));
}

TEST_CASE("stages choose their own lanes where nothing is gained by the same ones") {
    schedule::DecisionLog log;
    const std::string text = scheduled(dense("128"), {}, &log);
    CHECK(text == scheduled(dense("128"), {{"lanes of *", "-"}}));
    CHECK(text != scheduled(dense("128"), {{"lanes of *", "b"}}));
    const std::vector<Decision> all = log.all();
    const auto found = std::ranges::find(all, "lanes of *", &Decision::name);
    REQUIRE(found != all.end());
    CHECK(found->words == std::vector<std::string>{"b", "m", "-"});
}

TEST_CASE("long expressions are not unrolled for the loads that they share") {
    const auto pool = [](const std::string& value) {
        return scheduled("coulter 1\nkernel pool\n\ndim n\ndim y = extent(iy) / 2\ndim iy\ndim c = 64\ndim k = 2\n\n"
                         "input x: f32[n, iy, c]\ninput g: f32[c]\ninput b: f32[c]\n\ns: f32[n, y, c] =\n    sum {k} " +
                         value + "\n\noutput s\n\nestimate n = 64, iy = 32\n");
    };
    const std::string read = "x(iy = 2 * y + k) * g + b";
    CHECK(contains(pool(read), "what is loaded once serves several results"));
    CHECK(lacks(pool("erf(" + read + ")"), "what is loaded once serves several results"));
}

TEST_CASE("a reduction that one reader can write out is computed again for another that needs little of it") {
    const std::string text = scheduled(R"(coulter 1
kernel offsets

dim n
dim c
dim p
dim k = 4

input x: f32[n, c, k]
input w: f32[c, p, k] frozen

votes: f32[n, c, p] =
    sum {k} x * w

anchor: f32[n, p] =
    tanh(votes(c = 0))

offset: f32[n, c, p] =
    exp(votes - anchor)

mean: f32[n, p] =
    sum {c} offset

y: f32[n, p] =
    sum {c} (offset - mean) * (offset - mean)

output y

estimate n = 16, c = 2048, p = 256
)");
    CHECK(contains(text, "clone votes for anchor as votes.again"));
}

TEST_CASE("a task is long enough to be worth handing out") {
    const std::string map =
        "coulter 1\nkernel m\n\ndim n\n\ninput x: f32[n]\n\ny: f32[n] =\n    x + 1.0\n\noutput y\n\n";
    CHECK(contains(scheduled(map + "estimate n = 100000000\n"), "# a task that is worth handing out"));
    CHECK(scheduled(layers).find("worth handing out") == std::string::npos);
}

TEST_CASE("short reduced loops are unrolled") {
    const std::string pool =
        "coulter 1\nkernel pool\n\ndim x = extent(ix) / 2\ndim ix\ndim c\ndim kx = 2\n\ninput v: f32[ix, c]\n\n"
        "y: f32[x, c] =\n    max {kx} v(ix = 2 * x + kx)\n\noutput y\n\nestimate ix = 512, c = 64\n";
    CHECK(has_match(scheduled(pool), "unroll [^#\n]*kx"));
}
