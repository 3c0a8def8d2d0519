// Random schedules: what the checker accepts gives the interpreter's results.

#include "cases.hpp"
#include "forked.hpp"
#include "support/random_schedule.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;
using schedule::Numerics;

namespace {

// The next `count` seeds whose schedule the checker accepts.
void add_accepted(std::vector<Case>& cases, const SizedKernel& kernel, int count, std::uint64_t& seed) {
    for (int accepted = 0, trials = 0; accepted < count && trials < 60 * count; ++trials, ++seed) {
        RandomScheduleOptions options;
        const Numerics modes[] = {Numerics::reassociate, Numerics::reassociate, Numerics::reassociate, Numerics::exact,
                                  Numerics::fast};
        options.numerics = modes[seed % 5];
        options.directives = 3 + static_cast<int>(seed % 3);
        Case test = make_case(kernel, seed);
        test.schedule = random_schedule(kernel.kernel, seed, options);
        if (seed % 3 != 0) {
            test.schedule = modular_schedule(kernel.kernel, test.schedule, seed);
        }
        test.special = seed % 4 == 0 && options.numerics != Numerics::fast;
        if (is_accepted(test)) {
            cases.push_back(std::move(test));
            ++accepted;
        }
    }
}

} // namespace

TEST_CASE("accepted random schedules over known kernels give the interpreter's results") {
    std::vector<Case> cases;
    const std::vector<SizedKernel> kernels = lowering_kernels();
    REQUIRE(kernels.size() >= 16);
    const int each = is_long_run() ? 200 : 11;
    for (const SizedKernel& kernel : kernels) {
        std::uint64_t seed = 1;
        add_accepted(cases, kernel, each, seed);
    }
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " accepted schedules over " << kernels.size() << " kernels, " << summary.seconds
                         << " s of processor time");
    CHECK(cases.size() == kernels.size() * static_cast<std::size_t>(each));
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("accepted random schedules over random kernels give the interpreter's results") {
    std::vector<Case> cases;
    const std::uint64_t kernels = is_long_run() ? 1000 : 50;
    std::uint64_t seed = 100000;
    for (std::uint64_t i = 0; i < kernels; ++i) {
        SizedKernel kernel = random_sized_kernel(7000 + i, 3 + static_cast<int>(i % 3));
        add_accepted(cases, kernel, 1, seed);
        seed = 100000 + 100 * (i + 1);
    }
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " accepted schedules, " << summary.seconds << " s of processor time");
    CHECK(cases.size() * 10 >= kernels * 8);
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}
