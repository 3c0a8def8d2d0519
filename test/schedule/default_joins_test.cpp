// Which stages default schedules compute in one loop nest, and what a join makes of stages that compute the same.

#include "default_support.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// Outputs of the rows of a matrix, and stages before them.
std::string rows(const std::string& definitions, const std::string& outputs, int extent = 1024) {
    return "coulter 1\nkernel rows\n\ndim i\ndim j\n\ninput x: f32[i, j]\ninput y: f32[i, j]\n\n" + definitions + "\n" +
           outputs + "\nestimate i = " + std::to_string(extent) + ", j = 1024\n";
}

const std::string total = "total: f32[i] =\n    sum {j} x\n\n";
const std::string most = "most: f32[i] =\n    max {j} x\n\n";
const std::string average = "again: f32[i] =\n    sum {j} x\n\naverage: f32[i] =\n    again / f32(extent(j))\n\n";

ir::Kernel parsed(const std::string& text) {
    const ParseResult result = parse(text, "k.coulter");
    REQUIRE_MESSAGE(result.kernel, result.diagnostics.front().message);
    return *result.kernel;
}

} // namespace

TEST_CASE("outputs that read the same rows from afar share a loop over them") {
    const std::string text = scheduled(rows(total + most, "output total\noutput most\n"));
    CHECK(contains(text, "stage total.acc = accumulate total "));
    CHECK(contains(text, "stage total.joined = join total most "));
    CHECK(contains(text, "stage total.acc {\n  compute at total.joined/i"));
    CHECK(contains(text, "stage most.acc {\n  compute at total.joined/i"));
}

TEST_CASE("outputs have nests of their own where sharing one would save nothing") {
    CHECK(lacks(scheduled(rows(total + most, "output total\noutput most\n", 64)), "join")); // a cache has the matrix
    const std::string other = "most: f32[i] =\n    max {j} y\n\n";
    CHECK(lacks(scheduled(rows(total + other, "output total\noutput most\n")), "join"));
    const std::string columns = "most: f32[j] =\n    max {i} x\n\n";
    CHECK(lacks(scheduled(rows(total + columns, "output total\noutput most\n")), "join"));
    const std::string needs = "more: f32[i] =\n    max {j} x - total\n\n";
    CHECK(lacks(scheduled(rows(total + needs, "output total\noutput more\n")), "join"));
    CHECK(lacks(scheduled(rows(total + most, "output most\n")), "join"));
}

TEST_CASE("what has much arithmetic gains little from a shared loop") {
    const auto sums = [](const std::string& of) {
        return rows("a: f32[i] =\n    sum {j} " + of + "\n\nb: f32[i] =\n    max {j} " + of + "\n\n",
                    "output a\noutput b\n");
    };
    CHECK(contains(scheduled(sums("x * 2.0")), "stage a.joined = join a b "));
    CHECK(lacks(scheduled(sums("exp(sin(x)) * tanh(cos(x)) * log(x) * erf(x)")), "join"));
    const std::string maps = "a: f32[i, j] =\n    x + 1.0\n\nb: f32[i, j] =\n    x * 2.0\n\n";
    CHECK(lacks(scheduled(rows(maps, "output a\noutput b\n")), "join")); // results are as many as elements
}

TEST_CASE("reductions that compute the same are computed once") {
    const std::string text = scheduled(rows(total + average, "output total\noutput average\n", 64));
    CHECK(contains(text, "stage total.shared = join total again "));
    CHECK(contains(text, "stage again { compute inline }"));
}

TEST_CASE("stored maps that compute the same for the same readers are computed once") {
    const std::string maps = "low: i32[j] =\n    i32(floor(min(f32(j) * 0.125, 30.0)))\n\n"
                             "again: i32[j] =\n    i32(floor(min(f32(j) * 0.125, 30.0)))\n\n";
    const std::string both = "z: f32[i, j] =\n    clamped(x(j = index(low))) / clamped(y(j = index(again)))\n\n";
    const std::string text = scheduled(rows(maps + both, "output z\n"));
    CHECK(contains(text, "stage low.shared = join low again "));
    CHECK(contains(text, "stage low { compute inline }"));
    CHECK(contains(text, "stage again { compute inline }"));
    CHECK(contains(text, "stage low.shared {\n  compute root"));
    CHECK(lacks(scheduled(rows(maps + both, "output z\n"), {{"same of low", "each"}}), "join"));
    const std::string apart = "z: f32[i, j] =\n    clamped(x(j = index(low)))\n\n"
                              "u: f32[i, j] =\n    clamped(y(j = index(again)))\n\n";
    CHECK(lacks(scheduled(rows(maps + apart, "output z\noutput u\n")), "join"));
}

TEST_CASE("a search decides what is joined") {
    const std::string both = rows(total + most, "output total\noutput most\n");
    CHECK(lacks(scheduled(both, {{"join of total", "no"}}), "join"));
    const std::string few = rows(total + average, "output total\noutput average\n", 64);
    CHECK(contains(scheduled(few, {{"join of total", "yes"}}), "stage total.joined = join total average "));
    CHECK(lacks(scheduled(few, {{"same of total", "each"}}), "join"));
}

