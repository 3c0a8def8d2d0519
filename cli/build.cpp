// coulter build

#include "completion.hpp"
#include "files.hpp"
#include "library.hpp"
#include "lowering.hpp"
#include "tune_classes.hpp"
#include "tune_run.hpp"
#include "tune_space.hpp"
#include "verify_cases.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <memory>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> kernels;
    std::vector<std::string> schedules;
    std::vector<std::string> emit;
    std::string target = "host";
    std::string directory;
    std::string depfile;
    std::string depfile_target;
    std::string autoschedule;
    bool tuned = false;
    TuneRequest tuning;
    std::vector<std::string> tune_sizes;
    std::vector<std::string> sizes;
    std::vector<std::string> architectures;
    int threads = 0;
    LibraryRequest library;
};

/// Only where it is asked for by name: a library needs no assembler, and assembling takes as long as compiling.
Assembler assembler_of(const Options& options, bool emits_cubins) {
    if (options.architectures.empty() && !emits_cubins) {
        return {};
    }
    require_cuda(emits_cubins ? "--emit cubin" : "--arch", options.target);
    return {require_ptxas(), parse_architectures(options.architectures)};
}

/// What make and ninja read: that `target` depends on `files`.
std::string dependencies(const std::string& target, const std::vector<std::string>& files) {
    const auto escaped = [](const std::string& path) {
        std::string text;
        for (const char c : std::filesystem::absolute(path).lexically_normal().string()) {
            text += c == ' ' || c == '#' ? std::string("\\") + c : c == '$' ? "$$" : std::string(1, c);
        }
        return text;
    };
    std::string text = escaped(target) + ":";
    for (const std::string& file : files) {
        text += " " + escaped(file);
    }
    return text + "\n";
}

/// Writes what completes each kernel's schedule to a file of its name, and removes such a file where nothing does.
void write_completions(const Loaded& loaded, const schedule::DefaultOptions& defaults,
                       const std::filesystem::path& directory) {
    make_directory(directory);
    for (const Work& work : loaded.work) {
        const std::filesystem::path path = directory / (work.kernel.name + ".sched");
        if (is_complete(work)) {
            std::error_code ignored;
            std::filesystem::remove(path, ignored);
            continue;
        }
        write_file(path, completion_file(work, loaded.target.name, defaults, by_autoschedule()));
    }
}

std::string text_of(const std::map<std::string, std::int64_t>& sizes) {
    std::string text;
    for (const auto& [dim, extent] : sizes) {
        text += fmt::format("{}{}={}", text.empty() ? "" : ",", dim, extent);
    }
    return text;
}

const char* const tune_sizes = "--tune-sizes";

/// Those that a call of this kernel chooses, of extents that were given for all kernels.
std::map<std::string, std::int64_t> own_sizes(const Work& work, std::map<std::string, std::int64_t> given) {
    const std::vector<std::string> dims = free_dims(work);
    std::erase_if(given, [&](const auto& each) { return std::ranges::find(dims, each.first) == dims.end(); });
    return given;
}

/// The classes of sizes that are about dims of this kernel, each once.
std::vector<std::string> classes_of(const Work& work, const std::vector<std::string>& given) {
    std::vector<std::string> own;
    for (const auto& each : size_classes(given, tune_sizes)) {
        const auto sizes = own_sizes(work, each);
        const std::string text = text_of(sizes);
        if (!text.empty() && std::ranges::find(own, text) == own.end()) {
            own.push_back(text);
        }
    }
    return own;
}

