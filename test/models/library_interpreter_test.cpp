// The definitions of the library's kernels: the reference interpreter gives what NumPy and PyTorch give.

#include "coulter/interpreter.hpp"
#include "coulter/text.hpp"
#include "models/goldens.hpp"
#include "models/library.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

TEST_CASE("every kernel of the library interpreted equals NumPy's and PyTorch's results") {
    CHECK(golden_kernels(models::library()).size() == models::library().size());
    for (const KernelFactory& factory : models::library()) {
        const std::vector<GoldenCase> cases = golden_cases(factory.name);
        CHECK(cases.size() >= 2);
        for (const GoldenCase& golden : cases) {
            CAPTURE(golden.name);
            const ir::Kernel kernel = factory.make(Params(golden.parameters)).ir();
            CHECK(difference_from(golden, interpret(kernel, golden.inputs)) == "");
        }
    }
}

TEST_CASE("the library's arguments are named as the goldens say, and its texts parse to the same kernels") {
    for (const KernelFactory& factory : models::library()) {
        CAPTURE(factory.name);
        const ir::Kernel kernel = factory.make(Params{}).ir();
        CHECK(kernel.name == factory.name);
        const GoldenCase golden = golden_cases(factory.name).front();
        CHECK(kernel.inputs.size() == golden.inputs.size());
        CHECK(kernel.outputs.size() == golden.outputs.size());
        for (const ir::Input& input : kernel.inputs) {
            CHECK(golden.inputs.contains(input.name));
        }
        for (const ir::Dim& dim : kernel.dims) {
            // A tuning knows what it tunes for: each dim has a size or an estimate, or follows from others.
            CHECK((dim.size || dim.extent || kernel.estimates.contains(dim.name) ||
                   std::none_of(kernel.inputs.begin(), kernel.inputs.end(), [&](const ir::Input& input) {
                       return std::find(input.dims.begin(), input.dims.end(), dim.name) != input.dims.end();
                   })));
        }
        const std::string text = print(kernel);
        CHECK(golden_difference("models/" + factory.name, text) == "");
        const ParseResult parsed = parse(text, factory.name + ".coulter");
        REQUIRE(parsed.kernel);
        CHECK(ir::equal(*parsed.kernel, kernel));
    }
}
