// Tiles that extents do not fill, borders of inputs, empty dims, and the schedules that Halide gets wrong.

#include "cases.hpp"
#include "forked.hpp"
#include "schedule/rewrite_kernels.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;
using ir::Op;
using ir::ReduceOp;
using ir::Ref;

namespace {

using Extents = std::map<std::string, std::int64_t>;

Ref d(const std::string& name) {
    return ir::dim_node(name);
}

void expect_passed(const std::vector<Case>& cases) {
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " cases, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

Case make(const ir::Kernel& kernel, const std::string& body, const Extents& extents, std::uint64_t seed = 1) {
    Case test;
    test.kernel = kernel;
    test.schedule = "schedule " + kernel.name + "\n" + body;
    test.extents = extents;
    test.seed = seed;
    test.name = kernel.name;
    for (const auto& [dim, extent] : extents) {
        test.name += "_" + dim + std::to_string(extent);
    }
    return test;
}

/// Each kernel text with each set of extents.
std::vector<Case> all_of(const ir::Kernel& kernel, const std::vector<std::string>& bodies,
                         const std::vector<Extents>& extents) {
    std::vector<Case> cases;
    for (const std::string& body : bodies) {
        for (const Extents& each : extents) {
            cases.push_back(make(kernel, body, each, cases.size() + 1));
            cases.back().name += "_" + std::to_string(cases.size());
        }
    }
    return cases;
}

/// Elements in a row of 3 stages, `g(x) = f(x) + f(x + 1)` with a padded end, as in halide21_wrong_results.cpp.
ir::Kernel two_stages(std::int64_t width) {
    KernelBuilder b("two_stages");
    b.dim("x", width).input("image", Type::i32, {"x"});
    const Ref three = ir::integer_constant(Type::i32, 3);
    const Ref one = ir::integer_constant(Type::i32, 1);
    b.map("f", {"x"}, {b.read("image") * three + one});
    b.map("g", {"x"}, {b.read("f") + b.padded("f", {{"x", d("x") + index(1)}}, one)});
    return b.outputs({"g"});
}

} // namespace

TEST_CASE("register tiles over extents that they do not divide") {
    const std::vector<std::string> bodies{
        "stage c.acc = accumulate c at c/j.o in registers\nstage c.acc { reorder j i k; vectorize j; unroll i }\n"
        "stage c { split j by 16; split i by 3; reorder j.i i.i j.o i.o; vectorize j.i; unroll i.i; parallel i.o }\n",
        "stage c.acc = accumulate c at c/j.o in registers\n"
        "stage c.acc { split k by 4; reorder j k.i i k.o; vectorize j; unroll k.i i }\n"
        "stage c { split j by 5 tail predicate; split i by 4; reorder j.i i.i j.o i.o; vectorize j.i; unroll i.i }\n",
        "stage b.packed = pack b by j 16 per call\nstage a.packed = pack a by i 4 per call\n"
        "stage c.acc = accumulate c at c/j.o in registers\nstage c.acc { reorder j i k; vectorize j; unroll i }\n"
        "stage c { split j by 16; split i by 4; reorder j.i i.i j.o i.o; vectorize j.i; unroll i.i }\n",
        "stage c.acc = accumulate c at c/i in stack\nstage a.staged = copy a for c.acc at c.acc/k\n"
        "stage c.acc { split k by 8; reorder j k.i k.o; vectorize j by 8 }\nstage c { vectorize j by 8 }\n"};
    std::vector<Extents> extents;
    for (const std::int64_t i : {1, 2, 3, 4, 7}) {
        for (const std::int64_t j : {1, 5, 16, 17, 33}) {
            extents.push_back({{"i", i}, {"j", j}, {"k", 1 + (i * j) % 11}});
        }
    }
    std::vector<Case> cases = all_of(table_kernel("matmul").kernel, bodies, extents);
    for (Case& test : cases) { // `pack ... at` and `copy ... at` name stages of the file: a refusal is a mistake here
        INFO(test.schedule);
        REQUIRE((is_accepted(test) || test.schedule.find("staged") != std::string::npos));
    }
    std::erase_if(cases, [](const Case& test) { return !is_accepted(test); });
    CHECK(cases.size() >= 75);
    expect_passed(cases);
}

TEST_CASE("tiles under fused loops") {
    const std::vector<std::string> bodies{
        "stage c.acc = accumulate c at c/ij in registers\nstage c { fuse j i as ij }\n",
        "stage c.acc = accumulate c at c/t in registers\nstage c.acc { unroll i; vectorize j; reorder j i k }\n"
        "stage c { split j by 4; split i by 2; reorder j.i i.i j.o i.o; fuse j.o i.o as t; vectorize j.i; unroll i.i; "
        "parallel t }\n",
        "stage c.acc = accumulate c at c/j.i in registers\n"
        "stage c { split j by 4; fuse j.o i as t; parallel t }\n",
        "stage c.acc = accumulate c at c/t.i in registers\n"
        "stage c { fuse j i as t; split t by 4; parallel t.o }\n"};
    std::vector<Case> cases = all_of(table_kernel("matmul").kernel, bodies,
                                     {{{"i", 1}, {"j", 1}, {"k", 3}},
                                      {{"i", 1}, {"j", 9}, {"k", 1}},
                                      {{"i", 13}, {"j", 1}, {"k", 2}},
                                      {{"i", 5}, {"j", 7}, {"k", 3}}});
    std::erase_if(cases, [](const Case& test) { return !is_accepted(test); });
    CHECK(cases.size() >= 12);
    expect_passed(cases);
}

TEST_CASE("placed stages whose indices Halide knows only roughly read inside their inputs") {
    // Fused loops that begin where a window of the host does.
    std::vector<Case> cases =
        all_of(table_kernel("max_pool").kernel,
               {"stage packed = pack image by channel 5 per call\n"
                "stage packed { compute at pooled/y; fuse iy channel.o as both }\n"},
               {{{"channel", 19}, {"iy", 9}}, {{"channel", 3}, {"iy", 1}}, {{"channel", 6}, {"iy", 2}}});
    // Memory that outlives the loop in which it is filled, under a tile of a split.
    for (Case& each : all_of(table_kernel("masked").kernel,
                             {"stage join1 = join least some\nstage join2 = join least some\n"
                              "stage join2 { split k by 2; tile k.o k.i by 16 4 }\n"
                              "stage join1 { compute at join2/k.i.i; store at join2/k.i.o; split j by 4 }\n"},
                             {{{"i", 3}, {"j", 19}, {"k", 37}}, {{"i", 1}, {"j", 1}, {"k", 1}}})) {
        cases.push_back(std::move(each));
    }
    for (const Case& test : cases) {
        INFO(test.schedule);
        REQUIRE(is_accepted(test));
    }
    expect_passed(cases);
}

TEST_CASE("lanes of minima and maxima meet, infinities and NaN among them") {
    std::vector<Case> cases;
    for (const Type type : {Type::f32, Type::f64, Type::f16, Type::i32}) {
        KernelBuilder b("extremes");
        b.dim("i").dim("k").input("x", type, {"i", "k"});
        b.reduce("low", {"i"}, ir::ReduceOp::min, {"k"}, {b.read("x")});
        b.reduce("high", {"i"}, ir::ReduceOp::max, {"k"}, {b.read("x")});
        const std::vector<std::string> bodies{"stage low { vectorize k by 8 }\nstage high { vectorize k by 4 }\n",
                                              "stage low { vectorize k by 6 }\nstage high { vectorize k by 16 }\n"};
        for (Case& each : all_of(b.outputs({"low", "high"}), bodies, {{{"i", 40}, {"k", 24}}, {{"i", 7}, {"k", 5}}})) {
            each.name += "_" + std::string(name(type));
            each.special = is_float(type);
            cases.push_back(std::move(each));
        }
    }
    expect_passed(cases);
}

TEST_CASE("tiles of convolutions and chains, at the borders of their inputs") {
    std::vector<Case> cases;
    const auto add = [&](const SizedKernel& kernel, const std::vector<std::string>& bodies,
                         const std::vector<Extents>& extents) {
        for (Case& test : all_of(kernel.kernel, bodies, extents)) {
            INFO(test.schedule);
            REQUIRE(is_accepted(test));
            cases.push_back(std::move(test));
        }
    };
    for (const SizedKernel& kernel : lowering_kernels()) {
        const std::string& name = kernel.kernel.name;
        if (name == "conv_capsules") {
            add(kernel,
                {"stage weight.packed = pack weight by out 4 once\nstage votes.acc = accumulate votes\n"
                 "stage votes { split out by 4; split x by 2; reorder out.i row col x.i x.o y out.o batch; "
                 "vectorize out.i; unroll row col x.i }\n"
                 "stage votes.acc { compute at votes/x.o; store in registers; reorder out row col x k in ky kx; "
                 "vectorize out; unroll row col x }\n"},
                {{{"batch", 1}, {"iy", 3}, {"ix", 3}, {"in", 1}, {"out", 1}},
                 {{"batch", 2}, {"iy", 7}, {"ix", 7}, {"in", 2}, {"out", 5}},
                 {{"batch", 1}, {"iy", 8}, {"ix", 9}, {"in", 3}, {"out", 4}},
                 {{"batch", 2}, {"iy", 4}, {"ix", 12}, {"in", 1}, {"out", 7}}});
        } else if (name == "strided") {
            add(kernel,
                {"stage sums { vectorize y by 8 }\n", "stage sums { split y by 4 tail predicate; vectorize y.i }\n",
                 "stage sums { vectorize in by 4 }\nstage sums.lanes { unroll ky }\n",
                 "stage sums.acc = accumulate sums at sums/y.o in registers\n"
                 "stage sums { split out by 4; split y by 3; reorder out.i y.i y.o out.o; vectorize out.i; unroll y.i "
                 "}\n"
                 "stage sums.acc { reorder out y in ky; vectorize out; unroll y }\n"},
                {{{"iy", 3}, {"in", 1}, {"out", 1}},
                 {{"iy", 4}, {"in", 3}, {"out", 4}},
                 {{"iy", 17}, {"in", 4}, {"out", 5}},
                 {{"iy", 20}, {"in", 5}, {"out", 3}}});
        } else if (name == "valid_chain") {
            add(kernel,
                {"stage a { compute at c/cx.o; vectorize ax by 4 }\nstage b { compute at c/cx.o; vectorize bx by 4 }\n"
                 "stage c { split cx by 8; vectorize cx.i }\n",
                 "stage a { compute at c/cx; store at c/row }\nstage b { compute inline }\nstage c { compute root }\n",
                 "stage a { compute at b/bx.o }\nstage b { compute at c/cx.o; split bx by 5 tail predicate }\n"
                 "stage c { split cx by 7 tail predicate; vectorize cx.i }\n"},
                {{{"row", 1}, {"x", 6}}, {{"row", 2}, {"x", 7}}, {{"row", 3}, {"x", 19}}, {{"row", 2}, {"x", 40}}});
        } else if (name == "conv2d") {
            add(kernel,
                {"stage sums { compute at result/x.o; store in registers; reorder out x in kx ky; vectorize out; "
                 "unroll x }\n"
                 "stage result { split out by 8; split x by 3; reorder out.i x.i x.o y out.o; vectorize out.i; unroll "
                 "x.i }\n"},
                {{{"iy", 1}, {"ix", 1}, {"in", 1}, {"out", 1}},
                 {{"iy", 3}, {"ix", 5}, {"in", 2}, {"out", 9}},
                 {{"iy", 2}, {"ix", 6}, {"in", 3}, {"out", 8}}});
        }
    }
    CHECK(cases.size() == 4 + 16 + 12 + 3);
    expect_passed(cases);
}

TEST_CASE("a factor of infinity meets the padding of a sum: the result is NaN") {
    std::vector<Case> cases;
    for (const SizedKernel& kernel : lowering_kernels()) {
        if (kernel.kernel.name != "conv2d") {
            continue;
        }
        // The sums of one position at a time, so that the loops know which taps lie outside.
        for (Case& test :
             all_of(kernel.kernel,
                    {"stage result { parallel y; tile x out by 2 8 }\nstage sums { compute at result/out.i }"},
                    {{{"iy", 3}, {"ix", 16}, {"in", 5}, {"out", 3}}})) {
            for (std::uint64_t seed = 1; seed <= 8; ++seed) {
                test.seed = seed;
                test.special = true;
                REQUIRE(is_accepted(test));
                cases.push_back(test);
            }
        }
    }
    REQUIRE(!cases.empty());
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("reduced dims split with a rest, in every kind of reduction") {
    std::vector<Case> cases;
    for (const SizedKernel& kernel : lowering_kernels()) {
        if (kernel.kernel.name == "masked") {
            for (const char* loop : {"j by 4", "j by 4 tail predicate"}) {
                std::string body;
                for (const char* stage : {"lower", "chosen", "some", "each", "least"}) {
                    body += std::string("stage ") + stage + " { split " + loop + " }\n";
                }
                for (const std::int64_t j : {1, 3, 4, 5, 9}) {
                    cases.push_back(make(kernel.kernel, body, {{"i", 3}, {"j", j}, {"k", 5}}));
                    cases.back().name += std::to_string(cases.size());
                }
            }
            for (const std::int64_t j : {1, 3, 4, 5, 9}) {
                cases.push_back(make(kernel.kernel,
                                     "rfactor chosen: j as chosen.part\nstage lower { vectorize k by 4 }\n"
                                     "stage some { vectorize j by 4 }\nstage each { vectorize j by 8 }\n"
                                     "stage least { vectorize i by 2 }\n",
                                     {{"i", 3}, {"j", j}, {"k", 5}}));
                cases.back().name += std::to_string(cases.size());
            }
        } else if (kernel.kernel.name == "online_softmax") {
            for (const std::int64_t col : {1, 7, 8, 9, 16, 21}) {
                cases.push_back(make(kernel.kernel, "stage both { split col by 8 }\n", {{"row", 3}, {"col", col}}));
                cases.push_back(make(kernel.kernel, "stage both { split col by 4; vectorize row by 4 }\n",
                                     {{"row", 5}, {"col", col}}));
                cases[cases.size() - 2].name += "_whole";
            }
        }
    }
    for (const std::int64_t step : {1, 3, 4, 6, 13}) {
        for (const char* body : {"stage both { split step by 4 }\nrfactor both: step.o as both.part\nstage both.part { "
                                 "unroll half by 2 }\n",
                                 "rfactor both: step as both.part\nstage both.part { vectorize row by 4 }\n"}) {
            for (const SizedKernel& kernel : lowering_kernels()) {
                if (kernel.kernel.name == "affine") {
                    cases.push_back(make(kernel.kernel, body, {{"row", 5}, {"step", step}, {"half", 3}}));
                    cases.back().name += std::to_string(cases.size());
                }
            }
        }
    }
    REQUIRE(cases.size() == 15 + 12 + 10);
    expect_passed(cases);
}

TEST_CASE("empty dims give the identity, and empty outputs are left alone") {
    std::vector<Case> cases;
    const std::vector<std::string> bodies{"", "stage c { vectorize j by 8; parallel i }\n",
                                          "stage c { vectorize k by 4 }\n",
                                          "stage c { split k by 4; split i by 2; unroll i.i }\n"};
    for (Case& test : all_of(table_kernel("matmul").kernel, bodies,
                             {{{"i", 3}, {"j", 5}, {"k", 0}},
                              {{"i", 0}, {"j", 5}, {"k", 3}},
                              {{"i", 3}, {"j", 0}, {"k", 3}},
                              {{"i", 0}, {"j", 0}, {"k", 0}}})) {
        cases.push_back(std::move(test));
    }
    for (const std::string& body : {std::string(), std::string("stage least { vectorize k by 8 }\n"
                                                               "stage some { vectorize k by 4 }\n")}) {
        for (Case& test : all_of(table_kernel("masked").kernel, {body},
                                 {{{"i", 0}, {"j", 3}, {"k", 2}}, {{"i", 2}, {"j", 0}, {"k", 3}}})) {
            test.name += body.empty() ? "_default" : "";
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

TEST_CASE("schedules that change results in Halide are refused or right") {
    const std::vector<std::pair<std::string, std::int64_t>> kept{
        {"stage f { compute inline }\nstage g { split x by 16 tail shift }\n", 37},
        {"stage f { compute inline }\nstage g { split x by 16; split x.o by 2 tail predicate }\n", 37},
        {"stage f { compute inline }\nstage g { split x by 16; split x.o by 2 tail predicate }\n", 48},
        {"stage f { compute inline }\nstage g { split x by 16; split x.o by 2; vectorize x.o.i }\n", 37},
        {"stage f { compute inline }\nstage g { split x by 16 tail predicate; split x.o by 2 tail predicate; "
         "vectorize x.o.i }\n",
         37},
        {"stage f { compute root; split x by 2; split x.o by 5; vectorize x.o.i }\nstage g { compute root }\n", 37},
        {"stage f { compute root; split x by 8; split x.i by 3 tail predicate; vectorize x.i.i }\n", 37},
        {"stage f { compute root; split x by 8; split x.i by 3; vectorize x.i.i }\n", 37},
        {"stage f { compute at g/x.o.o }\nstage g { split x by 8; split x.o by 3 tail predicate }\n", 37}};
    std::vector<Case> cases;
    for (const auto& [body, width] : kept) {
        cases.push_back(make(two_stages(width), body, {}));
        cases.back().name += "_" + std::to_string(cases.size());
        INFO(cases.back().schedule);
        CHECK(is_accepted(cases.back()));
    }
    expect_passed(cases);
    for (const std::string& body :
         {std::string("stage g { split x by 16 tail shift; split x.o by 2 tail predicate }\n"),
          std::string("stage g { split x by 16; split x.o by 2 tail shift }\n"),
          std::string(
              "stage f { compute root; split x by 2 tail shift; split x.o by 5 tail round_up; vectorize x.o.i }\n"),
          std::string("stage f { compute root; split x by 8; vectorize x.i; split x.i by 3 tail shift }\n"),
          std::string("stage g { split x by 16 tail round_up }\n"),
          std::string("stage f { compute root; split x by 8 tail round_up }\n")}) {
        CAPTURE(body);
        CHECK_FALSE(is_accepted(make(two_stages(37), body, {})));
    }
}

TEST_CASE("an equation in `where` that only an element beyond the extent fulfils") {
    KernelBuilder b("pinned");
    b.dim("c", 2).dim("k").input("x", Type::f32, {"k"});
    const ir::Ref where = ir::binary(Op::eq, d("k") + index(0) * d("c"), index(2));
    b.reduce("t", {"c"}, ReduceOp::sum, {"k"}, {b.read("x")}, where);
    const ir::Kernel kernel = b.outputs({"t"});
    std::vector<Extents> extents;
    for (const std::int64_t k : {1, 2, 3, 9}) {
        extents.push_back({{"k", k}});
    }
    expect_passed(all_of(kernel, {"", "stage t { unroll c }\n", "stage t { split k by 2; unroll k.i }\n"}, extents));
}

TEST_CASE("the smallest of integers that are a sum, against an identity at the end of their range") {
    KernelBuilder b("least_sum");
    b.dim("tap", 2).dim("y").input("x", Type::i32, {"y"});
    const ir::Ref four = ir::integer_constant(Type::i32, 4);
    const ir::Ref zero = ir::integer_constant(Type::i32, 0);
    for (const ReduceOp op : {ReduceOp::argmin, ReduceOp::argmax}) {
        const std::string name = op == ReduceOp::argmin ? "least" : "most";
        b.reduce(name, {"y"}, op, {"tap"}, {ir::cast(Type::i32, ir::extent_node("y")) - four});
        b.map(name + "_at", {"y"}, {b.read(name, {}, 0) + zero * b.read("x")});
        b.map(name + "_value", {"y"}, {b.read(name, {}, 1) + zero * b.read("x")});
    }
    const ir::Kernel kernel = b.outputs({"least_at", "least_value", "most_at", "most_value"});
    expect_passed(all_of(kernel, {"", "stage least { compute root }\nstage most { compute root; unroll tap }\n"},
                         {{{"y", 1}}, {{"y", 5}}, {{"y", 8}}}));
}

TEST_CASE("a condition that holds for no reduced index at the first elements of a result") {
    KernelBuilder b("late");
    b.dim("i").dim("j").dim("k").input("x", Type::f32, {"i", "j", "k"});
    b.reduce("t", {"i", "j"}, ReduceOp::sum, {"k"}, {b.read("x")});
    b.reduce("y", {"i"}, ReduceOp::sum, {"j"}, {b.read("t")}, ir::binary(Op::le, d("j") + index(4), d("i")));
    const ir::Kernel kernel = b.outputs({"y"});
    expect_passed(all_of(kernel, {"", "stage t { compute at y/i }\n"},
                         {{{"i", 9}, {"j", 5}, {"k", 3}}, {{"i", 3}, {"j", 5}, {"k", 2}}}));
}

TEST_CASE("vectors over a stage of which one element is read") {
    KernelBuilder b("one_read");
    b.dim("i").dim("k").input("x", Type::f32, {"i", "k"});
    const Ref two = ir::integer_constant(Type::i64, 2);
    const Ref first = ir::binary(Op::mod, d("i"), index(1));
    b.map("t", {"k"}, {ir::cast(Type::i64, d("k")) * two + two});
    b.map("y", {"i"}, {ir::cast(Type::f32, b.padded("t", {{"k", first}}, two)) + b.read("x", {{"k", index(0)}})});
    const ir::Kernel kernel = b.outputs({"y"});
    const std::string vectors = "; split k by 16; split k.i by 4; reorder k.i.i k.i.o k.o; vectorize k.i.i }\n";
    expect_passed(all_of(kernel, {"stage t { compute root" + vectors, "stage t { compute at y/i" + vectors},
                         {{{"i", 16}, {"k", 23}}, {{"i", 1}, {"k", 1}}}));
}
