// What Halide makes of a lowered kernel, where its text shows what the lowering promises about the loops.

#include "run.hpp"

#include <doctest/doctest.h>

using namespace coulter::test;

namespace {

int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
        ++found;
    }
    return found;
}

std::string halide(const std::string& kernel, const std::string& schedule, const std::string& target = "x86-64-avx2") {
    const Folder folder;
    folder.write("k.coulter", kernel);
    folder.write("k.sched", schedule);
    const Ran ran = folder.coulter({"show", "k.coulter", "k.sched", "--as", "halide", "--target", target});
    CHECK(ran.err == "");
    CHECK(ran.code == 0);
    return ran.out;
}

const char* const sums = R"(coulter 1
kernel sums

dim i
dim k

input x: f32[i, k]

both: (f32, f32)[i] =
    reduce {k} (x * x, x * 3.0)
    identity (0.0, 0.0)
    combine (left.0 + right.0, COMBINE)

result: f32[i] =
    max(both.0, both.1)

output result
)";

std::string sums_with(const std::string& combine) {
    std::string text = sums;
    return text.replace(text.find("COMBINE"), 7, combine);
}

const char* const moments = R"(coulter 1
kernel moments

dim i
dim k

input w: f32[i, k]
input x: f32[i, k]

both: (f32, f32)[i] =
    reduce {k} (w * x, w * x * x)
    identity (0.0, 0.0)
    combine (left.0 + right.0, left.1 + right.1)

highest: f32[i] =
    max {k} x

spread: f32[i] =
    both.1 - both.0

output spread
output highest
)";

const char* const steps = R"(coulter 1
kernel steps

dim n

input x: f32[n]

half: f32[n] =
    x * 0.5

twice: f32[n] =
    half + half

output twice
)";

} // namespace

TEST_CASE("plain sums in a reduction over tuples are relaxed as sums are") {
    const std::string body = "stage both { compute root }\nstage result { compute root }\n";
    const std::string relaxed = halide(sums_with("left.1 + right.1"), "schedule sums\n" + body);
    CHECK(count(relaxed, "strict_add") == 0);
    CHECK(count(relaxed, "strict_mul") == 0);
    const std::string exact = halide(sums_with("left.1 + right.1"), "schedule sums\nnumerics exact\n" + body);
    CHECK(count(exact, "strict_add") == 2);
    CHECK(count(exact, "strict_mul") == 2);
}

TEST_CASE("a product that two sums share is computed once where the processor adds beside it") {
    const std::string body = "schedule moments\nstage both { compute root }\n";
    const std::string fused = "w[both.s1.k"; // a factor of the first sum, in its update
    for (const char* const target : {"x86-64-avx512", "x86-64-avx512_sapphirerapids"}) {
        const std::string text = halide(moments, body, target);
        CHECK(count(text, "strict_mul") == 1); // inside of w * x * x
        CHECK(count(text, "+ (" + fused) == 1);
    }
    const std::string text = halide(moments, body, "x86-64-avx512_zen4");
    CHECK(count(text, "strict_mul") == 2); // LLVM sees that they are one
    CHECK(count(text, "+ (" + fused) == 0);
    CHECK(count(halide(moments, body + "numerics exact\n", "x86-64-avx512_zen4"), "+ (" + fused) == 0);
}

TEST_CASE("lanes of a maximum meet as integers, but under exact") {
    const std::string body = "schedule moments\nstage highest { vectorize k by 8 }\n";
    CHECK(count(halide(moments, body),
                "max(slice_vectors(highest_half4[ramp(0, 1, 4)], 0, 1, 2), slice_vectors(highest_half4[") == 1);
    CHECK(count(halide(moments, body + "numerics exact\n"), "max(highest_half") == 0);
}

TEST_CASE("lanes of a sum meet in halves, those of a whole dim too") {
    const char* const kernel = R"(coulter 1
kernel projections

dim i
dim lane = 8

input a: f32[i, lane]
input b: f32[lane]

c: f32[i] =
    sum {lane} a * b

output c

estimate i = 64
)";
    const std::string schedule = "schedule projections\n";
    for (const char* const loops :
         {"stage c { vectorize lane }\n", "stage c { vectorize lane by 8 }\n",
          "stage c { split lane by 8; vectorize lane.i }\n",
          "stage s = accumulate c\nstage s { compute at c/i; store in registers; vectorize lane }\n"}) {
        CAPTURE(std::string(loops));
        const std::string text = halide(kernel, schedule + loops);
        CHECK(count(text, "half4[ramp(0, 1, 4)], 0, 1, 2) + slice_vectors(") == 1);
        CHECK(count(text, "lanes[7]") == 0);
    }
    // Unrolled by hand and not held in lanes: one after the other, as the schedule says.
    const std::string serial = halide(kernel, schedule + "stage c { unroll lane }\n");
    CHECK(count(serial, "half") == 0);
}

TEST_CASE("a sum that another component looks at stays strict") {
    const std::string text = halide(sums_with("max(left.0, right.0) + (left.1 + right.1)"),
                                    "schedule sums\nstage both { compute root }\nstage result { compute root }\n");
    CHECK(count(text, "strict_add") >= 2);
}

TEST_CASE("vectors of stages inside have no rest, and a predicated tail no loop of its own") {
    const std::string half = "schedule steps\nstage half { compute root; split n by 8; vectorize n.i }\n";
    const std::string guarded = halide(steps, half + "stage twice { split n by 8; vectorize n.i }\n");
    const std::size_t begin = guarded.find("produce half");
    const std::string of_half = guarded.substr(begin, guarded.find("produce twice") - begin);
    CHECK(count(of_half, "if (") == 0);
    CHECK(count(of_half, "predicate") == 0);
    CHECK(count(guarded, "for (twice.s0.n.n.o") == 2);
    const std::string predicated = halide(steps, half + "stage twice { split n by 8 tail predicate; vectorize n.i }\n");
    CHECK(count(predicated, "for (twice.s0.n.n.o") == 1);
}
