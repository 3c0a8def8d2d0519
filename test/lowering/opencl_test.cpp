// Random schedules for a device, run on the OpenCL device that is there: what the checker accepts gives the
// interpreter's results.

#include "cases.hpp"
#include "forked.hpp"
#include "opencl_device.hpp"
#include "schedule/rewrite_kernels.hpp"
#include "support/random_schedule.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <fmt/core.h>

using namespace coulter;
using namespace coulter::test;

namespace {

struct Drawn {
    std::vector<Case> cases;
    int trials = 0;
};

/// The next `count` schedules that the checker accepts.
void add(Drawn& drawn, const SizedKernel& kernel, int count, std::uint64_t seed) {
    for (int accepted = 0, trials = 0; accepted < count && trials < 40 * count; ++trials, ++drawn.trials, ++seed) {
        Case test = make_case(kernel, seed);
        test.name += " on a device, seed " + std::to_string(seed);
        test.target = "host-opencl";
        test.schedule = random_gpu_schedule(kernel.kernel, seed);
        if (test.schedule.find("gpu_blocks") != std::string::npos && is_accepted(test)) {
            drawn.cases.push_back(std::move(test));
            ++accepted;
        }
    }
}

void expect_passed(const Drawn& drawn) {
    const Summary summary = run_cases(drawn.cases);
    MESSAGE(fmt::format("{} of {} drawn schedules accepted, {} passed, {} refused by the lowering", drawn.cases.size(),
                        drawn.trials, summary.passed, summary.refused));
    CHECK_MESSAGE(summary.failures.empty(), summary.failures);
    CHECK(!drawn.cases.empty());
    CHECK(summary.passed >= drawn.cases.size() / 2);
}

} // namespace

TEST_CASE("schedules of the kernels of these tests") {
    skip_without_device();
    Drawn drawn;
    for (const SizedKernel& kernel : lowering_kernels()) {
        const bool half = std::ranges::any_of(kernel.kernel.inputs, [](const auto& input) {
            return input.type == Type::f16 || input.type == Type::bf16;
        });
        if (!half) { // PoCL has no f16, and the checker refuses bf16
            add(drawn, kernel, 2, first_seed());
        }
    }
    expect_passed(drawn);
}

TEST_CASE("schedules of random kernels") {
    skip_without_device();
    Drawn drawn;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + 30; ++seed) {
        add(drawn, random_sized_kernel(seed), 1, seed);
    }
    expect_passed(drawn);
}

TEST_CASE("stages computed in blocks that are fused loops of fused loops") {
    skip_without_device();
    std::vector<Case> cases;
    for (const char* body :
         {"stage c.acc = accumulate c at c/j.i in registers\nstage c { split j by 4; fuse j.o i as a; fuse a h as b; "
          "gpu_blocks b; gpu_threads j.i }\n",
          "stage c.acc = accumulate c at c/t in registers\nstage c { fuse j i as a; fuse a h as b; "
          "split b by 8 as o t; gpu_blocks o; gpu_threads t }\n"}) {
        KernelBuilder b("heads");
        b.dim("h").dim("i").dim("j").dim("k");
        b.input("a", Type::i32, {"h", "i", "k"}).input("b", Type::i32, {"h", "k", "j"});
        b.reduce("c", {"h", "i", "j"}, ir::ReduceOp::sum, {"k"}, {b.read("a") * b.read("b")});
        Case test;
        test.kernel = b.outputs({"c"});
        test.schedule = std::string("schedule heads\n") + body;
        test.extents = {{"h", 3}, {"i", 5}, {"j", 9}, {"k", 7}};
        test.target = "host-opencl";
        test.name = "blocks_" + std::to_string(cases.size() + 1);
        INFO(test.schedule);
        REQUIRE(is_accepted(test));
        cases.push_back(std::move(test));
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK(summary.passed == cases.size());
}
