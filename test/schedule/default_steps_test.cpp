// Reductions that go by steps: segments of results, and few results over much data.

#include "default_support.hpp"

#include <fmt/core.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// The gradient by the elements of a sparse matrix: each row has a segment of them. `asked`: what bounds it.
std::string segments(const std::string& asked) {
    return fmt::format(R"(coulter 1
kernel segments

dim node
dim edge
dim c

input start: i32[node]
input last: i32[edge]
input g: f32[node, c]
input x: f32[edge, c]

w: f32[edge] =
    sum {{node, c where {}}} g * x

output w

estimate node = 1024, edge = 8192, c = 64
)",
                       asked);
}

/// The gradient by the weights of a depthwise convolution: few results over an image of that size.
std::string taps(std::int64_t size) {
    return fmt::format(R"(coulter 1
kernel taps

dim n
dim y
dim x
dim iy
dim ix
dim ky = 7
dim kx = 7
dim c

input image: f32[n, iy, ix, c]
input g: f32[n, y, x, c]

w: f32[ky, kx, c] =
    sum {{n, y, x}} g * clamped(image(iy = y + ky, ix = x + kx))

output w

estimate n = 64, y = {0}, x = {0}, iy = {0}, ix = {0}, c = 64
)",
                       size);
}

} // namespace

TEST_CASE("where each step has a segment of the results, the loop over these is inside of the steps") {
    const std::string text = scheduled(segments("edge >= index(start) && edge < index(start) + 4"));
    CHECK(contains(text, "rfactor w: node as w.step"));
    CHECK(contains(text, "reorder edge.i node edge.o"));
    CHECK(contains(text, "compute at w/edge.i"));
    CHECK(contains(text, "parallel edge.o"));
    CHECK(lacks(scheduled(segments("edge >= index(start) && edge < index(start) + 4"), {{"steps of w", "no"}}),
                "rfactor"));
    // Data that bound the reduced loop for each result do no such thing.
    CHECK(lacks(scheduled(segments("node >= index(last)")), "rfactor"));
    CHECK(lacks(scheduled(segments("node >= edge")), "rfactor"));
}

TEST_CASE("several rows of a scatter share what it reads along its vectors") {
    const auto rows = [](std::int64_t count) {
        return scheduled(fmt::format(R"(coulter 1
kernel rows

dim n
dim e
dim i
dim o

input x: f32[n, i]
input g: f32[n, o]
input which: i32[n]

w: f32[e, i, o] =
    sum {{n}} into (e = min(max(index(which), 0), extent(e) - 1)) g * x

output w

estimate n = 4096, e = 16, i = {}, o = 256
)",
                                     count));
    };
    CHECK(contains(rows(256), "split i by 8"));
    CHECK(contains(rows(256), "reorder o.i i.i n o.o i.o"));
    CHECK(contains(rows(256), "unroll i.i"));
    CHECK(lacks(rows(8), "split i"));
}

TEST_CASE("few results over much data go by steps that stay in the cache") {
    const std::string large = scheduled(taps(64));
    CHECK(contains(large, "rfactor w: "));
    CHECK(contains(large, ".step"));
    CHECK(contains(large, "all results of a step, then those of the next"));
    CHECK(lacks(scheduled(taps(8)), "rfactor")); // all of it lies in the cache
    CHECK(lacks(scheduled(taps(64), {{"steps of w", "no"}}), "rfactor"));
}
