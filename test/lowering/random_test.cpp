// Random schedules: what the checker accepts gives the interpreter's results.

#include "cases.hpp"
#include "forked.hpp"
#include "models/em_routing.hpp"
#include "support/random_schedule.hpp"
#include "support/run_options.hpp"
#include "support/shipped_schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <fmt/core.h>
#include <regex>

using namespace coulter;
using namespace coulter::test;
using schedule::Numerics;

namespace {

using Draw = std::function<std::string(std::uint64_t seed, const RandomScheduleOptions&)>;
using Make = std::function<Case(std::uint64_t seed)>;
using Wanted = std::function<bool(const std::string& schedule)>;

/// Cases of one kernel or more, and what a reader of the output wants to know of them.
struct Drawn {
    std::vector<Case> cases;
    std::string counts; ///< "matmul 8 of 9, ..."
};

// The next `count` seeds whose schedule is wanted and accepted by the checker; modular forms of two thirds of them.
void add_accepted(Drawn& drawn, int count, std::uint64_t& seed, const Make& make, const Draw& draw,
                  const Wanted& wanted = {}) {
    int accepted = 0;
    int trials = 0;
    std::string name;
    for (; accepted < count && trials < 60 * count; ++trials, ++seed) {
        RandomScheduleOptions options;
        const Numerics modes[] = {Numerics::reassociate, Numerics::reassociate, Numerics::reassociate, Numerics::exact,
                                  Numerics::fast};
        options.numerics = modes[seed % 5];
        options.directives = 3 + static_cast<int>(seed % 3);
        Case test = make(seed);
        name = test.kernel.name;
        test.schedule = draw(seed, options);
        if (wanted && !wanted(test.schedule)) {
            continue;
        }
        if (seed % 3 != 0) {
            test.schedule = modular_schedule(test.kernel, test.schedule, seed);
        }
        test.special = seed % 4 == 0 && options.numerics != Numerics::fast;
        if (is_accepted(test)) {
            drawn.cases.push_back(std::move(test));
            ++accepted;
        }
    }
    drawn.counts += fmt::format("{}{} {} of {}", drawn.counts.empty() ? "" : ", ", name, accepted, trials);
}

void add_accepted(Drawn& drawn, const SizedKernel& kernel, int count, std::uint64_t& seed) {
    add_accepted(
        drawn, count, seed, [&](std::uint64_t each) { return make_case(kernel, each); },
        [&](std::uint64_t each, const RandomScheduleOptions& options) {
            return random_schedule(kernel.kernel, each, options);
        });
}

// How many of the schedules have each of the forms: "`rfactor` 12, ...".
std::string with_forms(const Drawn& drawn, const std::vector<std::string>& forms) {
    std::string text;
    for (const std::string& form : forms) {
        const auto count = std::count_if(drawn.cases.begin(), drawn.cases.end(), [&](const Case& each) {
            return each.schedule.find(form) != std::string::npos;
        });
        CAPTURE(form);
        CHECK(count > 0);
        text += fmt::format("{}`{}` {}", text.empty() ? "" : ", ", form, count);
    }
    return text;
}

void expect_passed(const Drawn& drawn) {
    const Summary summary = run_cases(drawn.cases);
    MESSAGE(drawn.cases.size() << " accepted schedules, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == drawn.cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace

TEST_CASE("accepted random schedules over known kernels give the interpreter's results") {
    Drawn drawn;
    const std::vector<SizedKernel> kernels = lowering_kernels();
    REQUIRE(kernels.size() >= 16);
    const int each = is_long_run() ? 200 : 5;
    std::uint64_t first = first_seed() + 1;
    for (const SizedKernel& kernel : kernels) {
        std::uint64_t seed = first; // what is drawn first depends on the seed alone: the same seeds give the same forms
        add_accepted(drawn, kernel, each, seed);
        first += 1000;
    }
    CHECK(drawn.cases.size() == kernels.size() * static_cast<std::size_t>(each));
    const std::string forms = with_forms(drawn, {"rfactor", "like", "macro", "extend", "tune", "variant"});
    MESSAGE("accepted of those drawn: " << drawn.counts << "; with " << forms);
    expect_passed(drawn);
}

// Compiling one of them takes as long as a dozen others. Most start from the schedule that the kernel is shipped with,
// which is where people change something.
TEST_CASE("accepted random schedules over em_routing give the interpreter's results") {
    Drawn drawn;
    const SizedKernel kernel = sized_by_inputs(models::em_routing().ir());
    const std::string shipped = shipped_schedule("em_routing");
    const int varied = is_long_run() ? 100 : 4;
    const int anew = is_long_run() ? 20 : 1;
    // An activation below 0 gives variances below 0, whose logarithm is NaN: not what `numerics fast` is for.
    const Make make = [&](std::uint64_t seed) {
        Case test = make_case(kernel, seed, 200000);
        Array activation = make_inputs(test, all_extents(test.kernel, test.extents)).at("activation");
        for (std::int64_t i = 0; i < activation.size(); ++i) {
            activation.set_real(i, std::min(std::abs(activation.real(i)), 1.0));
        }
        test.inputs.emplace("activation", std::move(activation));
        test.tolerance[Type::f32] = {1e-3, 0, 0}; // three iterations, each of which sharpens the differences
        return test;
    };
    const auto accepts = [&](const std::string& text) {
        Case test;
        test.kernel = kernel.kernel;
        test.schedule = text;
        return is_accepted(test);
    };
    std::uint64_t seed = first_seed() + 1;
    add_accepted(drawn, varied, seed, make, [&](std::uint64_t each, const RandomScheduleOptions& options) {
        return varied_schedule(kernel.kernel, shipped, each, accepts, options);
    });
    seed = first_seed() + 200000;
    add_accepted(drawn, anew, seed, make, [&](std::uint64_t each, const RandomScheduleOptions& options) {
        return random_schedule(kernel.kernel, each, options);
    });
    CHECK(drawn.cases.size() == static_cast<std::size_t>(varied + anew));
    const std::string forms = with_forms(drawn, {"[*]", "use em.", "variant"});
    MESSAGE("accepted of those drawn: " << drawn.counts << "; with " << forms);
    expect_passed(drawn);
}

TEST_CASE("accepted random schedules with fused loops of fused loops give the interpreter's results") {
    Drawn drawn;
    std::uint64_t first = first_seed() + 300000;
    const std::regex nested("fuse (fused|\\S+ fused)");
    const Wanted wanted = [&](const std::string& schedule) {
        return std::regex_search(schedule, nested) && schedule.find("/fused") != std::string::npos;
    };
    const auto add = [&](const SizedKernel& kernel, int count) {
        std::uint64_t seed = first;
        add_accepted(
            drawn, count, seed, [&](std::uint64_t each) { return make_case(kernel, each); },
            [&](std::uint64_t each, RandomScheduleOptions options) {
                options.nested_fuses = true;
                options.directives += 2;
                return random_schedule(kernel.kernel, each, options);
            },
            wanted);
        first += 1000;
    };
    for (const SizedKernel& kernel : lowering_kernels()) {
        add(kernel, is_long_run() ? 100 : 2);
    }
    for (std::uint64_t i = 0; i < (is_long_run() ? 300U : 20U); ++i) {
        add(random_sized_kernel(first_seed() + 9000 + i, 3 + static_cast<int>(i % 3)), 1);
    }
    const std::string forms = with_forms(drawn, {"fuse fused", "/fused", "parallel fused"});
    MESSAGE("accepted of those drawn: " << drawn.counts << "; with " << forms);
    expect_passed(drawn);
}

TEST_CASE("accepted random schedules over random kernels give the interpreter's results") {
    Drawn drawn;
    const std::uint64_t kernels = is_long_run() ? 1000 : 45;
    const std::uint64_t first = first_seed() + 100000;
    std::uint64_t seed = first;
    for (std::uint64_t i = 0; i < kernels; ++i) {
        add_accepted(drawn, random_sized_kernel(first_seed() + 7000 + i, 3 + static_cast<int>(i % 3)), 1, seed);
        seed = first + 100 * (i + 1);
    }
    CHECK(drawn.cases.size() * 10 >= kernels * 8);
    expect_passed(drawn);
}
