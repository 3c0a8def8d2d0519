// Gradients of the model kernels and of random kernels under their default schedules.

#include "cases.hpp"
#include "coulter/transform.hpp"
#include "forked.hpp"
#include "models/kernels.hpp"
#include "support/run_options.hpp"
#include "support/shipped_schedule.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

std::vector<std::string> float_inputs(const ir::Kernel& kernel) {
    std::vector<std::string> names;
    for (const ir::Input& input : kernel.inputs) {
        if (is_float(input.type)) {
            names.push_back(input.name);
        }
    }
    return names;
}

void expect_passed(const std::vector<Case>& cases) {
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " cases, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK(summary.refusals == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

/// The gradient by the first input of a float type that has an influence; nothing where none has.
std::optional<ir::Kernel> any_gradient(const ir::Kernel& kernel) {
    for (const std::string& input : float_inputs(kernel)) {
        try {
            return grad(kernel, {input});
        } catch (const LanguageError& error) {
            const auto& all = error.diagnostics();
            REQUIRE_MESSAGE(
                std::all_of(all.begin(), all.end(), [](const Diagnostic& each) { return each.code == "G003"; }),
                error.what());
        }
    }
    return std::nullopt;
}

/// Nothing where the gradient has too many loops for any extents.
std::optional<Case> any_case(const SizedKernel& kernel, std::uint64_t seed) {
    try {
        return make_case(kernel, seed, 5000);
    } catch (const std::runtime_error&) {
        return std::nullopt;
    }
}

} // namespace

TEST_CASE("gradients of model kernels under their default schedules give the interpreter's results") {
    std::vector<Case> cases;
    for (const KernelFactory& factory : models::kernels()) {
        const ir::Kernel kernel = factory.make(Params{}).ir();
        const SizedKernel gradient = sized_by_inputs(grad(kernel, float_inputs(kernel)));
        for (const std::uint64_t seed : {1, 2}) {
            if (seed == 2 && !is_long_run()) {
                continue;
            }
            Case test = make_case(gradient, seed, factory.name == "digits_cnn" ? 1500000 : 20000);
            test.target = seed == 2 ? "x86-64-sse41" : "host";
            test.threads = seed == 1 ? 2 : 16;
            if (factory.name == "capsule_decoder") {
                // The derivative y * (1 - y) of a sigmoid near 1 has the few digits that y in f32 leaves of 1 - y.
                test.tolerance[Type::f32] = {1e-3, 0, 0};
            }
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

TEST_CASE("the shipped schedule of the gradient of conv_capsules gives the interpreter's results") {
    const auto factory =
        std::find_if(models::kernels().begin(), models::kernels().end(),
                     [](const KernelFactory& each) { return std::string(each.name) == "conv_capsules"; });
    const SizedKernel gradient = sized_by_inputs(grad(factory->make(Params{}).ir(), {"pose", "weight"}));
    Case test = make_case(gradient, 2, 40000);
    test.schedule = shipped_schedule("conv_capsules_grad");
    expect_passed({test});
}

TEST_CASE("the hand-written schedule of EM routing with its gradient gives the interpreter's results") {
    if (!is_long_run()) {
        return; // 40 s; schedule_materialised checks that it is legal
    }
    const auto factory = std::find_if(models::kernels().begin(), models::kernels().end(),
                                      [](const KernelFactory& each) { return std::string(each.name) == "em_routing"; });
    const ir::Kernel kernel = factory->make(Params{}).ir();
    const SizedKernel both = sized_by_inputs(value_and_grad(kernel, float_inputs(kernel)));
    Case test = make_case(both, 3, 40000);
    test.schedule = shipped_schedule("em_routing_value_and_grad");
    expect_passed({test});
}

TEST_CASE("gradients of random kernels under their default schedules are legal and give the interpreter's results") {
    std::vector<Case> cases;
    const std::uint64_t count = is_long_run() ? 500 : 20;
    for (std::uint64_t seed = first_seed() + 1; cases.size() < count; ++seed) {
        const SizedKernel kernel = random_sized_kernel(seed, 2 + static_cast<int>(seed % 4), true, seed % 2 == 0);
        const std::optional<ir::Kernel> gradient = any_gradient(kernel.kernel);
        if (!gradient) {
            continue;
        }
        const std::optional<Case> small = any_case(sized_by_inputs(*gradient), seed);
        if (!small) {
            continue;
        }
        Case test = *small;
        test.target = seed % 3 == 0 ? "x86-64-sse41" : "host";
        test.threads = seed % 2 == 0 ? 2 : 16;
        // Terms of an adjoint cancel, in sums that a schedule reorders.
        test.tolerance[Type::f32] = {1e-4, 0, 0};
        cases.push_back(std::move(test));
    }
    expect_passed(cases);
}
