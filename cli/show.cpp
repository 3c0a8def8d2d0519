// coulter show

#include "coulter/schedule/footprint.hpp"
#include "coulter/text.hpp"
#include "coulter/tune/json.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "launches.hpp"
#include "lowering.hpp"
#include "progress.hpp"
#include "variants.hpp"
#include "verify_cases.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <tuple>

namespace coulter::cli {
namespace {

struct Options {
    std::vector<std::string> files;
    std::string form = "loops";
    std::string target = "host";
    std::string variant;
    std::vector<std::string> sizes;
    std::vector<std::string> architectures;
    bool json = false;
    int threads = 1;
    std::string print_after;
    bool time_passes = false;
    bool verbose = false;
    Limits limits;
};

const std::vector<std::string> forms{"ir",     "loops", "lines",  "schedule", "memory",
                                     "halide", "asm",   "opencl", "ptx",      "launches"};

std::string place_text(const schedule::Footprint& one) {
    using Home = schedule::Footprint::Home;
    const std::string where = one.place.is_root() ? "root" : fmt::format("{}/{}", one.place.stage, one.place.loop);
    switch (one.home) {
    case Home::registers: return "registers, at " + where;
    case Home::shared: return "shared memory, at " + where;
    case Home::stack: return "stack, at " + where;
    case Home::scratch: return "heap, at " + where;
    case Home::context: return "the context, packed once";
    case Home::library: return "the library, a constant";
    }
    return {};
}

std::string memory_text(const schedule::Plan& plan, const std::map<std::string, std::int64_t>& extents, int threads) {
    const schedule::MemoryUse use = schedule::memory_use(plan, extents, threads);
    std::vector<std::vector<std::string>> rows{{"stage", "bytes", "at once", "where"}};
    for (const schedule::Footprint& one : use.stages) {
        rows.push_back({one.stage, fmt::format("{}{}", one.bound ? "<= " : "", one.bytes), std::to_string(one.copies),
                        place_text(one)});
    }
    return table(rows, {false, true, true, false}) +
           fmt::format("heap at most {}{} B, packed {} B\n", use.bound ? "<= " : "", use.scratch_peak, use.packed);
}

// What only the compiler can tell.
std::string compiled(const Options& options, const Loaded& loaded) {
    const TemporaryDirectory scratch;
    const std::string file = (scratch.path() / "shown").string();
    LowerRequest request;
    request.work = &loaded.work.front();
    request.target = loaded.target.name;
    const bool device = options.form == "opencl" || options.form == "ptx";
    (device ? request.device : options.form == "asm" ? request.assembly : request.statement) = file;
    request.variant = options.variant;
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
    std::string text = read_file(file);
    if (device && text.empty()) {
        throw Failure(refused,
                      fmt::format("error: no stage of `{}` runs on a device\nhelp: `gpu_blocks` and `gpu_threads` in a "
                                  "schedule take it there\n",
                                  request.work->kernel.name));
    }
    return text;
}

// What NVIDIA's assembler tells of each launch.
std::string launches(const Options& options, const Loaded& loaded) {
    const Assembler assembler{require_ptxas(), parse_architectures(options.architectures)};
    const Work& work = loaded.work.front();
    std::string text;
    nlohmann::ordered_json parts = nlohmann::ordered_json::array();
    Progress progress;
    for (const std::string& part : options.variant.empty() ? part_names(work) : std::vector{options.variant}) {
        progress.show("compiling " + work.kernel.name);
        const DeviceCode code = device_code(work, part, loaded.target.name, assembler, options.limits);
        text += (work.variants.empty() || !options.variant.empty() ? "" : fmt::format("# {}\n", part)) +
                launches_text(code);
        nlohmann::ordered_json json{
            {"part", work.variants.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(part)}};
        json.update(launches_json(code));
        parts.push_back(std::move(json));
    }
    const nlohmann::ordered_json json{
        {"kernel", work.kernel.name}, {"target", loaded.target.name}, {"parts", std::move(parts)}};
    return options.json ? tune::print_json(json, 2) + '\n' : text;
}

void check_options(const Options& options) {
    if (options.form != "launches" && (options.json || !options.architectures.empty())) {
        throw Failure(usage, "error: --arch and --json go with --as launches\n");
    }
}

int show(const Options& options) {
    if (options.form == "cuda") {
        throw Failure(usage, fmt::format("error: `show --as {}` is not built yet\n", options.form));
    }
    if (std::ranges::find(forms, options.form) == forms.end()) {
        const std::string close = closest_match(options.form, forms);
        throw Failure(usage,
                      fmt::format("error: --as does not know `{}`\nhelp: {}known are {}\n", options.form,
                                  close.empty() ? "" : fmt::format("did you mean `{}`? ", close), quoted_list(forms)));
    }
    const schedule::Device device = schedule::device_of(options.target);
    for (const auto& [form, wanted, suffix] :
         {std::tuple{"opencl", schedule::Device::opencl, "-opencl"}, std::tuple{"ptx", schedule::Device::cuda, "-cuda"},
          std::tuple{"launches", schedule::Device::cuda, "-cuda"}}) {
        if (options.form == form && device != wanted) {
            throw Failure(usage,
                          fmt::format("error: `show --as {}` needs a target with {} device\nhelp: --target {}{}\n",
                                      form, options.form == "launches" ? "a CUDA" : "that",
                                      device == schedule::Device::none ? options.target : "host", suffix));
        }
    }
    check_options(options);
    const KernelAndSchedules files = split_files(options.files);
    const Loaded loaded = load({files.kernel}, files.schedules, {options.target, true});
    loaded.require_good();
    const Work& work = loaded.work.front();
    const schedule::Plan& plan = plan_of_part(work, options.variant.empty() ? "common" : options.variant);
    std::map<std::string, std::int64_t> extents;
    if (options.form == "memory") {
        extents = complete_sizes(work, parse_sizes(options.sizes));
    } else if (!options.sizes.empty()) {
        throw Failure(usage, "error: --sizes goes with --as memory\n");
    }
    const auto shown = [&](const std::function<std::string(const schedule::Plan&)>& text) {
        return options.variant.empty() ? of_all_parts(work, text) : text(plan);
    };
    if (options.form == "ir") {
        std::cout << print(work.schedules.empty() ? work.kernel : plan.kernel);
    } else if (options.form == "loops") {
        std::cout << shown(schedule::loops_text);
    } else if (options.form == "lines") {
        std::cout << shown(schedule::lines_text);
    } else if (options.form == "schedule") {
        std::cout << shown([&](const schedule::Plan& each) { return schedule_in_force(work.kernel, each); });
    } else if (options.form == "memory") {
        std::cout << shown([&](const schedule::Plan& each) { return memory_text(each, extents, options.threads); });
    } else if (options.form == "launches") {
        std::cout << launches(options, loaded);
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
                    "  coulter show conv_capsules.grad.coulter conv_capsules.sched --as lines\n"
                    "      which lines of the file reached which stage\n"
                    "  coulter show conv_capsules.coulter conv_capsules.sched --as schedule\n"
                    "      the schedule in force, with what the default schedule added\n"
                    "  coulter show conv_capsules.coulter conv_capsules.sched --as memory --sizes batch=1 --threads 2\n"
                    "      what each stage takes, and the most that a call takes of the heap\n"
                    "  coulter show conv_capsules.coulter conv_capsules.sched --as asm --target x86-64-avx2\n"
                    "  coulter show matmul.coulter matmul.opencl.sched --as opencl --target host-opencl\n"
                    "      the kernels that run on the device\n"
                    "  coulter show matmul.coulter --as launches --target host-cuda --arch sm_90\n"
                    "      registers, spills, shared memory and occupancy of each launch, as ptxas tells them");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command
        ->add_option("--as", options->form,
                     "ir, loops, lines, schedule, memory, halide, asm, opencl, ptx or launches (loops)")
        ->type_name("FORM");
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--variant", options->variant, "one variant alone, or the part `common` to all (all parts)")
        ->type_name("NAME");
    command->add_option("--sizes", options->sizes, "of the memory: extents in place of the estimates")
        ->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "of the memory: threads of the kernel (1)")
        ->check(CLI::Range(1, 256));
    command->add_option("--arch", options->architectures, "of the launches: NVIDIA's architectures (sm_80,sm_90)")
        ->type_name("SM,...");
    command->add_flag("--json", options->json, "of the launches: JSON");
    command->add_option("--print-after", options->print_after, "print the state after a pass, or after `all`");
    command->add_flag("--time-passes", options->time_passes, "print the time of each pass");
    command->add_flag("-v,--verbose", options->verbose, "print each command that runs");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return show(*options); }; });
}

} // namespace coulter::cli
