// The library's kernels compiled with their default schedules, through the C interface.

#include "models/compiled_kernels.hpp"
#include "models/goldens.hpp"
#include "models/library.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

std::map<std::string, std::vector<std::int64_t>> shapes_of(const std::map<std::string, Array>& arrays) {
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& [name, array] : arrays) {
        shapes[name] = array.shape;
    }
    return shapes;
}

const CompiledKernel& compiled(const std::string& name) {
    const auto& list = compiled_library();
    const auto at = std::find_if(list.begin(), list.end(), [&](const CompiledKernel& k) { return k.name == name; });
    REQUIRE(at != list.end());
    return *at;
}

} // namespace

TEST_CASE("every kernel of the library compiled equals NumPy's and PyTorch's results and stays within its arguments") {
    for (const KernelFactory& factory : models::library()) {
        const CompiledKernel& kernel = compiled(factory.name);
        int calls = 0;
        for (const GoldenCase& golden : golden_cases(factory.name)) {
            if (!golden.parameters.empty()) {
                continue; // another kernel than the one that was built
            }
            for (const Placement placement :
                 {Placement::before_guard, Placement::after_guard, Placement::strided, Placement::in_place}) {
                CAPTURE(golden.name);
                CAPTURE(static_cast<int>(placement));
                const CallResult result = call(kernel, golden.inputs, shapes_of(golden.outputs), placement);
                CHECK(result.message == "");
                REQUIRE(result.code == COULTER_OK);
                CHECK(difference_from(golden, result.outputs) == "");
                CHECK(result.gaps_untouched);
                ++calls;
            }
        }
        CHECK(calls >= 8);
    }
}

TEST_CASE("a group that is longer than the rows of an int8 product is refused, and nothing is written") {
    GoldenCase golden = golden_cases("grouped_int8_matmul").front();
    golden.inputs.at("x") = random_array(Type::i8, {2, 5}, 1);
    golden.inputs.at("x_scale") = random_array(Type::f32, {2}, 1);
    golden.inputs.at("weight") = random_array(Type::i8, {3, 5}, 2);
    golden.inputs.at("scale") = random_array(Type::f32, {3, 1}, 3);
    golden.inputs.at("zero") = random_array(Type::i8, {3, 1}, 4);
    const CallResult result = call(compiled("grouped_int8_matmul"), golden.inputs, {{"result", {2, 3}}});
    CHECK(result.code != COULTER_OK);
    CHECK(result.message.find("is read at k") != std::string::npos);
    for (const std::byte byte : result.outputs.at("result").data) {
        REQUIRE(byte == std::byte{0xee});
    }
}
