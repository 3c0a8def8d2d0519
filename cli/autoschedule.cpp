// coulter autoschedule

#include "completed_file.hpp"
#include "completion.hpp"
#include "files.hpp"
#include "inputs.hpp"
#include "machine.hpp"
#include "machine_model.hpp"
#include "verify_cases.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <memory>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string target = "host";
    std::string machine;
    std::string output;
    int threads = 0;
};

int autoschedule(Options options) {
    const KernelAndSchedules files = split_files(options.files);
    const std::map<std::string, std::int64_t> given = parse_sizes(options.sizes);
    if (options.threads == 0) {
        options.threads = static_cast<int>(processors());
    }
    LoadOptions load_options;
    load_options.target = options.target;
    load_options.defaults.threads = options.threads;
    load_options.defaults.sizes = given;
    if (!options.machine.empty()) {
        load_options.defaults.machine = read_machine(options.machine);
    }
    // A file that is the output too is completed in place, and what an earlier run added is written anew.
    std::string own;
    const bool in_place = is_in_place(files.schedules, options.output);
    if (in_place) {
        own = without_completion(read_file(files.schedules.back()));
        load_options.texts[files.schedules.back()] = own;
    }
    const Loaded loaded = load({files.kernel}, files.schedules, load_options);
    loaded.require_good();
    const Work& work = loaded.work.front();
    check_size_names(loaded.work, given);
    if (is_complete(work)) {
        std::cerr << fmt::format("note: every stage of `{}` has a schedule already; nothing was written\n",
                                 work.kernel.name);
        return good;
    }
    if (in_place && std::ranges::find(work.schedules, files.schedules.back()) == work.schedules.end()) {
        throw Failure(refused, fmt::format("error: `{}` is not for `{}`, so it cannot complete it\n"
                                           "help: its `schedule` line names other kernels\n",
                                           options.output, work.kernel.name));
    }
    const auto text_of = in_place ? completion_section : completion_file;
    std::string text = text_of(work, loaded.target.name, load_options.defaults, by_autoschedule(), {});
    if (in_place) {
        text = with_completion(own, text);
    }
    if (options.output.empty()) {
        std::cout << text;
    } else {
        write_file(options.output, text);
    }
    return good;
}

} // namespace

void add_autoschedule(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "autoschedule", "Write a schedule for all stages that have none, without measuring",
                    "  coulter autoschedule matmul.coulter --threads 2 -o matmul.sched\n"
                    "      a file to read, to edit and to build with\n"
                    "  coulter autoschedule matmul.coulter mine.sched --sizes i=512,j=512,k=512\n"
                    "      what completes mine.sched, as the layer above it, on standard output\n"
                    "  coulter autoschedule matmul.coulter mine.sched -o mine.sched\n"
                    "      completes mine.sched itself: its lines and comments stay, and the rest stands below them");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and what schedule it has")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command->add_option("--sizes", options->sizes, "typical extents, in place of the estimates")
        ->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads to keep busy (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--target", options->target, "processor to schedule for (host)")->type_name("T");
    command->add_option("--machine", options->machine, "caches to fit, as `coulter machine` writes them")
        ->type_name("FILE");
    command->add_option("-o,--output", options->output, "file to write (standard output)")->type_name("S.sched");
    command->callback([options, &run] { run = [options] { return autoschedule(*options); }; });
}

} // namespace coulter::cli
