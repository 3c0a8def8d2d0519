// Results and gradients of the library's functions against those of PyTorch, in f64: test/goldens/gradients.

#include "coulter/interpreter.hpp"
#include "coulter/transform.hpp"
#include "models/goldens.hpp"
#include "models/kernels.hpp"
#include "models/library.hpp"
#include "support/json.hpp"
#include "support/safetensors_read.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <set>

using namespace coulter;
using namespace coulter::test;

namespace {

struct Golden {
    std::string kernel;
    std::string name;                 ///< `<kernel>/<case>`
    std::map<std::string, Array> all; ///< results, cotangents `d.<output>`, gradients `d.<input>`
};

std::vector<Golden> gradient_goldens() {
    const std::string folder = std::string(COULTER_TEST_DIR) + "/goldens/gradients/";
    std::vector<Golden> goldens;
    const nlohmann::json manifest = read_json(folder + "manifest.json");
    for (const auto& entry : manifest.at("cases")) {
        const auto kernel = entry.at("kernel").get<std::string>();
        goldens.push_back({kernel, kernel + "/" + entry.at("case").get<std::string>(),
                           read_safetensors(folder + entry.at("file").get<std::string>())});
    }
    return goldens;
}

const KernelFactory& factory_of(const std::string& name) {
    for (const auto* list : {&models::library(), &models::kernels()}) {
        const auto at =
            std::find_if(list->begin(), list->end(), [&](const KernelFactory& f) { return f.name == name; });
        if (at != list->end()) {
            return *at;
        }
    }
    throw std::runtime_error("no kernel is called " + name);
}

Array wide(const Array& array) {
    Array result = is_float(array.type) ? Array(Type::f64, array.shape) : array;
    for (std::int64_t i = 0; is_float(array.type) && i < array.size(); ++i) {
        result.set_real(i, array.real(i));
    }
    return result;
}

/// Constants of the kernels are f32 (1e-5 is not 1e-5), and those of PyTorch f64.
const Tolerance nearly{1e-6, 0, 0};

} // namespace

TEST_CASE("results and gradients of the library in f64 are PyTorch's") {
    std::set<std::string> kernels;
    for (const Golden& golden : gradient_goldens()) {
        CAPTURE(golden.name);
        kernels.insert(golden.kernel);
        const std::vector<GoldenCase> cases = golden_cases(golden.kernel);
        const auto at =
            std::find_if(cases.begin(), cases.end(), [&](const GoldenCase& c) { return c.name == golden.name; });
        REQUIRE(at != cases.end());
        const ir::Kernel kernel = factory_of(golden.kernel).make(Params(at->parameters)).ir();
        std::map<std::string, Array> inputs;
        std::vector<std::string> wrt;
        for (const ir::Input& input : kernel.inputs) {
            inputs[input.name] = wide(at->inputs.at(input.name));
            if (golden.all.contains("d." + input.name)) {
                wrt.push_back(input.name);
            }
        }
        InterpretOptions options;
        options.in_double = true;
        const std::map<std::string, Array> results = interpret(kernel, inputs, {}, options);
        for (const std::string& output : kernel.outputs) {
            if (golden.all.contains(output)) {
                const std::string differs = difference(results.at(output), golden.all.at(output), nearly);
                CHECK_MESSAGE(differs == "", output);
            }
        }
        REQUIRE(!wrt.empty());
        const ir::Kernel gradient = grad(kernel, wrt);
        std::map<std::string, Array> given;
        for (const ir::Input& input : gradient.inputs) {
            given[input.name] = inputs.contains(input.name) ? inputs.at(input.name) : golden.all.at(input.name);
        }
        // The gradient of a linear function may not read its input, whose extents it still needs.
        std::map<std::string, std::int64_t> extents;
        for (const ir::Input& input : kernel.inputs) {
            for (std::size_t d = 0; d < input.dims.size(); ++d) {
                const ir::Dim* const dim = gradient.find_dim(input.dims[d]);
                if (dim != nullptr && !dim->size && !dim->extent) {
                    extents[dim->name] = inputs.at(input.name).shape[d];
                }
            }
        }
        const std::map<std::string, Array> gradients = interpret(gradient, given, extents, options);
        for (const std::string& name : wrt) {
            const std::string differs = difference(gradients.at("d." + name), golden.all.at("d." + name), nearly);
            CHECK_MESSAGE(differs == "", "d." << name << ": " << differs);
        }
    }
    CHECK(kernels.size() >= 55);
}
