// The compiled kernels, through the C interface: they give what NumPy, PyTorch and the interpreter give.

#include "coulter/interpreter.hpp"
#include "models/compiled_kernels.hpp"
#include "models/digits_cnn.hpp"
#include "models/goldens.hpp"
#include "models/kernels.hpp"
#include "support/run_options.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <random>

using namespace coulter;
using namespace coulter::test;

namespace {

const CompiledKernel& compiled(const std::string& name) {
    const auto& list = compiled_kernels();
    const auto at = std::find_if(list.begin(), list.end(), [&](const CompiledKernel& k) { return k.name == name; });
    REQUIRE(at != list.end());
    return *at;
}

std::map<std::string, std::vector<std::int64_t>> shapes_of(const std::map<std::string, Array>& arrays) {
    std::map<std::string, std::vector<std::int64_t>> shapes;
    for (const auto& [name, array] : arrays) {
        shapes[name] = array.shape;
    }
    return shapes;
}

/// Extents for the dims of the inputs: 1, primes, and neighbours of the lengths of vectors and tiles, kept so small
/// that a call takes milliseconds in the interpreter. Routing does more with each element than the others, and is held
/// to smaller ones.
std::map<std::string, std::int64_t> random_extents(const ir::Kernel& kernel, std::mt19937& random) {
    constexpr std::int64_t few[] = {1, 2, 3, 5, 7};
    constexpr std::int64_t some[] = {1, 2, 3, 5, 15, 16, 17};
    const bool routes = kernel.name == "em_routing" || kernel.name == "dynamic_routing";
    constexpr std::int64_t many[] = {1, 2, 3, 7, 15, 16, 17, 23, 31, 32, 33, 48, 63, 64, 65, 97};
    std::map<std::string, std::int64_t> extents;
    for (const ir::Dim& dim : kernel.dims) {
        if (dim.size) {
            extents[dim.name] = *dim.size;
        } else if (dim.name == "iy" || dim.name == "ix") {
            extents[dim.name] = 3 + static_cast<std::int64_t>(random() % (routes ? 5 : 12)); // no window is larger
        } else if (dim.name == "batch" || dim.name == "group") {
            extents[dim.name] = few[random() % std::size(few)];
        } else if (routes) {
            extents[dim.name] = some[random() % std::size(some)];
        } else {
            extents[dim.name] = many[random() % std::size(many)];
        }
    }
    return extents;
}

std::map<std::string, Array> random_inputs(const ir::Kernel& kernel, std::mt19937& random) {
    const std::map<std::string, std::int64_t> extents = random_extents(kernel, random);
    std::map<std::string, Array> inputs;
    for (const ir::Input& input : kernel.inputs) {
        std::vector<std::int64_t> shape;
        for (const std::string& dim : input.dims) {
            shape.push_back(extents.at(dim));
        }
        Array& array = inputs[input.name] = random_array(input.type, shape, random());
        for (std::int64_t i = 0; input.name == "activation" && i < array.size(); ++i) {
            array.set_real(i, std::fabs(array.real(i)) / 2); // in 0 .. 1
        }
    }
    return inputs;
}

} // namespace

TEST_CASE("every compiled kernel equals NumPy's and PyTorch's results and stays within its arguments") {
    int calls = 0;
    for (const std::string& name : golden_kernels(models::kernels())) {
        const CompiledKernel& kernel = compiled(name);
        for (const GoldenCase& golden : golden_cases(name)) {
            for (const Placement placement : {Placement::before_guard, Placement::after_guard, Placement::strided}) {
                CAPTURE(golden.name);
                CAPTURE(static_cast<int>(placement));
                const CallResult result = call(kernel, golden.inputs, shapes_of(golden.outputs), placement);
                CHECK(result.message == "");
                CHECK(result.code == COULTER_OK);
                CHECK(difference_from(golden, result.outputs) == "");
                CHECK(result.gaps_untouched);
                ++calls;
            }
        }
    }
    CHECK(calls > 300);
}

TEST_CASE("every compiled kernel equals the interpreter at random sizes") {
    for (const KernelFactory& factory : models::kernels()) {
        const ir::Kernel kernel = factory.make(Params{}).ir();
        for (std::uint32_t seed = 0; seed < 24; ++seed) {
            CAPTURE(factory.name);
            CAPTURE(seed);
            std::mt19937 random(static_cast<std::uint32_t>(first_seed()) + seed);
            const std::map<std::string, Array> inputs = random_inputs(kernel, random);
            const std::map<std::string, Array> wanted = interpret(kernel, inputs, {}, {.in_double = true});
            const Placement placement = seed % 2 == 0 ? Placement::before_guard : Placement::strided;
            const CallResult result = call(compiled(factory.name), inputs, shapes_of(wanted), placement);
            CHECK(result.message == "");
            REQUIRE(result.code == COULTER_OK);
            for (const auto& output : wanted) {
                CAPTURE(output.first);
                // What rounding allows grows with depth: an error of a logit is one of a probability's exponent.
                const double allowed = factory.name == "em_routing" ? 1e-4 : factory.name == "digits_cnn" ? 4e-5 : 1e-5;
                const Tolerance tolerance{allowed, 0, 0};
                CHECK(difference(result.outputs.at(output.first), output.second, tolerance) == "");
            }
            CHECK(result.gaps_untouched);
        }
    }
}

TEST_CASE("extents that do not fit together are refused, and nothing is written") {
    GoldenCase golden = golden_cases("conv2d").front();
    golden.inputs.at("bias") = random_array(Type::f32, {golden.inputs.at("bias").shape.front() + 1}, 1);
    const CallResult result = call(compiled("conv2d"), golden.inputs, shapes_of(golden.outputs));
    CHECK(result.code == COULTER_ERROR_EXTENT);
    CHECK(result.message.find("bias") != std::string::npos);
    for (const std::byte byte : result.outputs.at("result").data) {
        REQUIRE(byte == std::byte{0xee});
    }
}

TEST_CASE("an image of another type is refused") {
    std::mt19937 random(1);
    const ir::Kernel kernel = models::digits_cnn().ir();
    std::map<std::string, Array> inputs = random_inputs(kernel, random);
    const auto batch = inputs.at("image").shape.front();
    inputs.at("image") = random_array(Type::f32, {batch, 8, 8}, 1);
    const CallResult result =
        call(compiled("digits_cnn"), inputs, {{"logits", {batch, 10}}, {"probabilities", {batch, 10}}});
    CHECK(result.code == COULTER_ERROR_TYPE);
    CHECK(result.message.find("image") != std::string::npos);
}
