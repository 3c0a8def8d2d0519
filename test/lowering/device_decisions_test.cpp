// Default schedules for a device some of whose decisions are taken otherwise, run on the OpenCL device that is there.

#include "decided_cases.hpp"
#include "models/kernels.hpp"
#include "opencl_device.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// Extents that a schedule is made for, which decide what may be decided: the estimates of a random kernel are 3 to 9.
std::map<std::string, std::int64_t> typical_extents(std::uint64_t seed) {
    switch (seed % 4) {
    case 0: return {{"i", 64}, {"j", 64}, {"k", 64}};
    case 1: return {{"i", 1000}, {"j", 500}, {"k", 64}};
    case 2: return {{"i", 4000}, {"j", 3}, {"k", 300}};
    default: return {{"i", 20}, {"j", 100000}, {"k", 30}};
    }
}

void add(Drawn& drawn, Case test, std::uint64_t seed) {
    test.target = "host-opencl";
    test.typical = typical_extents(seed);
    add_decided(drawn, std::move(test), seed);
}

} // namespace

TEST_CASE("random kernels under random decisions give the interpreter's results on a device") {
    skip_without_device();
    Drawn drawn;
    const std::uint64_t first = first_seed();
    for (std::uint64_t seed = first; seed < first + (is_long_run() ? 1000U : 20U); ++seed) {
        add(drawn, make_case(random_sized_kernel(seed, 3 + static_cast<int>(seed % 5)), seed), seed);
    }
    expect_right(drawn);
}

TEST_CASE("model kernels under random decisions give the interpreter's results on a device") {
    skip_without_device();
    Drawn drawn;
    const std::uint64_t first = first_seed();
    std::size_t number = 0;
    for (const KernelFactory& factory : models::kernels()) {
        if (!is_long_run() && number++ % 3 != 0) {
            continue;
        }
        if (factory.name == "digits_cnn" || factory.name == "digits_capsules" || factory.name == "hinton_capsules") {
            continue; // compiling them takes long, and their parts are among the others
        }
        const SizedKernel kernel = sized_by_inputs(factory.make(Params{}).ir());
        for (std::uint64_t seed = first; seed < first + (is_long_run() ? 40U : 1U); ++seed) {
            Case test = make_case(kernel, seed);
            test.target = "host-opencl";
            add_decided(drawn, std::move(test), seed);
        }
    }
    expect_right(drawn);
}
