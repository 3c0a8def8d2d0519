// Where default schedules compute stages, how often, and in which layout.

#include "default_support.hpp"

#include "coulter/schedule/padding.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <regex>

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
    CHECK(std::regex_search(scheduled(pool), std::regex("unroll [^#\n]*kx")));
}

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
