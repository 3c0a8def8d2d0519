// coulter transform

#include "coulter/transform.hpp"

#include "coulter/text.hpp"
#include "files.hpp"
#include "inputs.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace {

struct Options {
    std::string file;
    std::vector<std::string> grad;
    std::string jvp;
    std::string vmap;
    std::string output;
    bool report = false;
    bool json = false;
};

/// `file` names the kernel, as what reads the text expects: `<kernel>.coulter`.
void write_to(const ir::Kernel& kernel, const std::filesystem::path& file) {
    if (std::ranges::any_of(
            kernel.consts,
            [](const ir::Const& each) { return each.data.size() > 64 * static_cast<std::size_t>(bytes(each.type)); }) &&
        file.filename() != kernel.name + ".coulter") {
        // Large consts stand in a file beside the text, which is named after the kernel.
        throw Failure(usage, fmt::format("error: `{}` has large consts, which are written beside `{}.coulter`\n"
                                         "help: -o DIRECTORY/{}.coulter\n",
                                         kernel.name, kernel.name, kernel.name));
    }
    const std::filesystem::path directory = file.has_parent_path() ? file.parent_path() : ".";
    try {
        if (file.filename() == kernel.name + ".coulter") {
            write_kernel(kernel, directory);
        } else {
            write_file(file.string(), print(kernel));
        }
    } catch (const std::filesystem::filesystem_error& error) {
        throw failure(environment, "B008", fmt::format("cannot write `{}`: {}", file.string(), error.code().message()));
    }
}

int transform(const Options& options) {
    if (!options.jvp.empty() || !options.vmap.empty()) {
        throw Failure(usage, fmt::format("error: `coulter transform {}` is not built yet\n",
                                         options.jvp.empty() ? "--vmap" : "--jvp"));
    }
    if (options.grad.empty()) {
        throw Failure(usage, "error: what is wanted is not said\nhelp: --grad INPUT,...\n");
    }
    LoadOptions load_options;
    load_options.plans = false;
    const Loaded loaded = load({options.file}, {}, load_options);
    loaded.require_good();
    GradientReport report;
    const ir::Kernel result = grad(loaded.work.front().kernel, options.grad, &report);
    const std::filesystem::path file = options.output.empty() ? result.name + ".coulter" : options.output;
    write_to(result, file);
    if (options.json) {
        nlohmann::ordered_json json{{"kernel", result.name}, {"file", file.string()}};
        json["gradient"] = nlohmann::ordered_json::parse(to_json(report));
        std::cout << json.dump(2) << '\n';
    } else if (options.report) {
        std::cout << to_text(report);
    }
    return good;
}

} // namespace

void add_transform(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "transform", "Make a kernel of a kernel: its gradient",
                    "  coulter transform conv_capsules.coulter --grad pose,weight -o conv_capsules.grad.coulter\n"
                    "      the gradients by these inputs, given those of the outputs\n"
                    "  coulter transform conv_capsules.coulter --grad pose --report\n"
                    "      says which gradients are gathers or scatters, and why, and what they read");
    const auto options = std::make_shared<Options>();
    command->add_option("file", options->file, "the kernel")->required()->type_name("K.coulter");
    command->add_option("--grad", options->grad, "inputs whose gradients are wanted")
        ->delimiter(',')
        ->type_name("INPUT,...");
    command->add_option("--jvp", options->jvp, "(not built yet)")->type_name("INPUT,...");
    command->add_option("--vmap", options->vmap, "(not built yet)")->type_name("DIM:INPUT,...");
    command->add_option("-o,--output", options->output, "where to write it (<kernel>.grad.coulter)")
        ->type_name("OUT.coulter");
    command->add_flag("--report", options->report, "print how each gradient is computed");
    command->add_flag("--json", options->json, "the report as JSON on standard output");
    command->callback([options, &run] { run = [options] { return transform(*options); }; });
}

} // namespace coulter::cli
