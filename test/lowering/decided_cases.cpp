#include "decided_cases.hpp"

#include "forked.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <random>

namespace coulter::test {
namespace {

schedule::CheckOptions options_of(const Case& test) {
    schedule::CheckOptions options = host_options(true, test.target);
    options.defaults.threads = test.threads;
    options.defaults.sizes = test.typical;
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

} // namespace

void add_decided(Drawn& drawn, Case test, std::uint64_t seed) {
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
    CHECK(summary.refusals == "");
    CHECK((summary.passed == drawn.cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace coulter::test