/// Tunes what nobody scheduled of each kernel. \returns the files, layers above those that were given.
std::vector<std::string> tune_all(const Loaded& loaded, const schedule::DefaultOptions& defaults,
                                  const Options& options) {
    std::vector<std::string> layers;
    make_directory(options.autoschedule);
    for (const Work& work : loaded.work) {
        const std::filesystem::path path = std::filesystem::path(options.autoschedule) / (work.kernel.name + ".sched");
        const bool holes = std::ranges::any_of(loaded.schedules, [&](const schedule::ScheduleFile& file) {
            return has_holes(file) && std::ranges::find(work.schedules, file.path) != work.schedules.end();
        });
        if (holes) {
            std::cerr << fmt::format("note: the schedule of `{}` has holes, which keep their values\n",
                                     work.kernel.name);
        }
        if (is_complete(work)) {
            std::error_code ignored;
            std::filesystem::remove(path, ignored);
            continue;
        }
        layers.push_back(path.string());
        const auto complete_untuned = [&] {
            write_file(path, completion_file(work, loaded.target.name, defaults, by_autoschedule()));
        };
        if (!has_decisions(work)) {
            std::cerr << fmt::format("note: nothing is to be decided of `{}` on this target, so it is not tuned\n",
                                     work.kernel.name);
            complete_untuned();
            continue;
        }
        TuneRequest request = options.tuning;
        request.files = {work.path};
        request.files.insert(request.files.end(), work.schedules.begin(), work.schedules.end());
        request.sizes = classes_of(work, options.tune_sizes);
        request.sizes_option = tune_sizes;
        request.typical = own_sizes(work, defaults.sizes);
        request.output = path.string();
        request.only = holes ? "stages" : "";
        request.target = options.target;
        request.threads = options.threads;
        request.runtime = options.library.runtime;
        request.limits = options.library.limits;
        request.reuse = !request.lock;
        request.quiet = true;
        request.for_all_kernels = true;
        try {
            if (tune_kernel(request) != good) {
                throw Failure(environment, fmt::format("error: interrupted before `{}` was tuned\n", work.kernel.name));
            }
        } catch (const NothingMeasurable& nothing) {
            std::cerr << fmt::format("note: `{}` is completed by the default schedule: {}\n", work.kernel.name,
                                     nothing.reason());
            complete_untuned();
        }
    }
    return layers;
}

/// Of C: letters, digits and underscores, no digit first.
bool is_identifier(const std::string& name) {
    const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; };
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    return !name.empty() && !is_digit(name.front()) &&
           std::ranges::all_of(name, [&](char c) { return is_letter(c) || is_digit(c); });
}

int build(const Options& options) {
    if (options.tuned && options.autoschedule.empty()) {
        throw Failure(usage, "error: --tuned wants --autoschedule DIR: the schedules are written there\n");
    }
    LibraryRequest request = options.library;
    if (!is_identifier(request.name)) {
        throw Failure(usage, fmt::format("error: --name wants an identifier, not `{}`\n", request.name));
    }
    for (const std::string& kind : options.emit) {
        if (std::ranges::find(emit_kinds(), kind) == emit_kinds().end()) {
            throw Failure(usage, fmt::format("error: --emit does not know `{}`; known are {}\n", kind,
                                             quoted_list(emit_kinds())));
        }
        request.emit.insert(kind);
    }
    request.directory = options.directory;
    request.assembler = assembler_of(options, request.emit.contains("cubin"));
    LoadOptions load_options;
    load_options.target = options.target;
    load_options.defaults.sizes = parse_sizes(options.sizes);
    if (options.threads != 0) {
        load_options.defaults.threads = options.threads;
    }
    const auto classes = size_classes(options.tune_sizes, tune_sizes);
    Loaded loaded = load(options.kernels, options.schedules, load_options);
    loaded.require_good();
    check_size_names(loaded.work, load_options.defaults.sizes);
    check_size_names(loaded.work, classes.front(), tune_sizes);
    if (options.tuned) {
        std::vector<std::string> layers = options.schedules;
        const std::vector<std::string> tuned = tune_all(loaded, load_options.defaults, options);
        layers.insert(layers.end(), tuned.begin(), tuned.end());
        loaded = load(options.kernels, layers, load_options);
        loaded.require_good();
    }
    const auto library = build_library(loaded, request);
    if (!options.autoschedule.empty() && !options.tuned) {
        write_completions(loaded, load_options.defaults, options.autoschedule);
    }
    if (!options.depfile.empty()) {
        write_file(
            options.depfile,
            dependencies(options.depfile_target.empty() ? library.string() : options.depfile_target, loaded.included));
    }
    if (request.verbose) {
        std::cerr << library.string() + '\n';
    }
    return good;
}

} // namespace

