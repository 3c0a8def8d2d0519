// Bytes that a call moves between levels, against counts made by hand.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/traffic.hpp"
#include "coulter/text.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;

namespace {

const std::string product = R"(coulter 1
kernel product

dim i
dim j
dim k

input a: f32[i, k]
input b: f32[k, j]

c: f32[i, j] =
    sum {k} a * b

output c
)";

const std::string twice = R"(coulter 1
kernel twice

dim i
dim j

input x: f32[i, j]

t: f32[i, j] =
    x * x

y: f32[i, j] =
    t + 1.0

output y
)";

const Target avx512{"x86-64-avx512", 64, 32, "", Device::none};

Traffic traffic_of(const std::string& kernel, const std::string& schedule,
                   const std::map<std::string, std::int64_t>& extents, const Machine& machine, int threads = 1) {
    const ParseResult parsed = parse(kernel, "k.coulter");
    REQUIRE(parsed.kernel);
    const CheckResult checked =
        check_texts(*parsed.kernel, {{"k.sched", "schedule " + parsed.kernel->name + "\n" + schedule}}, CheckOptions{});
    REQUIRE_MESSAGE(checked.ok(), render(checked.diagnostics, {{"k.sched", schedule}}));
    return traffic(*checked.plan, extents, machine, avx512, threads);
}

TensorTraffic of(const Traffic& traffic, const std::string& tensor) {
    for (const TensorTraffic& each : traffic.tensors) {
        if (each.name == tensor) {
            return each;
        }
    }
    TensorTraffic none;
    none.name = tensor;
    return none;
}

/// Caches that keep so many bytes for one thread.
Machine caches(double l1, double l2, double l3) {
    Machine machine;
    machine.l1_bytes = 2 * l1;
    machine.l2_bytes = 2 * l2;
    machine.l3_bytes = 2 * l3;
    return machine;
}

constexpr std::size_t registers = 0;
constexpr std::size_t l1 = 1;
constexpr std::size_t l3 = 3;

} // namespace

TEST_CASE("what fits moves once, however it is scheduled") {
    for (const char* const schedule : {"stage c { reorder j i k }\n", "stage c { reorder k j i; parallel i }\n",
                                       "stage c { split j by 16; vectorize j.i; split i by 4; unroll i.i }\n",
                                       "stage c.acc = accumulate c\nstage c { split j by 16; reorder j.i i j.o }\n"
                                       "stage c.acc { compute at c/j.o; reorder j i k; vectorize j }\n"}) {
        CAPTURE(schedule);
        const Traffic all = traffic_of(product, schedule, {{"i", 32}, {"j", 48}, {"k", 16}}, Machine{}, 2);
        CHECK(of(all, "a").in[l3] == 32 * 16 * 4);
        CHECK(of(all, "b").in[l3] == 16 * 48 * 4);
        CHECK(of(all, "c").in[l3] == 0);
        CHECK(of(all, "c").out[l3] == 32 * 48 * 4);
        CHECK(all.bytes(Level::l3) == 4 * (32 * 16 + 16 * 48 + 32 * 48));
        CHECK(of(all, "a").argument);
        CHECK(of(all, "c").argument);
    }
}

TEST_CASE("what does not fit moves in every iteration of the loop around it") {
    // A row of a and c fits beside what is used of b, all of b does not.
    const std::string schedule = "stage c { reorder j k i; serial i }\nstage c.init { reorder j i }\n";
    const Traffic all = traffic_of(product, schedule, {{"i", 32}, {"j", 64}, {"k", 64}}, caches(1024, 1024, 1024));
    CHECK(of(all, "b").in[l3] == 32 * 64 * 64 * 4); // 16 kB for each i
    CHECK(of(all, "a").in[l3] == 32 * 64 * 4);
    // A row of c stays while all k are added to it.
    CHECK(of(all, "c").in[l3] == 32 * 64 * 4);
    CHECK(of(all, "c").out[l3] == 2 * 32 * 64 * 4); // by the initialisation too
    // With room for b it moves once.
    const Traffic once = traffic_of(product, schedule, {{"i", 32}, {"j", 64}, {"k", 64}}, caches(1024, 1024, 40000));
    CHECK(of(once, "b").in[l3] == 64 * 64 * 4);
    CHECK(of(once, "b").in[l1] == 32 * 64 * 64 * 4);
}

