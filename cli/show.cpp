// coulter show

#include "coulter/text.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "lowering.hpp"
#include "progress.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iostream>
#include <memory>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::string form = "loops";
    std::string target = "host";
    std::string print_after;
    bool time_passes = false;
    bool verbose = false;
    Limits limits;
};

const std::vector<std::string> forms{"ir", "loops", "schedule", "halide", "asm"};

// What only the compiler can tell.
std::string compiled(const Options& options, const Loaded& loaded) {
    const TemporaryDirectory scratch;
    const std::string file = (scratch.path() / "shown").string();
    LowerRequest request;
    request.work = &loaded.work.front();
    request.target = loaded.target.name;
    (options.form == "asm" ? request.assembly : request.statement) = file;
    request.print_after = options.print_after;
    request.time_passes = options.time_passes;
    request.verbose = options.verbose;
    request.limits = options.limits;
    request.repro = std::filesystem::temp_directory_path();
    {
        Progress progress;
        progress.show("compiling " + request.work->kernel.name);
        run_lower(request);
    }
    return read_file(file);
}

int show(const Options& options) {
    if (options.form == "ptx" || options.form == "cuda") {
        throw Failure(usage, fmt::format("error: `show --as {}` is not built yet\n", options.form));
    }
    if (std::ranges::find(forms, options.form) == forms.end()) {
        const std::string close = closest_match(options.form, forms);
        throw Failure(usage,
                      fmt::format("error: --as does not know `{}`\nhelp: {}known are {}\n", options.form,
                                  close.empty() ? "" : fmt::format("did you mean `{}`? ", close), quoted_list(forms)));
    }
    const KernelAndSchedules files = split_files(options.files);
    const Loaded loaded = load({files.kernel}, files.schedules, {options.target, true});
    loaded.require_good();
    const Work& work = loaded.work.front();
    if (options.form == "ir") {
        std::cout << print(work.schedules.empty() ? work.kernel : work.plan.kernel);
    } else if (options.form == "loops") {
        std::cout << schedule::loops_text(work.plan);
    } else if (options.form == "schedule") {
        std::cout << schedule_in_force(work.kernel, work.plan);
    } else {
        std::cout << compiled(options, loaded);
    }
    return good;
}

} // namespace

void add_show(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "show", "Show a kernel at one of the stages of its compilation",
                    "  coulter show conv_capsules.coulter --as ir\n"
                    "      the kernel; with a schedule, as the schedule's copies, packs and accumulators leave it\n"
                    "  coulter show conv_capsules.coulter conv_capsules.sched --as loops\n      the loop nests\n"
                    "  coulter show conv_capsules.coulter conv_capsules.sched --as schedule\n"
                    "      the schedule in force, with what the default schedule added\n"
                    "  coulter show conv_capsules.coulter conv_capsules.sched --as asm --target x86-64-avx2");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command->add_option("--as", options->form, "ir, loops, schedule, halide or asm (loops)")->type_name("FORM");
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--print-after", options->print_after, "print the state after a pass, or after `all`");
    command->add_flag("--time-passes", options->time_passes, "print the time of each pass");
    command->add_flag("-v,--verbose", options->verbose, "print each command that runs");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return show(*options); }; });
}

} // namespace coulter::cli
