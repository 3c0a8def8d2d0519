// coulter check

#include "launches.hpp"
#include "lowering.hpp"
#include "variants.hpp"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::string target;
    std::vector<std::string> architectures;
    bool json = false;
    Limits limits;
};

/// Warnings of what only the code of a device's kernels shows.
void check_launches(const Options& options, Loaded& loaded) {
    const Assembler assembler{require_ptxas(), parse_architectures(options.architectures)};
    for (const Work& work : loaded.work) {
        for (const std::string& part : part_names(work)) {
            const DeviceCode code = device_code(work, part, loaded.target.name, assembler, options.limits);
            loaded.report.add(spill_warnings(work, plan_of_part(work, part), code));
        }
    }
}

int check(const Options& options) {
    std::vector<std::string> kernels;
    std::vector<std::string> schedules;
    for (const std::string& file : options.files) {
        const std::string extension = std::filesystem::path(file).extension();
        if (extension != ".coulter" && extension != ".sched") {
            throw Failure(usage, "error: `" + file + "` is neither a .coulter nor a .sched file\n");
        }
        (extension == ".sched" ? schedules : kernels).push_back(file);
    }
    if (kernels.empty()) {
        throw Failure(usage, "error: a .coulter file is wanted\n");
    }
    if (!options.architectures.empty()) {
        require_cuda("--arch", options.target);
    }
    Loaded loaded = load(kernels, schedules, {options.target, true});
    if (!options.architectures.empty() && !loaded.report.has_errors()) {
        check_launches(options, loaded);
    }
    if (options.json) {
        std::cout << '[';
        bool first = true;
        for (const Diagnostic& diagnostic : loaded.report.diagnostics()) {
            std::cout << (first ? "\n  " : ",\n  ") << to_json(diagnostic);
            first = false;
        }
        std::cout << (first ? "]\n" : "\n]\n");
    } else {
        std::cerr << loaded.report.text();
        for (const Work& work : loaded.work) {
            std::cerr << coverage(work, loaded.target.name);
        }
    }
    return !loaded.report.has_errors() ? good : loaded.target_matches ? refused : no_schedule;
}

} // namespace

void add_check(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "check", "Check schedules against a kernel, without compiling it",
                    "  coulter check conv_capsules.coulter conv_capsules.sched\n"
                    "  coulter check conv_capsules.coulter conv_capsules.sched --json\n"
                    "      the diagnostics as JSON on standard output, also when there are none\n"
                    "  coulter check matmul.coulter m.sched --target host-cuda --arch sm_80,sm_90\n"
                    "      compiles too, and warns of launches that spill registers");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "kernels and schedules")
        ->required()
        ->type_name("K.coulter S.sched...");
    command->add_option("--target", options->target, "refuse schedules that are not for this processor (any)")
        ->type_name("T");
    command
        ->add_option("--arch", options->architectures,
                     "with a CUDA target: compile for these of NVIDIA's architectures, and warn of spilled registers")
        ->type_name("SM,...");
    command->add_flag("--json", options->json, "JSON on standard output");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return check(*options); }; });
}

} // namespace coulter::cli
