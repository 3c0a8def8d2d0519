// coulter transform

#include "coulter/transform.hpp"

#include "coulter/text.hpp"
#include "coulter/tune/json.hpp"
#include "coulter/vmap.hpp"
#include "files.hpp"
#include "inputs.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace {

struct Options {
    std::string file;
    std::vector<std::string> grad;
    std::vector<std::string> value_and_grad;
    std::vector<std::string> jvp;
    std::string vmap;
    std::vector<std::string> layouts;
    std::optional<std::int64_t> extent;
    std::optional<std::int64_t> estimate;
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

/// The parts between commas; parts may be empty.
std::vector<std::string> parts_of(const std::string& text) {
    std::vector<std::string> parts(1);
    for (const char c : text) {
        if (c == ',') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return parts;
}

/// What `--layout TENSOR=DIM,...` say.
std::map<std::string, std::vector<std::string>> layouts_of(const std::vector<std::string>& given) {
    std::map<std::string, std::vector<std::string>> layouts;
    for (const std::string& each : given) {
        const std::size_t equals = each.find('=');
        const std::string tensor = each.substr(0, equals);
        if (equals == std::string::npos || equals == 0 || equals + 1 == each.size()) {
            throw Failure(usage,
                          fmt::format("error: `--layout {}` is no layout\nhelp: --layout TENSOR=DIM,...\n", each));
        }
        if (!layouts.emplace(tensor, parts_of(each.substr(equals + 1))).second) {
            throw Failure(usage,
                          fmt::format("error: `{}` has two layouts\nhelp: --layout once for each tensor\n", tensor));
        }
    }
    return layouts;
}

ir::Kernel lifted(const ir::Kernel& kernel, const Options& options) {
    const std::size_t colon = options.vmap.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == options.vmap.size()) {
        throw Failure(usage, fmt::format("error: `--vmap {}` does not say which inputs get which dim\n"
                                         "help: --vmap DIM:INPUT,...\n",
                                         options.vmap));
    }
    VmapOptions how;
    how.layouts = layouts_of(options.layouts);
    how.size = options.extent;
    how.estimate = options.estimate;
    return vmap(kernel, options.vmap.substr(0, colon), parts_of(options.vmap.substr(colon + 1)), how);
}

ir::Kernel transformed(const ir::Kernel& kernel, const Options& options, GradientReport& report) {
    if (!options.vmap.empty()) {
        return lifted(kernel, options);
    }
    if (!options.jvp.empty()) {
        return jvp(kernel, options.jvp);
    }
    return options.grad.empty() ? value_and_grad(kernel, options.value_and_grad, &report)
                                : grad(kernel, options.grad, &report);
}

int transform(const Options& options) {
    const bool differentiates = !options.grad.empty() || !options.value_and_grad.empty();
    const int forms = static_cast<int>(!options.grad.empty()) + static_cast<int>(!options.value_and_grad.empty()) +
                      static_cast<int>(!options.jvp.empty()) + static_cast<int>(!options.vmap.empty());
    if (forms != 1) {
        throw Failure(usage,
                      fmt::format("error: {}\nhelp: --grad INPUT,..., --value-and-grad INPUT,..., --jvp INPUT,... or "
                                  "--vmap DIM:INPUT,...\n",
                                  forms == 0 ? "what is wanted is not said"
                                             : "one transformation at a time; the result can be transformed again"));
    }
    const bool lifts = !options.vmap.empty();
    if (!lifts && (!options.layouts.empty() || options.extent || options.estimate)) {
        throw Failure(usage, "error: --layout, --extent and --estimate are about the dim of --vmap\n");
    }
    if (options.report && !differentiates) {
        throw Failure(usage, "error: --report is about gradients\nhelp: --grad INPUT,...\n");
    }
    LoadOptions load_options;
    load_options.plans = false;
    const Loaded loaded = load({options.file}, {}, load_options);
    loaded.require_good();
    const ir::Kernel& kernel = loaded.work.front().kernel;
    GradientReport report;
    const ir::Kernel result = transformed(kernel, options, report);
    const std::filesystem::path file = options.output.empty() ? result.name + ".coulter" : options.output;
    write_to(result, file);
    if (options.json) {
        nlohmann::ordered_json json{{"kernel", result.name}, {"file", file.string()}};
        if (differentiates) {
            json["gradient"] = tune::parse_json(to_json(report));
        }
        std::cout << tune::print_json(json, 2) << '\n';
    } else if (options.report) {
        std::cout << to_text(report);
    }
    return good;
}

} // namespace

void add_transform(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "transform",
        "Make a kernel of a kernel: its gradient, its derivative along a direction, or the same for each index of "
        "another dim",
        "  coulter transform conv_capsules.coulter --grad pose,weight -o conv_capsules.grad.coulter\n"
        "      the gradients by these inputs, given those of the outputs\n"
        "  coulter transform conv_capsules.coulter --grad pose --report\n"
        "      says which gradients are gathers or scatters, and why, and what they read\n"
        "  coulter transform loss.coulter --value-and-grad weight\n"
        "      the loss and its gradient in one kernel\n"
        "  coulter transform loss.grad.coulter --jvp weight\n"
        "      the product of the Hessian with a direction: forward mode over the gradient\n"
        "  coulter transform layer.coulter --vmap batch:image -o layer.vmap.coulter\n"
        "      the layer for each image of a batch; --layout image=y,batch,x puts the dim elsewhere in memory");
    const auto options = std::make_shared<Options>();
    command->add_option("file", options->file, "the kernel")->required()->type_name("K.coulter");
    command->add_option("--grad", options->grad, "inputs whose gradients are wanted")
        ->delimiter(',')
        ->type_name("INPUT,...");
    command
        ->add_option("--value-and-grad", options->value_and_grad,
                     "inputs whose gradients are wanted beside the kernel's own outputs")
        ->delimiter(',')
        ->type_name("INPUT,...");
    command->add_option("--jvp", options->jvp, "inputs along whose tangents the derivatives of outputs are wanted")
        ->delimiter(',')
        ->type_name("INPUT,...");
    command->add_option("--vmap", options->vmap, "a new dim, and the inputs that get it")->type_name("DIM:INPUT,...");
    command->add_option("--layout", options->layouts, "where the new dim lies in a tensor's memory (outermost)")
        ->type_name("TENSOR=DIM,...");
    command->add_option("--extent", options->extent, "constant extent of the new dim (that of the inputs)")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31));
    command->add_option("--estimate", options->estimate, "typical extent of the new dim, for tuning")
        ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 31));
    command
        ->add_option("-o,--output", options->output,
                     "where to write it (<kernel>.grad.coulter, .jvp.coulter or .vmap.coulter)")
        ->type_name("OUT.coulter");
    command->add_flag("--report", options->report, "print how each gradient is computed");
    command->add_flag("--json", options->json, "what was made, and the report, as JSON on standard output");
    command->callback([options, &run] { run = [options] { return transform(*options); }; });
}

} // namespace coulter::cli
