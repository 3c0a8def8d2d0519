// The default schedule for devices: model kernels and random kernels, run on the OpenCL device that is there, and
// compiled for CUDA.

#include "cases.hpp"
#include "compile.hpp"
#include "coulter/text.hpp"
#include "forked.hpp"
#include "models/kernels.hpp"
#include "opencl_device.hpp"
#include "schedule/rewrite_kernels.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <sstream>
#include <unistd.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// Extents that a schedule is made for, which decide what it is: the estimates of a random kernel are 3 to 9.
std::map<std::string, std::int64_t> typical_extents(std::uint64_t seed) {
    switch (seed % 4) {
    case 0: return {};
    case 1: return {{"i", 1000}, {"j", 500}, {"k", 64}};
    case 2: return {{"i", 4000}, {"j", 3}, {"k", 300}};
    default: return {{"i", 20}, {"j", 100000}, {"k", 30}};
    }
}

std::vector<Case> random_cases(std::uint64_t count, const std::string& target) {
    std::vector<Case> cases;
    const std::uint64_t first = first_seed();
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        Case test = make_case(random_sized_kernel(seed, 3 + static_cast<int>(seed % 5)), seed);
        test.target = target;
        test.typical = typical_extents(seed);
        cases.push_back(std::move(test));
    }
    return cases;
}

/// The kernels of a device as text, for the case's target.
Result compile_case(const Case& test) {
    schedule::CheckOptions options = host_options(true, test.target);
    options.defaults.sizes = test.typical;
    const schedule::CheckResult checked = schedule::check_texts(test.kernel, {}, options);
    if (!checked.plan) {
        return {Outcome::failed, schedule::render(checked.diagnostics, {}) + repro(test), 0};
    }
    const std::filesystem::path path =
        std::filesystem::temp_directory_path() / fmt::format("coulter-{}-{}.ptx", test.name, getpid());
    lower::Options lowering;
    lowering.target = test.target;
    lower::Outputs outputs;
    outputs.device = path.string();
    std::string source;
    try {
        lower::compile(*checked.plan, {}, lowering, outputs);
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        source = text.str();
    } catch (const std::exception& error) {
        return {Outcome::failed, error.what() + repro(test), 0};
    }
    std::filesystem::remove(path);
    const bool launches = schedule::loops_text(*checked.plan).find("launch") != std::string::npos;
    const bool complete = !launches || source.find(".visible .entry") != std::string::npos;
    return complete ? Result{} : Result{Outcome::wrong, "no kernels\n" + repro(test), 0};
}

void expect_passed(const std::vector<Case>& cases) {
    const Summary summary = run_cases(cases);
    MESSAGE(fmt::format("{} of {} cases passed, {:.1f} s of processor time", summary.passed, cases.size(),
                        summary.seconds));
    CHECK_MESSAGE(summary.failures.empty(), summary.failures);
    CHECK_MESSAGE(summary.refusals.empty(), summary.refusals);
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace

TEST_CASE("the default schedules of model kernels give the interpreter's results on a device") {
    skip_without_device();
    std::vector<Case> cases;
    for (const KernelFactory& factory : models::kernels()) {
        const SizedKernel kernel = sized_by_inputs(factory.make(Params{}).ir());
        for (const std::uint64_t seed : {1, 2}) {
            Case test = make_case(kernel, seed, factory.name == "digits_cnn" ? 1500000 : 20000);
            test.target = "host-opencl";
            test.special = seed == 2 && factory.name != "digits_cnn";
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

namespace {

/// Halide takes it that `t6` is read somewhere; with few rows of `idx` that is nowhere.
const char* const empty_between = R"(coulter 1
kernel empty_between

dim i
dim j
dim k
dim y = (extent(j) + 1) / 2
dim c = 1
dim bin = 4

input x: f32[j, i]
input idx: i32[k]
const t1: u16[c, bin] = {0, 5, 0, 7}

t6: i32[c, y, j] =
    product {i, k} -i32(padded(t1(bin = index(idx)), 2_u16))

t7: (i32, i32)[i] =
    reduce {k, j where j < k} (padded(t6(c = i, y = 2), 9_i32), 7_i32)
    identity (0_i32, 0_i32)
    combine (left.0 + right.0, max(left.1, right.1))

t8: i32[i] =
    t7.0 + t7.1

t9: f32[i] =
    sum {j} x

output t8
output t9

estimate i = 8, j = 6, k = 6
)";

/// One element of `t3` is read.
const char* const one_of_many = R"(coulter 1
kernel one_of_many

dim i
dim y
dim k
dim tap = 2

input x: f32[i, k]
input w: f32[tap, y]

t3: f32[y, i] =
    sum {tap} w * f32(i)

t4: f32[y, i] =
    t3 + 1.0

t5: f32[y, i] =
    sqrt(abs(clamped(t4(y = 1)))) + f32(y)

t7: f32[k] =
    x(i = 0) + clamped(t5(y = 1, i = 5))

output t7

estimate i = 1000, y = 500, k = 64
)";

Case device_case(const char* text, const std::map<std::string, std::int64_t>& extents) {
    const ParseResult parsed = parse(text, "k.coulter");
    REQUIRE_MESSAGE(parsed.kernel, parsed.diagnostics.front().message);
    Case test;
    test.kernel = *parsed.kernel;
    test.name = test.kernel.name;
    test.extents = extents;
    test.target = "host-opencl";
    return test;
}

} // namespace

TEST_CASE("what lies between launches may be empty, or one element") {
    skip_without_device();
    expect_passed({device_case(empty_between, {{"i", 19}, {"j", 8}, {"k", 1}}),
                   device_case(empty_between, {{"i", 19}, {"j", 8}, {"k", 9}}),
                   device_case(one_of_many, {{"i", 7}, {"y", 3}, {"k", 5}}),
                   device_case(one_of_many, {{"i", 100}, {"y", 30}, {"k", 5}})});
}

TEST_CASE("the default schedules of random kernels give the interpreter's results on a device") {
    skip_without_device();
    const std::vector<Case> cases = random_cases(is_long_run() ? 1000 : 100, "host-opencl");
    expect_passed(cases);
}

TEST_CASE("the default schedules of random kernels compile for CUDA") {
    const std::vector<Case> cases = random_cases(is_long_run() ? 500 : 50, "host-cuda");
    const std::vector<Result> results =
        run_forked(cases.size(), [&](std::size_t at) { return compile_case(cases[at]); });
    std::string failures;
    for (const Result& each : results) {
        failures += each.outcome == Outcome::passed ? "" : fmt::format("{}: {}\n", name(each.outcome), each.text);
    }
    CHECK_MESSAGE(failures.empty(), failures);
}
