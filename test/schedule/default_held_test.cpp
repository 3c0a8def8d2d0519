// Inputs that default schedules copy with their padding, where, and for how long.

#include "default_support.hpp"

#include "coulter/schedule/padding.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// A convolution of `width` positions in a row, of which a tile has 14; `read` is what it reads of the image.
std::string convolution(int width, const std::string& read, const std::string& more = "") {
    return std::string(R"(coulter 1
kernel convolution

dim batch
dim y = extent(iy) - 2 + 2
dim iy
dim x = extent(ix) - 2 + 2
dim ix
dim ky = 3
dim kx = 3
dim in
dim out

input image: f32[batch, iy, ix, in]
input weight: f32[ky, kx, in, out] frozen
input row: i32[iy]

result: f32[batch, y, x, out] =
    sum {ky, kx, in} ()") +
           read + ") * weight\n\n" + (more.empty() ? "output result\n" : more) +
           "\nestimate batch = 8, iy = 56, ix = " + std::to_string(width) + ", in = 16, out = 16\n";
}

const std::string around = "padded(image(iy = y + ky - 1, ix = x + kx - 1), 0.0)";

/// Whether every copy in a schedule's plan does hold the padding.
bool holds(const std::string& text, int threads) {
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE(parsed.kernel);
    DefaultOptions options;
    options.vector_bytes = 64;
    options.vector_registers = 32;
    options.threads = threads;
    const std::string written = "schedule convolution\n" + default_schedule(*parsed.kernel, {}, options);
    const CheckResult checked = check_texts(*parsed.kernel, {{"k.sched", written}}, {});
    REQUIRE_MESSAGE(checked.ok(), written);
    const auto held = held_padding(*checked.plan);
    std::size_t copies = 0;
    for (const StagePlan& stage : checked.plan->stages) {
        if (stage.name.find(".held") != std::string::npos) {
            ++copies;
            CHECK(held.count(stage.name) == 1);
        }
    }
    return copies > 0;
}

} // namespace

TEST_CASE("an input is copied with its padding where many tiles lie at its ends") {
    const std::string few = scheduled(convolution(56, around));
    CHECK(contains(few, "stage image.held = copy image for result "));
    // In the loop of a task; not for all tasks, and not for every tile.
    CHECK(contains(few, "stage image.held {\n  compute at result/batch "));
    CHECK(holds(convolution(56, around), 2));
    CHECK(lacks(scheduled(convolution(560, around)), "held"));
    CHECK(lacks(scheduled(convolution(56, "clamped(image(iy = y + ky - 1, ix = x + kx - 1))")), "held"));
}

TEST_CASE("a copy does not take the loop of the tasks") {
    std::string one = convolution(56, around);
    one.replace(one.find("batch = 8"), 9, "batch = 1");
    one.replace(one.find("in = 16"), 7, "in = 64");
    const std::string text = scheduled(one);
    CHECK(contains(text, "stage image.held = copy image for result "));
    CHECK(contains(text, "parallel batch.y "));
}

namespace {

/// Windows of 3x3x3 over an image of so many planes of so many rows, each channel on its own.
std::string depthwise(int planes, int rows, int channels) {
    return fmt::format(R"(coulter 1
kernel depthwise

dim batch
dim z = extent(iz) - 2 + 2
dim iz
dim y = extent(iy) - 2 + 2
dim iy
dim x = extent(ix) - 2 + 2
dim ix
dim kz = 3
dim ky = 3
dim kx = 3
dim channel

input image: f32[batch, iz, iy, ix, channel]
input weight: f32[kz, ky, kx, channel] frozen

result: f32[batch, z, y, x, channel] =
    sum {{kz, ky, kx}} padded(image(iz = z + kz - 1, iy = y + ky - 1, ix = x + kx - 1), 0.0) * weight

output result

estimate batch = 1, iz = {}, iy = {}, ix = 112, channel = {}
)",
                       planes, rows, channels);
}

} // namespace

TEST_CASE("rows of which narrow tiles read a line here and there are copied once, and kept while windows slide") {
    const std::string text = scheduled(depthwise(16, 112, 64));
    CHECK(contains(text, "stage image.held = copy image for result "));
    CHECK(contains(text, "a tile would read a line here and there"));
    CHECK(contains(text, "compute at result/y "));
    CHECK(contains(text, "store at result/batch.z "));
    CHECK(contains(text, "parallel batch.z "));              // what is kept is one task's own
    CHECK(lacks(scheduled(depthwise(16, 112, 16)), "held")); // a tile is as wide as a row
    CHECK(lacks(scheduled(depthwise(2, 112, 64)), "held"));  // the image lies in a cache
}

TEST_CASE("an input is not copied where a copy could not hold the padding for all its reads") {
    const std::string at = "image(iy = y + ky - 1, ix = x + kx - 1)";
    for (const std::string& read :
         {around + " + padded(" + at + ", 1.0)", around + " + clamped(" + at + ")",
          std::string("padded(image(iy = index(row(iy = y)) + ky - 1, ix = x + kx - 1), 0.0)")}) {
        CAPTURE(read);
        CHECK_FALSE(holds(convolution(56, read), 2));
    }
}

