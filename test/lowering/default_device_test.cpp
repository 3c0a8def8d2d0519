// The default schedule for devices: model kernels and random kernels, run on the OpenCL device that is there, and
// compiled for CUDA.

#include "cases.hpp"
#include "compile.hpp"
#include "forked.hpp"
#include "models/kernels.hpp"
#include "opencl_device.hpp"
#include "schedule/rewrite_kernels.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fmt/format.h>
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
