// The library's kernels compiled with their default schedules, through the C interface.

#include "coulter/interpreter.hpp"
#include "coulter/sizes.hpp"
#include "models/compiled_kernels.hpp"
#include "models/goldens.hpp"
#include "models/library.hpp"

#include <algorithm>
#include <cmath>
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

namespace {

/// Inputs at other extents: random floats in 0.1 to 1, small integers.
std::map<std::string, Array> inputs_at(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents) {
    std::map<std::string, Array> inputs;
    std::uint64_t seed = 1;
    for (const ir::Input& input : kernel.inputs) {
        std::vector<std::int64_t> shape;
        for (const std::string& dim : input.dims) {
            shape.push_back(kernel.find_dim(dim)->size.value_or(extents.contains(dim) ? extents.at(dim) : 0));
        }
        Array array = random_array(input.type, shape, ++seed);
        for (std::int64_t i = 0; i < array.size(); ++i) {
            if (is_float(input.type)) {
                array.set_real(i, 0.1 + 0.9 * std::fabs(array.real(i) - std::floor(array.real(i))));
            } else if (input.type != Type::boolean) {
                array.set_integer(i, (array.integer(i) % 3 + 3) % 3);
            }
        }
        inputs[input.name] = std::move(array);
    }
    return inputs;
}

} // namespace

TEST_CASE("extents of 0 and 1, dim by dim: compiled kernels give what the interpreter gives, or refuse") {
    int results = 0;
    int empty = 0;
    for (const KernelFactory& factory : models::library()) {
        const ir::Kernel kernel = factory.make(Params{}).ir();
        const GoldenCase golden = golden_cases(factory.name).front();
        std::map<std::string, std::int64_t> usual;
        for (const ir::Input& input : kernel.inputs) {
            for (std::size_t d = 0; d < input.dims.size(); ++d) {
                const ir::Dim& dim = *kernel.find_dim(input.dims[d]);
                if (!dim.size && !dim.extent) {
                    usual[dim.name] = std::min<std::int64_t>(golden.inputs.at(input.name).shape[d], 9);
                }
            }
        }
        for (const auto& dim_and_extent : usual) {
            const std::string& dim = dim_and_extent.first;
            for (const std::int64_t extent : {0, 1}) {
                CAPTURE(factory.name);
                CAPTURE(dim);
                CAPTURE(extent);
                std::map<std::string, std::int64_t> extents = usual;
                extents[dim] = extent;
                std::vector<Diagnostic> ignored;
                extents = resolve_extents(kernel, infer_sizes(kernel, ignored), extents);
                const std::map<std::string, Array> inputs = inputs_at(kernel, extents);
                std::map<std::string, std::vector<std::int64_t>> shapes;
                for (const std::string& output : kernel.outputs) {
                    for (const std::string& each : kernel.dims_of(output)) {
                        const auto at = extents.find(each);
                        shapes[output].push_back(at == extents.end() ? 0 : std::max<std::int64_t>(at->second, 0));
                    }
                    shapes.try_emplace(output);
                }
                std::map<std::string, Array> wanted;
                std::string objection;
                try {
                    wanted = interpret(kernel, inputs);
                } catch (const std::runtime_error& error) {
                    objection = error.what();
                }
                const CallResult result = call(compiled(factory.name), inputs, shapes);
                // A call is checked before it runs, for all that its loops may read: it may refuse more.
                CHECK_MESSAGE((result.code != COULTER_OK || objection.empty()), objection);
                CHECK((result.code == COULTER_OK || !result.message.empty()));
                for (const auto& [name, array] : wanted) {
                    if (result.code == COULTER_OK) {
                        CHECK(difference(result.outputs.at(name), array, {2e-5, 1e-30, 0}) == "");
                        ++(array.size() == 0 ? empty : results);
                    }
                }
            }
        }
    }
    CHECK(results > 100);
    CHECK(empty > 50);
}
