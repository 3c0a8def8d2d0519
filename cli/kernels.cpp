// coulter kernels

#include "coulter/estimates.hpp"
#include "coulter/fingerprint.hpp"
#include "coulter/tune/json.hpp"
#include "describe.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

struct Options {
    std::vector<std::string> paths;
    std::vector<std::string> sizes;
    bool json = false;
};

std::vector<std::string> texts_in(const std::vector<std::string>& paths) {
    std::vector<std::string> files;
    for (const std::string& path : paths) {
        std::error_code error;
        if (!fs::is_directory(path, error)) {
            files.push_back(path);
            continue;
        }
        std::vector<std::string> found;
        for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
            if (entry.path().extension() == ".coulter") {
                found.push_back(entry.path().string());
            }
        }
        if (error) {
            throw failure(environment, "B008", fmt::format("cannot read `{}`: {}", path, error.message()));
        }
        std::ranges::sort(found);
        files.insert(files.end(), found.begin(), found.end());
    }
    return files;
}

nlohmann::ordered_json tensor_json(const std::string& name, Type type, const std::vector<std::string>& dims) {
    return {{"name", name}, {"type", std::string(coulter::name(type))}, {"dims", dims}};
}

nlohmann::ordered_json describe(const Work& work, const std::map<std::string, std::int64_t>& extents,
                                const std::optional<KernelEstimate>& sizes) {
    nlohmann::ordered_json inputs = nlohmann::ordered_json::array();
    for (const ir::Input& input : work.kernel.inputs) {
        inputs.push_back(tensor_json(input.name, input.type, input.dims));
        inputs.back()["frozen"] = input.frozen;
    }
    nlohmann::ordered_json outputs = nlohmann::ordered_json::array();
    for (const std::string& output : work.kernel.outputs) {
        outputs.push_back(tensor_json(output, work.kernel.types_of(output).front(), work.kernel.dims_of(output)));
    }
    nlohmann::ordered_json one{{"name", work.kernel.name},
                               {"file", work.path},
                               {"fingerprint", fingerprint(work.kernel)},
                               {"signature", signature(work.kernel)},
                               {"inputs", inputs},
                               {"outputs", outputs},
                               {"extents", extents}};
    one["flops"] = sizes ? nlohmann::ordered_json(sizes->flops) : nlohmann::ordered_json();
    one["bytes"] = sizes ? nlohmann::ordered_json(sizes->argument_bytes) : nlohmann::ordered_json();
    return one;
}

int kernels(const Options& options) {
    const std::vector<std::string> files = texts_in(options.paths);
    if (files.empty()) {
        throw Failure(refused, fmt::format("error: no .coulter file in {}\n", quoted_list(options.paths)));
    }
    LoadOptions load_options;
    load_options.plans = false;
    const Loaded loaded = load(files, {}, load_options);
    loaded.require_good();
    const auto given = parse_sizes(options.sizes);
    std::vector<std::vector<std::string>> rows{{"kernel", "FLOPs", "bytes", "signature"}};
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const Work& work : loaded.work) {
        std::map<std::string, std::int64_t> sizes;
        for (const auto& [dim, size] : given) {
            if (work.kernel.find_dim(dim) != nullptr) {
                sizes[dim] = size;
            }
        }
        const auto extents = resolve_extents(work.kernel, work.sizes, sizes);
        std::optional<KernelEstimate> figures;
        if (extents.size() == work.kernel.dims.size()) {
            figures = estimate(work.kernel, extents);
        }
        all.push_back(describe(work, extents, figures));
        rows.push_back({work.kernel.name, figures ? with_prefix(figures->flops) : "?",
                        figures ? with_prefix(static_cast<double>(figures->argument_bytes)) : "?",
                        signature(work.kernel)});
    }
    std::cout << (options.json ? tune::print_json(all, 2) + '\n' : table(rows, {false, true, true, false}));
    return good;
}

} // namespace

void add_kernels(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "kernels", "List kernels with their signatures, FLOPs and bytes",
                    "  coulter kernels build/texts\n      every .coulter file of the folder, at its estimated sizes\n"
                    "  coulter kernels conv_capsules.coulter --sizes batch=1 --json");
    const auto options = std::make_shared<Options>();
    command->add_option("paths", options->paths, "folders and .coulter files")->required()->type_name("DIR|FILE...");
    command->add_option("--sizes", options->sizes, "extents in place of the estimates")->type_name("dim=n,...");
    command->add_flag("--json", options->json, "JSON on standard output");
    command->callback([options, &run] { run = [options] { return kernels(*options); }; });
}

} // namespace coulter::cli
