// Gradients of random kernels.

#include "gradients/gradient_check.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

TEST_CASE("gradients of random kernels equal central differences") {
    const std::uint64_t first = first_seed();
    const int count = is_long_run() ? 1000 : 60;
    int compared = 0;
    int left_out = 0;
    int kernels = 0;
    for (std::uint64_t seed = first; seed < first + static_cast<std::uint64_t>(count); ++seed) {
        RandomKernelOptions options;
        options.stages = 3 + static_cast<int>(seed % 5);
        options.grids = seed % 3 == 0;
        const ir::Kernel kernel = random_kernel(seed, options);
        for (const std::uint64_t shape : {0U, 1U}) {
            const std::vector<std::string> inputs = float_inputs(kernel);
            const std::string& wrt = inputs[(seed + shape) % inputs.size()];
            GradientCase test{kernel, {wrt}, {kernel.estimates.begin(), kernel.estimates.end()}, seed + 7 * shape};
            if (shape == 1) {
                test.extents["i"] += 1;
                test.extents["j"] = 2;
            }
            test.elements = 12;
            test.any_kinks = true;
            CAPTURE(seed);
            CAPTURE(shape);
            CAPTURE(wrt);
            const GradientResult result = check_gradient(test);
            // Not every input has an influence.
            const bool none = result.message.find("[G003]") != std::string::npos;
            CHECK_MESSAGE((none || result.error <= 1e-6), result.message);
            compared += result.compared;
            left_out += result.left_out;
            kernels += result.compared > 0 ? 1 : 0;
        }
    }
    MESSAGE(kernels << " of " << 2 * count << " compared, in " << compared << " directions, " << left_out
                    << " left out");
    CHECK(kernels > count * 3 / 4);
    CHECK(left_out < compared / 2);
}
