// The kernels' definitions: the reference interpreter gives what NumPy and PyTorch give, and the texts are as reviewed.

#include "coulter/interpreter.hpp"
#include "coulter/text.hpp"
#include "models/digits_cnn.hpp"
#include "models/goldens.hpp"
#include "models/kernels.hpp"
#include "support/golden.hpp"
#include "support/safetensors_read.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

ir::Kernel make(const std::string& name) {
    for (const KernelFactory& factory : models::kernels()) {
        if (factory.name == name) {
            return factory.make(Params{}).ir();
        }
    }
    FAIL("no kernel " << name);
    return {};
}

} // namespace

TEST_CASE("every kernel interpreted equals NumPy's and PyTorch's results") {
    const std::vector<std::string> kernels = golden_kernels(models::kernels());
    CHECK(kernels.size() == 17);
    for (const std::string& name : kernels) {
        const ir::Kernel kernel = make(name);
        const std::vector<GoldenCase> cases = golden_cases(name);
        CHECK(cases.size() >= 6);
        for (const GoldenCase& golden : cases) {
            CAPTURE(golden.name);
            CHECK(difference_from(golden, interpret(kernel, golden.inputs)) == "");
        }
    }
}

TEST_CASE("a result that is a little off is noticed") {
    const GoldenCase golden = golden_cases("matmul").back();
    std::map<std::string, Array> got = golden.outputs;
    CHECK(difference_from(golden, got) == "");
    Array& c = got.at("c");
    for (std::int64_t i = 0; i < c.size(); ++i) {
        c.set_real(i, c.real(i) + 1e-3);
    }
    CHECK(difference_from(golden, got) != "");
    got.clear();
    CHECK(difference_from(golden, got) == "c is missing\n");
}

TEST_CASE("arguments are named and laid out as the goldens say") {
    for (const std::string& name : golden_kernels(models::kernels())) {
        CAPTURE(name);
        const ir::Kernel kernel = make(name);
        const GoldenCase golden = golden_cases(name).front();
        CHECK(kernel.inputs.size() == golden.inputs.size());
        CHECK(kernel.outputs.size() == golden.outputs.size());
        for (const ir::Input& input : kernel.inputs) {
            CHECK(golden.inputs.contains(input.name));
        }
    }
}

TEST_CASE("the text of every kernel is as reviewed, and parses to the same kernel") {
    for (const KernelFactory& factory : models::kernels()) {
        const ir::Kernel kernel = factory.make(Params{}).ir();
        CAPTURE(factory.name);
        CHECK(kernel.name == factory.name);
        const std::string text = print(kernel);
        CHECK(golden_difference("models/" + factory.name, text) == "");
        const ParseResult parsed = parse(text, factory.name + ".coulter");
        REQUIRE(parsed.kernel);
        CHECK(ir::equal(*parsed.kernel, kernel));
    }
}

TEST_CASE("the digits network interpreted equals PyTorch's logits on the first held-out images") {
    const std::string models = std::string(COULTER_TEST_DIR) + "/../models/";
    std::map<std::string, Array> inputs = read_safetensors(models + "weights/digits_cnn.safetensors");
    const auto expected = read_safetensors(models + "weights/digits_cnn_expected.safetensors");
    const Array images = read_safetensors(models + "data/digits.safetensors").at("held_out_images");
    constexpr std::int64_t count = 8;
    const auto first = [](const Array& array) {
        std::vector<std::int64_t> shape = array.shape;
        shape.front() = count;
        Array part(array.type, shape);
        std::copy_n(array.data.begin(), part.data.size(), part.data.begin());
        return part;
    };
    inputs["image"] = first(images);
    // The file has [256, 64], and the same bytes are [y 2, x 2, channel 64, hidden 64].
    inputs.at("dense1_weight").shape = {2, 2, 64, 64};
    const auto got = interpret(models::digits_cnn().ir(), inputs);
    CHECK(difference(got.at("logits"), first(expected.at("logits")), {0, 1e-4, 0}) == "");
    CHECK(difference(got.at("probabilities"), first(expected.at("probabilities")), {0, 1e-4, 0}) == "");
}