TEST_CASE("a copy for a reduction that is cloned serves all clones") {
    const std::string more = "a: f32[batch, y, x, out] =\n    max(result, 0.0)\n\n"
                             "b: f32[batch, out] =\n    result(y = 0, x = 0) * 2.0\n\noutput a\noutput b\n";
    for (const int threads : {1, 2, 4, 8, 16}) {
        CAPTURE(threads);
        CHECK(holds(convolution(56, around, more), threads));
    }
}

TEST_CASE("a search decides whether an input is copied with its padding") {
    const std::string name = "padding of result";
    CHECK(lacks(scheduled(convolution(56, around), {{name, "asked"}}), "held"));
    DecisionLog log;
    CHECK(contains(scheduled(convolution(560, around), {{name, "held"}}, &log), "stage image.held = copy"));
    const std::vector<Decision> all = log.all();
    const auto found = std::find_if(all.begin(), all.end(), [&](const Decision& each) { return each.name == name; });
    REQUIRE(found != all.end());
    CHECK(found->weight > 0.5); // it is about nearly all of the kernel's time
}

namespace {

std::string product(const std::string& declared, int rows, int columns) {
    return "coulter 1\nkernel product\n\ndim i\ndim j\ndim k\n\ninput a: f32[i, k]\ninput b: f32[k, j]" + declared +
           "\n\nc: f32[i, j] =\n    sum {k} a * b\n\noutput c\n\nestimate i = " + std::to_string(rows) +
           ", j = " + std::to_string(columns) + ", k = 1024\n";
}

} // namespace

TEST_CASE("columns whose rows lie far apart are copied for the tiles that read them") {
    const std::string panels = scheduled(product("", 1024, 1024));
    CHECK(contains(panels, "stage b.panel = copy b for c "));
    CHECK(contains(panels, "stage b.panel {\n  compute at c/j.o"));
    CHECK(contains(panels, "parallel j.o"));
    CHECK(lacks(scheduled(product("", 12, 1024)), "panel"));  // few tiles read a panel
    CHECK(lacks(scheduled(product("", 1024, 512)), "panel")); // two rows on a page
    CHECK(lacks(scheduled(product(" frozen", 1024, 1024)), "panel"));
    CHECK(lacks(scheduled(product("", 1024, 1024), {{"panel of c", "read"}}), "panel"));
    CHECK(contains(scheduled(product("", 12, 1024), {{"panel of c", "copied"}}), "stage b.panel = copy b for c "));
}

TEST_CASE("tiles are in blocks where the rows of what they read, along the lanes, lie on pages of their own") {
    const std::string attention = R"(coulter 1
kernel attention

dim head
dim i
dim j
dim d
dim e

input q: f32[head, i, d]
input k: f32[head, j, d]
input v: f32[head, j, e]

s: f32[head, i, j] =
    sum {d} q * k

p: f32[head, i, j] =
    exp(s)

total: f32[head, i] =
    sum {j} p

o: f32[head, i, e] =
    sum {j} p * v

y: f32[head, i, e] =
    o / total

output y

estimate head = 12, i = 1024, j = 1024, d = 64, e = 64
)";
    const std::string text = scheduled(attention);
    CHECK(contains(text, "# what its tiles read of other stages stays in the cache"));
    CHECK(contains(text, "stage s {\n  compute at y/i.o"));
    // No cache is short of what a few keys take.
    std::string few = attention;
    few.replace(few.find("j = 1024"), 8, "j = 64");
    CHECK(lacks(scheduled(few), "split i.i by"));
    CHECK(lacks(scheduled(attention, {{"slices of y", "whole"}}), "split i.i by"));
}

TEST_CASE("a frozen input of a reduction that a map writes out is packed as well") {
    const std::string text = scheduled(R"(coulter 1
kernel layer

dim b
dim k
dim n

input x: f32[b, k]
input w: f32[n, k] frozen
input bias: f32[n]

sums: f32[b, n] =
    sum {k} x * w

y: f32[b, n] =
    sums + bias

output y

estimate b = 64, k = 256, n = 256
)");
    CHECK(contains(text, "stage w.packed = pack w by n"));
}

TEST_CASE("nothing is computed in a loop that alone leaves the threads of its reader without tasks") {
    const std::string images = R"(coulter 1
kernel images

dim b
dim i
dim m

input x: f32[b, m]
input w: f32[i, m]

t: f32[b, m] =
    tanh(x) * exp(x)

y: f32[b, i, m] =
    t * w

output y

estimate b = 1, i = 1024, m = 4096
)";
    CHECK(contains(scheduled(images), "stage t {\n  compute root"));
    std::string many = images;
    many.replace(many.find("b = 1,"), 6, "b = 64,");
    CHECK(contains(scheduled(many), "stage t {\n  compute at y/"));
}
