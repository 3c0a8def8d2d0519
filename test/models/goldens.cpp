#include "models/goldens.hpp"

#include "support/json.hpp"
#include "support/safetensors_read.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

namespace coulter::test {
namespace {

/// A manifest, and the folder that its files lie in.
struct Manifest {
    std::string folder;
    nlohmann::json json;
};

Manifest read_manifest(const std::string& folder) {
    return {folder, read_json(folder + "manifest.json")};
}

const std::vector<Manifest>& manifests() {
    static const std::string goldens = std::string(COULTER_TEST_DIR) + "/goldens/";
    static const std::vector<Manifest> parsed{read_manifest(goldens), read_manifest(goldens + "library/")};
    return parsed;
}

} // namespace

std::vector<std::string> golden_kernels(const std::vector<KernelFactory>& among) {
    std::vector<std::string> names;
    for (const Manifest& manifest : manifests()) {
        for (const auto& entry : manifest.json.at("cases")) {
            const auto kernel = entry.at("kernel").get<std::string>();
            const bool wanted = std::any_of(among.begin(), among.end(),
                                            [&](const KernelFactory& factory) { return factory.name == kernel; });
            if (wanted && std::find(names.begin(), names.end(), kernel) == names.end()) {
                names.push_back(kernel);
            }
        }
    }
    return names;
}

std::vector<GoldenCase> golden_cases(const std::string& kernel) {
    std::vector<GoldenCase> cases;
    for (const auto& [folder, json] : manifests()) {
        for (const auto& entry : json.at("cases")) {
            if (entry.at("kernel") != kernel) {
                continue;
            }
            GoldenCase golden;
            golden.kernel = kernel;
            golden.name = kernel + "/" + entry.at("case").get<std::string>();
            if (entry.contains("parameters")) {
                golden.parameters = entry.at("parameters").get<std::map<std::string, std::string>>();
            }
            auto tensors = read_safetensors(folder + entry.at("file").get<std::string>());
            const nlohmann::json& arguments = json.at("kernels").at(kernel);
            for (const auto& [name, dims] : arguments.at("inputs").items()) {
                golden.inputs[name] = tensors.at(name);
            }
            for (const auto& [name, dims] : arguments.at("outputs").items()) {
                const nlohmann::json& allowed = entry.at("tolerance").at(name);
                golden.outputs[name] = tensors.at(name);
                golden.tolerance[name] = {0, allowed.at("atol").get<double>(), allowed.at("rtol").get<double>()};
            }
            cases.push_back(std::move(golden));
        }
    }
    return cases;
}

bool is_ill_conditioned(const std::string& golden_case, const std::string& output) {
    // A mean of 1e4 in f32 is off by up to 5e-4 of the deviation.
    static const std::set<std::string> list{"layer_norm/large_mean:result"};
    return list.contains(golden_case + ":" + output) || golden_case.starts_with("em_routing/") ||
           golden_case.starts_with("capsules_") || golden_case.ends_with("/mean_1000");
}

std::string difference_from(const GoldenCase& golden, const std::map<std::string, Array>& got) {
    std::string text;
    for (const auto& [name, wanted] : golden.outputs) {
        const auto at = got.find(name);
        if (at == got.end()) {
            text += name + " is missing\n";
            continue;
        }
        std::string problem = difference(at->second, wanted, golden.tolerance.at(name));
        if (problem.empty() && !is_ill_conditioned(golden.name, name)) {
            problem = difference(at->second, wanted, Tolerance{1e-5, 0, 0});
        }
        if (!problem.empty()) {
            text += name + ": " + problem + "\n";
        }
    }
    return text;
}

} // namespace coulter::test