TEST_CASE("decisions about joins weigh what all of their stages take") {
    const auto weight = [](const std::string& text, const char* name) {
        DecisionLog log;
        CHECK(contains(scheduled(text, {}, &log), "join"));
        const std::vector<Decision> all = log.all();
        const auto found =
            std::find_if(all.begin(), all.end(), [&](const Decision& each) { return each.name == name; });
        REQUIRE(found != all.end());
        return found->weight;
    };
    CHECK(weight(rows(total + most, "output total\noutput most\n"), "join of total") > 0.9);
    CHECK(weight(rows(total + average, "output total\noutput average\n", 64), "same of total") > 0.9);
}

TEST_CASE("a join has one component for what several stages compute") {
    const ir::Kernel before = parsed(rows(total + average + most, "output total\noutput average\noutput most\n"));
    const ir::Kernel same = join(before, {"total", "again"}, "shared");
    CHECK(same.find_definition("shared")->types == std::vector<Type>{Type::f32});
    CHECK(same.find_definition("shared")->reduction->op == ir::ReduceOp::sum);
    const ir::Kernel three = join(before, {"total", "again", "most"}, "shared");
    CHECK(three.find_definition("shared")->types == std::vector<Type>{Type::f32, Type::f32});
    CHECK(three.find_definition("shared")->reduction->op == ir::ReduceOp::custom);
}

TEST_CASE("argmin, argmax and custom reductions are joined with what computes the same, and with nothing else") {
    const std::string first = "at: (i32, f32)[i] =\n    argmax {j} x\n\n";
    const std::string second = "too: (i32, f32)[i] =\n    argmax {j} x\n\n";
    const std::string lowest = "low: (i32, f32)[i] =\n    argmin {j} x\n\n";
    const std::string outputs = "where: i32[i] =\n    at.0 + too.0 + low.0\n\noutput where\noutput total\n";
    const ir::Kernel kernel = parsed(rows(total + first + second + lowest + "\n", outputs));
    CHECK(join_obstacle(kernel, {"at", "too"}).empty());
    CHECK(join_obstacle(kernel, {"at", "low"}) == "`at` is an argmax, and `low` computes something else");
    CHECK(join_obstacle(kernel, {"at", "too", "total"}) == "`at` is an argmax, and `total` computes something else");
    CHECK(join_obstacle(kernel, {"total", "at"}) == "`at` is an argmax, and `total` computes something else");
    const ir::Kernel joined = join(kernel, {"at", "too"}, "shared");
    CHECK(joined.find_definition("shared")->types == std::vector<Type>{Type::i32, Type::f32});
    CHECK(joined.find_definition("too")->values.size() == 2);
    CHECK(contains(scheduled(print(kernel)), "stage at.shared = join at too "));
}

TEST_CASE("sums in another order are not the same, and are not joined under numerics exact") {
    const std::string text = "coulter 1\nkernel orders\n\ndim i\ndim j\ndim y\n\ninput x: f32[y, i, j]\n\n"
                             "a: f32[y] =\n    sum {i, j} x\n\nb: f32[y] =\n    sum {j, i} x\n\n"
                             "output a\noutput b\n\nestimate i = 64, j = 64, y = 64\n";
    const ir::Kernel kernel = parsed(text);
    CHECK_FALSE(compute_the_same(*kernel.find_definition("a"), *kernel.find_definition("b")));
    CHECK(lacks(scheduled(text), "stage a.shared"));
    const auto check = [&](const std::string& numerics) {
        return check_texts(kernel, {{"k.sched", "schedule orders\nnumerics " + numerics + "\nstage t = join a b\n"}},
                           {});
    };
    CHECK(check("reassociate").ok());
    const CheckResult refused = check("exact");
    REQUIRE(refused.diagnostics.size() == 1);
    CHECK(refused.diagnostics.front().message ==
          "the join of `b` changes the order of a sum over floats, which `numerics exact` forbids");
}

TEST_CASE("every reduction that is there several times is computed once") {
    std::string definitions;
    std::string outputs;
    for (int n = 0; n < 12; ++n) {
        const std::string number = std::to_string(n);
        definitions += "a" + number + ": f32[i] =\n    sum {j} x * " + number + ".0\n\n";
        definitions += "b" + number + ": f32[i] =\n    sum {j} x * " + number + ".0\n\n";
        definitions += "y" + number + ": f32[i] =\n    a" + number + " - b" + number + "\n\n";
        outputs += "output y" + number + "\n";
    }
    const std::string text = scheduled(rows(definitions, outputs, 64));
    for (int n = 0; n < 12; ++n) {
        const std::string number = std::to_string(n);
        CHECK(contains(text, "stage a" + number + ".shared = join a" + number + " b" + number + " "));
    }
}
