// Extremes of values that follow a loop index: Halide may end such loops early, and must not end them too early.

#include "coulter/text.hpp"
#include "forked.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// The extremes of `extent(y) - j` and of its negative, read directly, through a map, with their index and in a tuple.
std::string extremes_of(const std::string& type) {
    const std::string head = "coulter 1\nkernel extremes\n\ndim j\ndim y\n\ninput x: f32[j, y]\n\n";
    const std::string down = fmt::format("{}(extent(y) - j)", type);
    const std::string up = fmt::format("{}(j - extent(y))", type);
    std::string text = head;
    text += fmt::format("most: {}[y] =\n    max {{j}} {}\n\n", type, down);
    text += fmt::format("least: {}[y] =\n    min {{j}} {}\n\n", type, up);
    text += fmt::format("slope: {}[j] =\n    {}\n\n", type, down);
    text += fmt::format("through: {}[y] =\n    max {{j}} slope\n\n", type);
    text += fmt::format("at: (i32, {})[y] =\n    argmax {{j}} {}\n\n", type, down);
    text += fmt::format("both: ({0}, {0})[y] =\n    reduce {{j where j + y > 1}} ({1}, {2})\n"
                        "    identity ({3}, {4})\n    combine (max(left.0, right.0), min(left.1, right.1))\n\n",
                        type, down, up, type == "i64" ? "-9223372036854775808_i64" : "-2147483648_i32",
                        type == "i64" ? "9223372036854775807_i64" : "2147483647_i32");
    text += "total: f32[y] =\n    sum {j} x\n\n";
    text += fmt::format("values: {}[y] =\n    at.1\n\nplaces: i32[y] =\n    at.0\n\n", type);
    text += fmt::format("highest: {0}[y] =\n    both.0\n\nlowest: {0}[y] =\n    both.1\n\n", type);
    return text + "output most\noutput least\noutput through\noutput total\noutput values\noutput places\n"
                  "output highest\noutput lowest\n\nestimate j = 5, y = 9\n";
}

/// Sums of loop indices beside data that may be any i32.
const char* const beside_data = R"(coulter 1
kernel beside_data

dim j
dim y

input x: f32[j, y]
input lens: i32[y]

above: bool[j, y] =
    i32(extent(y) - j) > lens

below: bool[j, y] =
    i32(j + 1) < lens

near: bool[j, y] =
    index(lens) >= j + -3

hit: bool[y] =
    any {j} i32(extent(y) - j) > lens

none: bool[y] =
    all {j} lens <= i32(j + 2)

count: f32[y] =
    sum {j where i32(j + 1) < lens} x

output above
output below
output near
output hit
output none
output count

estimate j = 5, y = 9
)";

/// Loop indices as they are beside data that may be any i32, in what is reduced.
const char* const where_at_data = R"(coulter 1
kernel where_at_data

dim j
dim y

input x: f32[j, y]
input at: i32[y]
input low: f32

place: i32[j] =
    i32(j)

behind: i32[j] =
    i32(j + 2)

some: f32[y] =
    sum {j where x < low || i32(j) == at} x

same: f32[y] =
    sum {j where i32(j) == at} x

other: f32[y] =
    sum {j where i32(j) != at} x

less: f32[y] =
    sum {j where i32(j) < at} x

most: f32[y] =
    sum {j where i32(j) <= at} x

more: f32[y] =
    sum {j where at < i32(j)} x

least: f32[y] =
    sum {j where index(at) <= j} x

either: f32[y] =
    sum {j where x < low || j < index(at)} x

mapped: f32[y] =
    sum {j where place < at} x

beyond: f32[y] =
    sum {j where x < low || behind <= at} x

output some
output same
output other
output less
output most
output more
output least
output either
output mapped
output beyond

estimate j = 5, y = 9
)";

const char* const in_order = "schedule extremes\nnumerics exact\n";
const char* const in_registers = R"(schedule extremes
stage most.acc = accumulate most
stage most { compute root }
stage most.acc { compute at most/y; store in registers; split j by 4 }
stage through.acc = accumulate through
stage through { compute root }
stage through.acc { compute at through/y; store in registers }
stage slope { compute inline }
stage at { compute root }
stage both { compute root; split j by 2 }
)";

} // namespace

TEST_CASE("comparisons of loop indices with data hold for all that an i32 can be") {
    const ParseResult parsed = parse(beside_data, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    std::vector<Case> cases;
    for (const char* const schedule :
         {"", "schedule beside_data\nnumerics exact\n",
          "schedule beside_data\nstage above { compute root }\nstage below { vectorize j by 8 }\n"
          "stage hit { compute root }\nstage count { split j by 4 }\n"}) {
        for (const std::uint64_t seed : {1, 2, 3, 4}) {
            Case test;
            test.kernel = *parsed.kernel;
            test.schedule = schedule;
            test.extents = {{"j", 13}, {"y", 40}};
            test.seed = seed;
            test.special = true;
            test.name = fmt::format("beside_{}", cases.size());
            cases.push_back(std::move(test));
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("conditions on loop indices beside data hold for all that an i32 can be, in split and vectorized loops") {
    const ParseResult parsed = parse(where_at_data, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    std::vector<Case> cases;
    for (const char* const loops : {"", "split j by 4", "split j by 4; unroll j.i", "split j by 16; vectorize y by 8",
                                    "vectorize y by 8", "reorder y j; split j by 8; vectorize y by 8"}) {
        std::string schedule = "schedule where_at_data\nstage place { compute inline }\n"
                               "stage behind { compute inline }\n";
        for (const std::string& stage : parsed.kernel->outputs) {
            schedule += fmt::format("stage {} {{ {} }}\n", stage, loops);
        }
        for (const std::uint64_t seed : {1, 2, 3, 4}) {
            Case test;
            test.kernel = *parsed.kernel;
            test.schedule = *loops == '\0' ? "" : schedule;
            test.extents = {{"j", 13}, {"y", 40}};
            test.seed = seed;
            test.special = true;
            test.name = fmt::format("where_{}", cases.size());
            cases.push_back(std::move(test));
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("extremes of what follows a loop index are those of all of its steps") {
    std::vector<Case> cases;
    for (const std::string type : {"i32", "i64"}) {
        const ParseResult parsed = parse(extremes_of(type), "k.coulter");
        REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
        for (const char* const schedule : {"", in_order, in_registers}) {
            for (const std::int64_t j : {1, 2, 13}) {
                Case test;
                test.kernel = *parsed.kernel;
                test.schedule = schedule;
                test.extents = {{"j", j}, {"y", 7}};
                test.name = fmt::format("{}_{}_{}", type, cases.size(), j);
                cases.push_back(std::move(test));
            }
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}
