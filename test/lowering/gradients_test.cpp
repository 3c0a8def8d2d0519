// Gradients of the model kernels under their default schedules.

#include "cases.hpp"
#include "coulter/transform.hpp"
#include "forked.hpp"
#include "models/kernels.hpp"
#include "support/run_options.hpp"

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
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " cases, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}
