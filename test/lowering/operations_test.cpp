// Every operation and conversion, for every type it takes, on edge values: compiled code equals the interpreter.

#include "forked.hpp"
#include "operation_cases.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace coulter;
using namespace coulter::test;

namespace {

constexpr const char* modes[] = {"reassociate", "exact"};

// One kernel as plain loops and in vectors, in both modes.
std::vector<Case> schedules_of(const OperationCase& operation) {
    std::vector<Case> cases;
    for (const char* mode : modes) {
        for (const bool vectors : {false, true}) {
            Case test;
            test.name = fmt::format("{}_{}_{}", operation.kernel.name, mode, vectors ? "vector" : "scalar");
            test.kernel = operation.kernel;
            test.inputs = operation.inputs;
            test.tolerance = operation.tolerance;
            test.extents = {{"n", operation.inputs.begin()->second.size()}};
            test.schedule = fmt::format("schedule {}\nnumerics {}\n", operation.kernel.name, mode);
            for (const std::string& output : operation.kernel.outputs) {
                test.schedule +=
                    fmt::format("stage {} {{ {} }}\n", output, vectors ? "vectorize n by 16" : "compute root");
            }
            cases.push_back(std::move(test));
        }
    }
    return cases;
}

void expect_passed(const std::vector<OperationCase>& operations) {
    std::vector<Case> cases;
    for (const OperationCase& operation : operations) {
        for (Case& test : schedules_of(operation)) {
            cases.push_back(std::move(test));
        }
    }
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " kernels, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace

TEST_CASE("operations of integers and bool equal the interpreter's on all pairs of edge values") {
    expect_passed(integer_operations());
}

TEST_CASE("operations of floats equal the interpreter's on all pairs of edge values") {
    expect_passed(float_operations());
}

TEST_CASE("conversions between all types equal the interpreter's on edge values") {
    expect_passed(conversions());
}

TEST_CASE("functions of f32 are within the stated units in the last place") {
    const std::vector<OperationCase> operations = functions();
    std::vector<Case> cases;
    for (const OperationCase& operation : operations) {
        for (Case& test : schedules_of(operation)) {
            cases.push_back(std::move(test));
        }
    }
    const std::vector<Result> results = run_forked(cases.size(), [&](std::size_t i) { return ulp_report(cases[i]); });
    for (std::size_t i = 0; i < results.size(); ++i) {
        MESSAGE(cases[i].name << "\n" << results[i].text);
        CAPTURE(cases[i].name);
        CHECK(results[i].outcome == Outcome::passed);
    }
}

TEST_CASE("a NaN passes what stands behind a relaxed sum") {
    std::vector<Case> cases;
    for (const std::string& body : nan_schedules()) {
        for (const char* mode : modes) {
            for (std::uint64_t seed = 0; seed < 3; ++seed) {
                Case test;
                test.kernel = nan_kernel();
                test.name = fmt::format("nan_{}_{}", cases.size(), seed);
                test.extents = {{"i", 7}, {"j", 5}, {"k", 19}};
                test.seed = seed;
                test.special = true;
                test.schedule = fmt::format("schedule nans\nnumerics {}\n{}", mode, body);
                cases.push_back(std::move(test));
            }
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.passed >= cases.size() / 2); // exact refuses partial sums
    CHECK((summary.passed + summary.refused == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("masked rows of a softmax, all of a row included") {
    std::vector<Case> cases;
    for (const std::string& body : softmax_schedules()) {
        for (const char* mode : modes) {
            Case test;
            test.kernel = softmax_kernel();
            test.name = fmt::format("softmax_{}", cases.size());
            test.extents = {{"row", 5}, {"col", 37}};
            test.inputs = {{"x", masked_rows(5, 37)}};
            test.schedule = fmt::format("schedule softmax\nnumerics {}\n{}", mode, body);
            cases.push_back(std::move(test));
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.passed >= cases.size() / 2);
    CHECK((summary.passed + summary.refused == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}