TEST_CASE("registers keep a tile over the reduced loops, and nothing that a serial loop moves") {
    const std::string schedule =
        "stage c.acc = accumulate c\n"
        "stage c { split j by 32; split i by 4; reorder j.i i.i j.o i.o }\n"
        "stage c.acc { compute at c/j.o; store in registers; reorder j i k; vectorize j by 16; "
        "unroll j.o; unroll i }\n"
        "stage c.acc.init { vectorize j by 16; unroll j.o; unroll i }\n";
    const Traffic all = traffic_of(product, schedule, {{"i", 16}, {"j", 64}, {"k", 100}}, Machine{});
    // Four rows of a are read for each of two columns of tiles, 32 columns of b for each of four rows of tiles.
    CHECK(of(all, "a").in[registers] == 2 * 16 * 100 * 4);
    CHECK(of(all, "b").in[registers] == 4 * 64 * 100 * 4);
    CHECK(of(all, "c.acc").in[registers] + of(all, "c.acc").out[registers] == 0);
    CHECK(of(all, "c").out[registers] == 16 * 64 * 4);
    CHECK(of(all, "c").in[registers] == 0);
}

TEST_CASE("what lives and dies inside an iteration that fits does not leave the cache") {
    const std::map<std::string, std::int64_t> extents{{"i", 512}, {"j", 256}};
    const std::string inside = "stage t { compute at y/i }\nstage y { reorder j i }\n";
    const Traffic near = traffic_of(twice, inside, extents, caches(16384, 65536, 65536));
    CHECK(of(near, "t").in[l1] + of(near, "t").out[l1] == 0);
    CHECK(near.bytes(Level::l3) == 2 * 512 * 256 * 4);
    // At root it is written, and read again.
    const Traffic far = traffic_of(twice, "stage t { compute root }\n", extents, caches(16384, 65536, 65536));
    CHECK(of(far, "t").out[l3] == 512 * 256 * 4);
    CHECK(of(far, "t").in[l3] == 512 * 256 * 4);
    CHECK_FALSE(of(far, "t").argument);
    // A row of t does not fit.
    const Traffic narrow = traffic_of(twice, inside, extents, caches(1024, 65536, 65536));
    CHECK(of(narrow, "t").out[l1] == 512 * 256 * 4);
    CHECK(of(narrow, "t").in[l1] == 512 * 256 * 4);
}

TEST_CASE("tiles of a packed tensor count as what they are") {
    const std::string kernel = product.substr(0, product.find("input b: f32[k, j]")) + "input b: f32[k, j] frozen" +
                               product.substr(product.find("input b: f32[k, j]") + 18);
    const std::string schedule = "stage b.packed = pack b by j 16 once\nstage c.acc = accumulate c\n"
                                 "stage c { split j by 16; reorder j.i j.o i }\n"
                                 "stage c.acc { compute at c/j.o; store in registers; reorder j i k; vectorize j }\n";
    const Traffic all = traffic_of(kernel, schedule, {{"i", 8}, {"j", 64}, {"k", 100}}, caches(8192, 8192, 1 << 20));
    CHECK(of(all, "b.packed").packed);
    // One of four tiles for each of four, for each row.
    CHECK(of(all, "b.packed").in[registers] == 8 * 64 * 100 * 4);
    CHECK(of(all, "b.packed").in[l3] == 64 * 100 * 4);
    CHECK(of(all, "b").in[l3] == 0); // it was packed before the call
    // The same for four rows at a time.
    const std::string rows =
        "stage b.packed = pack b by j 16 once\nstage c.acc = accumulate c\n"
        "stage c { split j by 16; split i by 4; reorder j.i i.i j.o i.o }\n"
        "stage c.acc { compute at c/j.o; store in registers; reorder j i k; vectorize j; unroll i }\n";
    const Traffic less = traffic_of(kernel, rows, {{"i", 8}, {"j", 64}, {"k", 100}}, caches(8192, 8192, 1 << 20));
    CHECK(of(less, "b.packed").in[registers] == 2 * 64 * 100 * 4);
}