void add_build(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "build", "Compile kernels with their schedules to one library and a header per kernel",
        "  coulter build conv_capsules.coulter --schedule conv_capsules.sched --name caps --target host -o out\n"
        "      out/libcaps.a and out/include/caps/conv_capsules.h\n"
        "  coulter build a.coulter b.coulter --name both --target x86-64-avx2 -o out --shared --emit asm,stmt\n"
        "      out/libboth.so, and the kernels' assembly and Halide statements");
    const auto options = std::make_shared<Options>();
    command->add_option("kernels", options->kernels, "the .coulter files")->required()->type_name("K.coulter...");
    command
        ->add_option("--schedule", options->schedules, "a .sched file; for the kernels that its `schedule` line names")
        ->allow_extra_args(false)
        ->type_name("S.sched");
    command
        ->add_option("--depfile", options->depfile,
                     "write the included schedule files here, as a rule for make and ninja")
        ->type_name("FILE");
    command->add_option("--depfile-target", options->depfile_target, "the target of that rule (the library)")
        ->type_name("FILE");
    command->add_option("--name", options->library.name, "name of the library")->required()->type_name("NAME");
    command
        ->add_option("--autoschedule", options->autoschedule,
                     "write what completes each kernel's schedule to DIR/KERNEL.sched, with reasons")
        ->type_name("DIR");
    CLI::Option* const tuned = command->add_flag(
        "--tuned", options->tuned,
        "with --autoschedule: by measuring, as `coulter tune` does, where the store has no finished tuning");
    command->add_option("--budget", options->tuning.budget, "with --tuned: of each kernel that is measured (60s)")
        ->needs(tuned)
        ->type_name("TIME|N");
    command->add_option("--seed", options->tuning.seed, "with --tuned: of the search (1)")->needs(tuned);
    command->add_option("--store", options->tuning.store, "with --tuned: what was measured, as for `coulter tune`")
        ->needs(tuned)
        ->type_name("FILE");
    CLI::Option* const lock =
        command->add_flag("--lock", options->tuning.lock, "with --tuned: use records only; what is missing is an error")
            ->needs(tuned);
    command->add_option("--machine", options->tuning.machine, "with --lock: whose records (this machine's)")
        ->needs(lock)
        ->type_name("NAME");
    command->add_option("--sizes", options->sizes, "typical extents for stages without a schedule (the estimates)")
        ->type_name("dim=n,...");
    command
        ->add_option("--tune-sizes", options->tune_sizes,
                     "with --tuned: sizes to measure at, in place of --sizes; several that name the same dims are "
                     "classes, each with a variant where it needs one")
        ->needs(tuned)
        ->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads that stages without a schedule keep busy (16)")
        ->check(CLI::Range(1, 256));
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command
        ->add_option("--arch", options->architectures,
                     "with a CUDA target: NVIDIA's architectures for --emit cubin and warnings of spills (sm_80,sm_90)")
        ->type_name("SM,...");
    command->add_option("-o,--output", options->directory, "folder for what is made")->required()->type_name("DIR");
    command->add_flag("--shared", options->library.shared, "libNAME.so, with the runtime in it, instead of libNAME.a");
    command->add_option("--emit", options->emit, "also write stub, header, object, asm, stmt, cubin")->delimiter(',');
    command->add_option("--runtime", options->library.runtime, "libcoulter_runtime.a for --shared")->type_name("FILE");
    command->add_option("--jobs", options->library.jobs, "kernels compiled at a time (the number of processors)");
    command->add_option("--print-after", options->library.print_after, "print the state after a pass, or after `all`");
    command->add_flag("--time-passes", options->library.time_passes, "print the time of each pass");
    command->add_flag("-v,--verbose", options->library.verbose, "print each command that runs");
    add_limit_options(*command, options->library.limits);
    command->callback([options, &run] { run = [options] { return build(*options); }; });
}

} // namespace coulter::cli
