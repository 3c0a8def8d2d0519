// Gradients of the kernels of models/library.hpp, at inputs of their goldens.

#include "gradients/gradient_check.hpp"
#include "models/goldens.hpp"
#include "models/library.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <set>

using namespace coulter;
using namespace coulter::test;

namespace {

/// No gradient: integers to integers, and rounding.
const std::set<std::string>& without_gradient() {
    static const std::set<std::string> list{"philox", "quantise_i8", "quantise_i8_groups", "quantise_affine",
                                            "quantise_i4"};
    return list;
}

bool is_finite(const Array& array) {
    for (std::int64_t i = 0; i < array.size(); ++i) {
        if (is_float(array.type) && !std::isfinite(array.real(i))) {
            return false;
        }
    }
    return true;
}

/// The case's inputs in f64; nothing where some are not finite.
std::map<std::string, Array> inputs_of(const GoldenCase& golden) {
    std::map<std::string, Array> inputs;
    for (const auto& [name, array] : golden.inputs) {
        if (!is_finite(array)) {
            return {};
        }
        Array& wide = inputs[name] = is_float(array.type) ? Array(Type::f64, array.shape) : array;
        for (std::int64_t i = 0; is_float(array.type) && i < array.size(); ++i) {
            wide.set_real(i, array.real(i));
        }
    }
    return inputs;
}

} // namespace

TEST_CASE("gradients of the library's kernels equal central differences") {
    for (const KernelFactory& factory : models::library()) {
        if (without_gradient().contains(factory.name)) {
            continue;
        }
        int shapes = 0;
        for (const GoldenCase& golden : golden_cases(factory.name)) {
            const std::map<std::string, Array> inputs = inputs_of(golden);
            if (inputs.empty() || shapes == 3) {
                continue;
            }
            CAPTURE(golden.name);
            GradientCase test{factory.make(Params(golden.parameters)).ir(), {}, {}};
            test.inputs = inputs;
            test.elements = 12;
            test.any_kinks = true;
            for (const ir::Input& input : test.kernel.inputs) {
                for (std::size_t i = 0; i < input.dims.size(); ++i) {
                    test.extents[input.dims[i]] = inputs.at(input.name).shape[i];
                }
            }
            const GradientResult result = check_gradient(test);
            CHECK_MESSAGE(result.error <= 1e-6, result.message.substr(0, 400));
            // The cosine of two numbers is 1 or -1, whatever they are.
            CHECK((result.compared > 0 || golden.name == "pairwise_cosine/one"));
            ++shapes;
        }
        CHECK(shapes >= 2);
    }
}
