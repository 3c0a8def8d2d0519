// Stages computed in loops that are fused, and in fused loops of those.

#include "cases.hpp"
#include "forked.hpp"
#include "schedule/rewrite_kernels.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;
using ir::ReduceOp;
using ir::Ref;

namespace {

using Extents = std::map<std::string, std::int64_t>;

/// `g(w, z, y, x) = f(w, z, y, x)^2 - f(w, z, y, x)`, `f` a map; `fixed`: constant extents of some dims.
ir::Kernel grid(const Extents& fixed = {}) {
    KernelBuilder b("grid");
    const std::vector<std::string> dims{"w", "z", "y", "x"};
    for (const std::string& dim : dims) {
        const auto size = fixed.find(dim);
        b.dim(dim, size == fixed.end() ? std::nullopt : std::optional(size->second));
    }
    b.input("image", Type::i32, dims);
    b.map("f", dims, {b.read("image") * ir::integer_constant(Type::i32, 3) + ir::integer_constant(Type::i32, 1)});
    b.map("g", dims, {b.read("f") * b.read("f") - b.read("f")});
    return b.outputs({"g"});
}

/// A product of matrices for each head of each of a batch, with something done to the sums.
ir::Kernel products() {
    KernelBuilder b("products");
    b.dim("n").dim("h").dim("i").dim("j").dim("k");
    b.input("a", Type::i32, {"n", "h", "i", "k"}).input("b", Type::i32, {"n", "h", "k", "j"});
    b.reduce("c", {"n", "h", "i", "j"}, ReduceOp::sum, {"k"}, {b.read("a") * b.read("b")});
    b.map("y", {"n", "h", "i", "j"}, {b.read("c") * b.read("c") + ir::integer_constant(Type::i32, 1)});
    return b.outputs({"y"});
}

/// The smallest of eight numbers.
ir::Kernel smallest() {
    KernelBuilder b("smallest");
    b.dim("z").dim("y").dim("x").dim("k", 8).input("image", Type::f32, {"z", "y", "x", "k"});
    b.reduce("least", {"z", "y", "x"}, ReduceOp::min, {"k"}, {b.read("image")});
    return b.outputs({"least"});
}

struct Nest {
    std::string loops;               ///< directives on the loops of the reader
    std::vector<std::string> places; ///< loops for the producer
};

/// Each nest of `reader` with each of its places for `producer`, at each of the extents.
void add(std::vector<Case>& cases, const ir::Kernel& kernel, const std::string& producer, const std::string& reader,
         const std::vector<Nest>& nests, const std::vector<Extents>& extents) {
    for (const Nest& nest : nests) {
        for (const std::string& place : nest.places) {
            for (const Extents& each : extents) {
                Case test;
                test.kernel = kernel;
                test.schedule = "schedule " + kernel.name + "\nstage " + producer + " { compute at " + reader + "/" +
                                place + " }\nstage " + reader + " { " + nest.loops + " }\n";
                test.extents = each;
                test.seed = cases.size() + 1;
                test.name = kernel.name + "_" + std::to_string(cases.size() + 1);
                INFO(test.schedule);
                REQUIRE(is_accepted(test));
                cases.push_back(std::move(test));
            }
        }
    }
}

void expect_passed(const std::vector<Case>& cases) {
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " cases, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

/// Sizes that 2, 3 and 4 do not divide, and an end where one dim is all there is.
const std::vector<Extents> odd_sizes{{{"w", 2}, {"z", 5}, {"y", 3}, {"x", 7}},
                                     {{"w", 3}, {"z", 1}, {"y", 5}, {"x", 1}},
                                     {{"w", 1}, {"z", 7}, {"y", 1}, {"x", 5}}};

} // namespace

TEST_CASE("a stage computed at and in a fused loop of two loops") {
    std::vector<Case> cases;
    add(cases, grid(), "f", "g",
        {{"fuse x y as a", {"a"}},
         {"split x by 4; fuse x.o y as a", {"a", "x.i"}},
         {"split x by 4 tail predicate; split y by 2; reorder x.i y.i x.o y.o; fuse x.o y.o as a; vectorize x.i; "
          "parallel a",
          {"a", "y.i"}},
         {"fuse x y as a; split a by 4; split z by 2", {"a.o", "a.i", "z.i"}},
         {"fuse x y as a; split a by 4 tail predicate; reorder a.o a.i", {"a.o", "a.i"}},
         {"fuse y z as a; unroll x by 3; parallel a", {"a", "x.o"}}},
        odd_sizes);
    expect_passed(cases);
}

TEST_CASE("a stage computed at and in a fused loop of a fused loop") {
    std::vector<Case> cases;
    add(cases, grid(), "f", "g",
        {{"fuse x y as a; fuse a z as b", {"b"}},
         {"fuse y z as a; fuse x a as b", {"b"}},
         {"fuse y z as a; fuse a w as b", {"b", "x"}},
         {"fuse z w as a; fuse y a as b; vectorize x by 4; parallel b", {"b", "x.o"}},
         {"split x by 4; fuse x.o y as a; fuse a z as b; vectorize x.i; parallel b", {"b"}},
         {"split x by 4 tail predicate; fuse x.o y as a; fuse a z as b; vectorize x.i", {"b"}},
         {"split x by 4; split y by 2; reorder x.i y.i x.o y.o z w; fuse x.o y.o as a; fuse a z as b; unroll y.i",
          {"b", "y.i", "x.i"}},
         {"fuse x y as a; fuse a z as b; split b by 4", {"w", "b.o", "b.i"}},
         {"fuse x y as a; fuse a z as b; split b by 4 tail predicate; parallel b.o", {"b.o", "b.i"}},
         {"fuse x y as a; split a by 4; fuse a.o z as b", {"b", "a.i"}},
         {"fuse x y as a; split a by 4; reorder a.o a.i; fuse a.o a.i as b; fuse b z as c", {"c"}},
         {"fuse x y as a; fuse z w as b; reorder b a", {"a", "b"}}},
        odd_sizes);
    expect_passed(cases);
}

TEST_CASE("a stage computed at and in three levels of fused loops") {
    std::vector<Case> cases;
    add(cases, grid(), "f", "g",
        {{"fuse x y as a; fuse a z as b; fuse b w as c", {"c"}},
         {"fuse z w as a; fuse y a as b; fuse x b as c; parallel c", {"c"}},
         {"fuse x y as a; fuse z w as b; fuse a b as c", {"c"}},
         {"fuse x y as a; fuse z w as b; fuse a b as c; split c by 3; split c.o by 2 tail predicate",
          {"c.o.o", "c.o.i", "c.i"}},
         {"split x by 4; fuse x.o y as a; fuse a z as b; fuse b w as c; vectorize x.i; parallel c", {"c"}},
         {"split x by 4; split y by 3 tail predicate; reorder x.i y.i x.o y.o z w; fuse x.o y.o as a; fuse a z as b; "
          "fuse b w as c",
          {"c", "y.i", "x.i"}}},
        odd_sizes);
    expect_passed(cases);
}

TEST_CASE("fused loops of fused loops over constant extents, with the tails that these allow") {
    std::vector<Case> cases;
    const Extents rest{{"w", 3}, {"z", 2}};
    add(cases, grid({{"y", 6}, {"x", 8}}), "f", "g",
        {{"split x by 4 tail round_up; fuse x.o y as a; fuse a z as b", {"b", "x.i"}},
         {"split x by 4 tail round_up; split y by 3 tail round_up; reorder x.i y.i x.o y.o z w; fuse x.o y.o as a; "
          "fuse z w as b; fuse a b as c; vectorize x.i; unroll y.i; parallel c",
          {"c"}},
         {"fuse x y as a; fuse a z as b; split b by 5", {"b.o", "b.i"}}},
        {rest});
    add(cases, grid({{"y", 7}, {"x", 7}}), "f", "g",
        {{"split x by 4 tail shift; fuse x.o y as a; fuse a z as b; vectorize x.i", {"b"}},
         {"split x by 4 tail shift; split y by 3 tail shift; reorder x.i y.i x.o y.o z w; fuse x.o y.o as a; "
          "fuse a z as b; fuse b w as c",
          {"c", "y.i", "x.i"}}},
        {rest});
    expect_passed(cases);
}

TEST_CASE("memory that outlives the loop in which it is filled, at fused loops of fused loops") {
    std::vector<Case> cases;
    for (const char* body :
         {"stage f { compute at g/x.i; store at g/b }\nstage g { split x by 4; fuse x.o y as a; fuse a z as b }\n",
          "stage f { compute at g/b; store at g/w }\nstage g { fuse x y as a; fuse a z as b }\n",
          "stage f { compute at g/b; store root }\nstage g { fuse y z as a; fuse a w as b; vectorize x by 4 }\n"}) {
        for (const Extents& each : odd_sizes) {
            Case test;
            test.kernel = grid();
            test.schedule = std::string("schedule grid\n") + body;
            test.extents = each;
            test.seed = cases.size() + 1;
            test.name = "stored_" + std::to_string(cases.size() + 1);
            INFO(test.schedule);
            REQUIRE(is_accepted(test));
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

TEST_CASE("sums, tiles in registers and chains of stages in fused loops of fused loops") {
    std::vector<Case> cases;
    const std::vector<Extents> sizes{{{"n", 2}, {"h", 3}, {"i", 5}, {"j", 9}, {"k", 4}},
                                     {{"n", 3}, {"h", 1}, {"i", 1}, {"j", 3}, {"k", 1}}};
    add(cases, products(), "c", "y",
        {{"fuse j i as a; fuse a h as b", {"b"}},
         {"fuse i h as a; fuse a n as b; parallel b", {"b", "j"}},
         {"split j by 4; fuse j.o i as a; fuse a h as b; fuse b n as t; parallel t; vectorize j.i", {"t"}}},
        sizes);
    for (const char* body :
         {"stage c.acc = accumulate c at c/t in registers\nstage c.acc { reorder j i k; vectorize j; unroll i }\n"
          "stage c { compute root; split j by 4; split i by 2; reorder j.i i.i j.o i.o h n; fuse j.o i.o as a; fuse a "
          "h as b; "
          "fuse b n as t; vectorize j.i; unroll i.i; parallel t }\n",
          "stage c.acc = accumulate c at c/b in registers\nstage b.rows = copy b for c.acc at c/b\n"
          "stage c { compute root; fuse j i as a; fuse a h as b }\n",
          "stage c.acc = accumulate c at c/j.o\nstage c.acc { vectorize j; reorder j i k }\n"
          "stage c { compute at y/b; split j by 4; vectorize j.i }\nstage y { fuse i h as a; fuse a n as b; parallel b "
          "}\n",
          // the reader of what is placed reduces, and is updated in fused loops
          "stage b.panel = pack b by j 4 per call\nstage b.panel { compute at c/b }\n"
          "stage c { compute root; reorder k j i h n; fuse i h as a; fuse a n as b; parallel b }\n"}) {
        for (const Extents& each : sizes) {
            Case test;
            test.kernel = products();
            test.schedule = std::string("schedule products\n") + body;
            test.extents = each;
            test.seed = cases.size() + 1;
            test.name = "tiles_" + std::to_string(cases.size() + 1);
            INFO(test.schedule);
            REQUIRE(is_accepted(test));
            cases.push_back(std::move(test));
        }
    }
    for (const Extents& each : std::vector<Extents>{{{"z", 2}, {"y", 3}, {"x", 5}}, {{"z", 5}, {"y", 1}, {"x", 3}}}) {
        Case test; // halves of the eight are made in the innermost loop
        test.kernel = smallest();
        test.schedule = "schedule smallest\nstage least { vectorize k by 8; fuse x y as a; fuse a z as b }\n";
        test.extents = each;
        test.seed = cases.size() + 1;
        test.name = "halves_" + std::to_string(cases.size() + 1);
        INFO(test.schedule);
        REQUIRE(is_accepted(test));
        cases.push_back(std::move(test));
    }
    expect_passed(cases);
}
