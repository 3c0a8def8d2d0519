// Default schedules some of whose decisions are taken otherwise, as a search does: the checker refuses them, or they
// give the interpreter's results.

#include "cases.hpp"
#include "forked.hpp"
#include "models/kernels.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

schedule::CheckOptions options_of(const Case& test) {
    schedule::CheckOptions options = host_options(true, test.target);
    options.defaults.threads = test.threads;
    return options;
}

/// Some decisions, drawn at random from those that come up.
schedule::Decided drawn(const std::vector<schedule::Decision>& decisions, std::mt19937_64& random) {
    schedule::Decided decided;
    for (std::size_t count = 1 + random() % 6; count > 0 && !decisions.empty(); --count) {
        const schedule::Decision& decision = decisions[random() % decisions.size()];
        decided[decision.name] = decision.words[random() % decision.words.size()];
    }
    return decided;
}

/// Gives the case the schedule that follows from such decisions. \returns whether the checker takes it.
bool decide(Case& test, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    schedule::CheckOptions options = options_of(test);
    const schedule::CheckResult plain = schedule::check_texts(test.kernel, {}, options);
    if (!plain.plan) {
        return false;
    }
    options.defaults.decided = drawn(plain.plan->decisions, random);
    const schedule::CheckResult decided = schedule::check_texts(test.kernel, {}, options);
    if (!decided.plan) {
        return false;
    }
    test.schedule = "schedule " + test.kernel.name + "\n" + decided.plan->completion_why;
    return is_accepted(test);
}

struct Drawn {
    std::vector<Case> cases;
    std::size_t refused = 0;
};

void add(Drawn& drawn, Case test, std::uint64_t seed) {
    test.threads = seed % 2 == 0 ? 2 : 16;
    test.target = seed % 3 == 0 ? "x86-64-sse41" : "host";
    if (decide(test, seed)) {
        drawn.cases.push_back(std::move(test));
    } else {
        ++drawn.refused;
    }
}

void expect_right(const Drawn& drawn) {
    MESSAGE(drawn.cases.size() << " cases, " << drawn.refused << " more that the checker refuses");
    CHECK(drawn.cases.size() > 3 * drawn.refused);
    const Summary summary = run_cases(drawn.cases);
    CHECK(summary.failures == "");
    CHECK((summary.passed == drawn.cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace

TEST_CASE("random kernels under random decisions give the interpreter's results") {
    Drawn drawn;
    const std::uint64_t first = first_seed();
    for (std::uint64_t seed = first; seed < first + (is_long_run() ? 1000U : 60U); ++seed) {
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
        for (std::uint64_t seed = first; seed < first + (is_long_run() ? 40U : 3U); ++seed) {
            add(drawn, make_case(kernel, seed), seed);
        }
    }
    expect_right(drawn);
}