TEST_CASE("threads bring what they share to their own caches") {
    const std::string schedule = "stage c { reorder j k i; parallel i }\nstage c.init { reorder j i; parallel i }\n";
    const std::map<std::string, std::int64_t> extents{{"i", 32}, {"j", 64}, {"k", 16}};
    const Machine machine = caches(16384, 16384, 1 << 20);
    CHECK(of(traffic_of(product, schedule, extents, machine, 1), "b").in[l1] == 16 * 64 * 4);
    // All of it fits one cache, but not with the rest of the call.
    const Machine less = caches(6000, 6000, 1 << 20);
    CHECK(of(traffic_of(product, schedule, extents, less, 1), "b").in[l1] == 16 * 64 * 4);
    CHECK(of(traffic_of(product, schedule, extents, less, 3), "b").in[l1] == 3 * 16 * 64 * 4);
    CHECK(of(traffic_of(product, schedule, extents, less, 3), "b").in[l3] == 16 * 64 * 4);
    // The last cache is shared: room for a third of it, and nothing twice.
    CHECK(traffic_of(product, schedule, extents, less, 3).capacity[l3] == (1 << 20) / 3.0);
    const Machine small = caches(600, 600, 6000);
    CHECK(of(traffic_of(product, schedule, extents, small, 1), "b").in[l3] == 16 * 64 * 4);
    CHECK(of(traffic_of(product, schedule, extents, small, 3), "b").in[l3] == 32 * 16 * 64 * 4);
    CHECK(of(traffic_of(product, schedule, extents, caches(600, 600, 18000), 3), "b").in[l3] == 16 * 64 * 4);
}

TEST_CASE("memory that each iteration uses again counts once") {
    const std::string kernel = R"(coulter 1
kernel batched

dim b
dim i
dim j

input x: f32[i, j]
input s: f32[b]

t: f32[b, i, j] =
    x * s

y: f32[b, i, j] =
    t + x

output y
)";
    const double plane = 64 * 128 * 4;
    // A plane of x and one of y fit, and a row of t.
    const Traffic all = traffic_of(kernel, "stage t { compute at y/i }\nstage y { reorder j i b }\n",
                                   {{"b", 10}, {"i", 64}, {"j", 128}}, caches(2048, 2048, 2.5 * plane));
    CHECK(of(all, "x").in[l3] == plane);
    CHECK(of(all, "t").in[l3] + of(all, "t").out[l3] == 0);
    const Traffic whole = traffic_of(kernel, "stage t { compute at y/b }\nstage y { reorder j i b }\n",
                                     {{"b", 10}, {"i", 64}, {"j", 128}}, caches(2048, 2048, 2.5 * plane));
    CHECK(of(whole, "x").in[l3] == 10 * 2 * plane); // by t and by y
}

TEST_CASE("no more moves than is read") {
    const std::string kernel = R"(coulter 1
kernel apart

dim i
dim j = 64

input x: f32[j]
input w: f32[i]

y: f32[i] =
    x(j = 7 * i % 64) * w

output y
)";
    CHECK(of(traffic_of(kernel, "stage y { unroll i by 2 }\n", {{"i", 8}}, Machine{}), "x").in[l3] == 8 * 4);
    CHECK(of(traffic_of(kernel, "stage y { unroll i by 2 }\n", {{"i", 800}}, Machine{}), "x").in[l3] == 64 * 4);
}

TEST_CASE("what loops do not move stays while they run, and registers slide over nothing") {
    // A row of c, and one of b for each k: eight of those do not fit beside it.
    const std::string schedule = "stage c { split k by 8; reorder j k.i k.o i }\nstage c.init { reorder j i }\n";
    const Traffic all = traffic_of(product, schedule, {{"i", 32}, {"j", 256}, {"k", 64}}, caches(4096, 4096, 4096));
    CHECK(of(all, "c").in[l3] == 32 * 256 * 4);
    CHECK(of(all, "c").in[registers] == 32 * 64 * 256 * 4);
    CHECK(of(all, "b").in[l3] == 32 * 64 * 256 * 4);

    const std::string kernel = R"(coulter 1
kernel neighbours

dim i
dim j

input x: f32[j]

y: f32[i] =
    x(j = i) + x(j = i + 1)

output y
)";
    const Traffic slid = traffic_of(kernel, "stage y { serial i }\n", {{"j", 4001}}, caches(1024, 1024, 1024));
    CHECK(of(slid, "x").in[l1] == 4001 * 4);
    CHECK(of(slid, "x").in[registers] == 2 * 4000 * 4);
    const Traffic tiled = traffic_of(kernel, "stage y { unroll i by 10 }\n", {{"j", 4001}}, caches(1024, 1024, 1024));
    CHECK(of(tiled, "x").in[registers] == 11 * 400 * 4);
}
