// coulter report: all there is to know of a kernel and its schedule, measured now, as one page.

#include "coulter/text.hpp"
#include "coulter/tune/statistics.hpp"
#include "coulter/tune/store.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "lowering.hpp"
#include "machine.hpp"
#include "machine_model.hpp"
#include "report_page.hpp"
#include "variants.hpp"
#include "verify_run.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <unistd.h>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string output;
    std::string store;
    std::string machine;
    std::string target = "host";
    std::string runtime;
    int threads = 0;
    bool directives = true;
    Limits limits;
};

/// How the page names a file: nobody who reads it elsewhere wants to know where it lay here.
std::string shown_name(const std::string& path) {
    std::error_code error;
    const fs::path relative = fs::proximate(path, error);
    const bool is_below = !error && !relative.empty() && *relative.begin() != "..";
    return is_below ? relative.string() : fs::path(path).filename().string();
}

/// What would be in vain is refused before minutes of measuring. \throws Failure [B008], [E005].
void check_output(const Options& options) {
    const fs::path path = options.output;
    std::error_code error;
    for (const std::string& file : options.files) {
        if (fs::equivalent(file, path, error)) {
            throw failure(usage, "E005", fmt::format("the report would take the place of `{}`", options.output),
                          "-o names another file, such as report.html");
        }
    }
    const fs::path folder = path.has_parent_path() ? path.parent_path() : fs::path(".");
    const std::string why = fs::is_directory(path, error)              ? "it is a directory"
                            : !fs::is_directory(folder, error)         ? "its folder is not there"
                            : access(folder.c_str(), W_OK | X_OK) != 0 ? "its folder is not writable"
                                                                       : "";
    if (!why.empty()) {
        throw failure(environment, "B008", fmt::format("cannot write `{}`: {}", options.output, why));
    }
}

class ReportCommand {
public:
    explicit ReportCommand(const Options& options) : options_(options) {
        const KernelAndSchedules files = split_files(options.files);
        check_output(options);
        const auto given = parse_sizes(options.sizes);
        if (!options.machine.empty()) {
            machine_ = read_machine(options.machine);
        }
        subject_.target = options.target;
        subject_.runtime = options.runtime;
        subject_.threads = options.threads;
        subject_.limits = options.limits;
        subject_.load_files(files.kernel, files.schedules);
        subject_.complete(given);
    }

    int run() {
        describe();
        facts_.search = history();
        estimate_all();
        facts_.code =
            machine_code(subject_.work(), *facts_.plan, part_, facts_.target, subject_.sizes, subject_.limits);
        facts_.launches = device_code_if_any(subject_.work(), part_, facts_.target, subject_.limits);
        measure();
        const std::string page = report_page(facts_);
        if (interrupted() != 0) {
            throw Failure(environment, "error: interrupted\n");
        }
        write_file(options_.output, page);
        std::cout << fmt::format("{}: {}, {}; {}\n", facts_.kernel, time_text(facts_.seconds()), bound_text(facts_),
                                 options_.output);
        return good;
    }

private:
    void describe() {
        const Work& work = subject_.work();
        part_ = part_name(variant_for(work, subject_.sizes, Tensors{}));
        facts_.part = work.variants.empty() ? "" : part_;
        facts_.plan = &plan_of_part(work, part_);
        facts_.kernel = work.kernel.name;
        facts_.signature = signature(work.kernel);
        facts_.sizes = sizes_text(work, subject_.sizes);
        facts_.extents = subject_.sizes;
        facts_.threads = subject_.threads;
        facts_.target = subject_.loaded.target.name;
        facts_.machine = machine_name();
        facts_.algorithm = {shown_name(work.path), read_file(work.path)};
        facts_.command = "coulter report " + facts_.algorithm.name;
        for (const std::string& path : subject_.schedules) {
            facts_.files.push_back(shown_name(path));
            facts_.schedules.push_back({facts_.files.back(), read_file(path)});
            facts_.command += " " + facts_.files.back();
        }
        for (const std::string& path : subject_.loaded.included) {
            facts_.schedules.push_back({shown_name(path) + ", included", read_file(path)});
        }
        facts_.completion = facts_.plan->completion_why;
        facts_.command +=
            fmt::format(" -o {} --sizes {} --threads {}", shown_name(options_.output), facts_.sizes, facts_.threads);
    }

