// Default schedules some of whose decisions are taken otherwise, as a search does: the checker refuses them, or they
// give the interpreter's results.

#include "decided_cases.hpp"
#include "models/kernels.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

void add(Drawn& drawn, Case test, std::uint64_t seed) {
    test.threads = seed % 2 == 0 ? 2 : 16;
    test.target = seed % 3 == 0 ? "x86-64-sse41" : "host";
    add_decided(drawn, std::move(test), seed);
}

} // namespace

TEST_CASE("random kernels under random decisions give the interpreter's results") {
    Drawn drawn;
    const std::uint64_t first = first_seed();
    for (std::uint64_t seed = first; seed < first + (is_long_run() ? 1000U : 40U); ++seed) {
        add(drawn, make_case(random_sized_kernel(seed, 3 + static_cast<int>(seed % 5)), seed), seed);
    }
    expect_right(drawn);
}

TEST_CASE("model kernels under random decisions give the interpreter's results") {
    Drawn drawn;
    const std::uint64_t first = first_seed();
    for (const KernelFactory& factory : models::kernels()) {
        if (factory.name == "digits_cnn" || factory.name == "digits_capsules" || factory.name == "hinton_capsules") {
            continue; // compiling them takes long, and their parts are among the others
        }
        const SizedKernel kernel = sized_by_inputs(factory.make(Params{}).ir());
        for (std::uint64_t seed = first; seed < first + (is_long_run() ? 40U : 2U); ++seed) {
            add(drawn, make_case(kernel, seed), seed);
        }
    }
    expect_right(drawn);
}
