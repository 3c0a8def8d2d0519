// Conditions of reductions that ask something else of each lane, of data: they are choices, and results stay what they
// are.

#include "compile.hpp"
#include "coulter/text.hpp"
#include "forked.hpp"

#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <unistd.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// Sums, places and tuples of what is below a bound, or at another place than one that is read.
const char* const asked = R"(coulter 1
kernel asked

dim i
dim j

input x: f32[i, j]
input low: f32[i]
input at: i32[i]

below: f32[i] =
    sum {j where x < low} x

other: (i32, f32)[i] =
    argmax {j where i32(j) != at && !is_nan(low)} x

both: (f32, f32)[i] =
    reduce {j where x < low || is_nan(low)} (x, x * x)
    identity (0.0, 0.0)
    combine (left.0 + right.0, left.1 + right.1)

count: i32[i] =
    sum {j where select(low > 0.0, x > low, x < low) && i32(j) < at} 1_i32

place: i32[i] =
    other.0

value: f32[i] =
    other.1

first: f32[i] =
    both.0

second: f32[i] =
    both.1

output below
output place
output value
output first
output second
output count

estimate i = 64, j = 256
)";

ir::Kernel kernel() {
    const ParseResult parsed = parse(asked, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    return *parsed.kernel;
}

} // namespace

TEST_CASE("conditions that ask each lane give what the interpreter gives") {
    std::vector<Case> cases;
    for (const char* const schedule :
         {"", "schedule asked\nnumerics exact\n",
          "schedule asked\nstage below { split j by 8; vectorize j.i }\nstage other { vectorize i by 8 }\n"
          "stage both { compute root; split j by 4 }\nstage count { split j by 8; vectorize j.i }\n"}) {
        for (const std::int64_t j : {1, 7, 64, 133}) {
            Case test;
            test.kernel = kernel();
            test.schedule = schedule;
            test.extents = {{"i", 9}, {"j", j}};
            test.seed = static_cast<std::uint64_t>(j);
            test.special = j == 133;
            test.name = fmt::format("asked_{}_{}", cases.size(), j);
            cases.push_back(std::move(test));
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("no load or store is masked by data") {
    const std::string target = "x86-64-avx512";
    const schedule::CheckResult checked =
        schedule::check_texts(kernel(), {{"case.sched", "schedule asked\n"}}, host_options(true, target));
    REQUIRE(checked.plan);
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("coulter_lane_conditions_{}.stmt", getpid());
    lower::Options lowering;
    lowering.target = target;
    lower::compile(*checked.plan, {}, lowering, {"", "", "", path.string()});
    std::ifstream file(path);
    int lines = 0;
    for (std::string line; std::getline(file, line); ++lines) {
        if (line.find("predicate (") != std::string::npos) {
            CHECK_MESSAGE(line.find("x[") == std::string::npos, line);
            CHECK_MESSAGE(line.find("at[") == std::string::npos, line);
        }
    }
    std::filesystem::remove(path);
    CHECK(lines > 100);
}