    [[nodiscard]] SearchHistory history() const {
        SearchHistory result;
        const tune::Setting setting = setting_of(subject_, "");
        const std::string how = fmt::format("`coulter tune {} -o tuned.sched --sizes {} --threads {}` makes some",
                                            facts_.algorithm.name, setting.sizes, setting.threads);
        const fs::path path = options_.store.empty() ? default_store() : fs::path(options_.store);
        if (options_.store.empty() && !fs::exists(path)) {
            result.none = fmt::format("Nothing was tuned on this machine yet. {}.", how);
            return result;
        }
        const tune::Store store(path, tune::Store::Mode::read);
        tune::Store::InOrder found = store.in_order(setting);
        result.records = std::move(found.records);
        result.merged = found.merged;
        const std::size_t others = store.of_class(setting).size();
        result.none = fmt::format(
            "The tuning store has no times of this kernel at these sizes on this machine{}. {}.",
            others == 0 ? std::string() : fmt::format(", though {} at other sizes of their class", others), how);
        return result;
    }

    void estimate_all() {
        const ir::Kernel& kernel = subject_.work().kernel;
        facts_.estimate = estimate(kernel, subject_.sizes);
        facts_.in_floats = std::ranges::any_of(kernel.definitions, [](const ir::Definition& definition) {
            return std::ranges::any_of(definition.types, is_float);
        });
        facts_.memory = schedule::memory_use(*facts_.plan, subject_.sizes, facts_.threads);
    }

    void measure() {
        std::vector<Contribution> directives;
        if (!options_.directives) {
            facts_.unmeasured = "Not measured: --no-directives was given.";
        } else if (subject_.schedules.empty()) {
            facts_.unmeasured =
                fmt::format("There is no schedule file. `coulter autoschedule {} -o S.sched` writes the "
                            "default schedule as one.",
                            facts_.algorithm.name);
        } else {
            for (const std::string& path : subject_.schedules) {
                std::ranges::move(directives_of(path), std::back_inserter(directives));
            }
            facts_.unmeasured =
                directives.empty() ? "The schedule has no directives outside of macros and variants." : "";
        }
        measure_roofs();
        facts_.measured = measure_contributions(subject_, std::move(directives));
        for (Contribution& one : facts_.measured.directives) {
            one.file = shown_name(one.file);
        }
        measure_roofs();
        facts_.traffic =
            schedule::traffic(*facts_.plan, subject_.sizes, *machine_, subject_.loaded.target, facts_.threads);
    }

    /// What else the machine does makes roofs lower, never higher: the larger of each counts.
    void measure_roofs() {
        Roofs& roofs = facts_.roofs;
        const Peak peak = measure_peak(facts_.threads, subject_.loaded.target.vector_bytes);
        if (peak.flops > roofs.peak.flops) {
            roofs.peak = peak;
        }
        double hertz = 0;
        if (options_.machine.empty()) {
            machine_ = measure_machine(facts_.threads, &hertz);
        } else {
            hertz = clock_rate();
        }
        const double cycles = hertz * facts_.threads;
        const std::array<double, schedule::levels> rates{machine_->l1_rate, machine_->l2_rate, machine_->l3_rate,
                                                         machine_->memory_rate};
        for (std::size_t i = 0; i < rates.size(); ++i) {
            roofs.bytes[i] = std::max(roofs.bytes[i], rates[i] * cycles);
        }
    }

    const Options& options_;
    TuneSubject subject_;
    std::optional<schedule::Machine> machine_; ///< that was given; else it is measured
    ReportFacts facts_;
    std::string part_;
};

int report(const Options& options) {
    try {
        return ReportCommand(options).run();
    } catch (const tune::StoreError& error) {
        throw Failure(environment, error.what());
    }
}

} // namespace

void add_report(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "report", "A page about a kernel and its schedule: time, loops, traffic, roofline, directives, search",
        "  coulter report conv_capsules.coulter conv_capsules.sched -o report.html\n"
        "      one file for a browser or a printer, which loads nothing else\n"
        "  coulter report em_routing.coulter em_routing.sched -o report.html --no-directives --threads 1\n"
        "      quicker: nothing is measured without each directive");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter [S.sched...]");
    command->add_option("-o,--output", options->output, "the page")->required()->type_name("FILE.html");
    command->add_option("--sizes", options->sizes, "extents in place of the estimates")->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads of the kernel (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--store", options->store, "what was tuned (coulter/tuning.db in XDG_CACHE_HOME, ~/.cache)")
        ->type_name("FILE");
    command
        ->add_option("--machine", options->machine,
                     "caches and their rates, as `coulter machine` writes them (measured)")
        ->type_name("FILE");
    command->add_flag("--directives,!--no-directives", options->directives,
                      "measure without each directive (default), or not");
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return report(*options); }; });
}

} // namespace coulter::cli
