// coulter tune

#include "coulter/tune/holes.hpp"
#include "coulter/tune/statistics.hpp"
#include "files.hpp"
#include "lowering.hpp"
#include "machine.hpp"
#include "tune_evaluator.hpp"
#include "tune_report.hpp"
#include "verify_run.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <fmt/format.h>
#include <iostream>
#include <sstream>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

// Of a budget in time, for the comparison at the end.
constexpr double share_of_comparison = 0.15;

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string budget = "60s";
    std::string output;
    std::string store;
    std::string machine;
    std::string target = "host";
    std::string runtime;
    std::uint64_t seed = 1;
    double tolerance = -1;
    double code_mib = 4;
    int threads = 0;
    unsigned jobs = 0;
    bool resume = true;
    bool lock = false;
    bool json = false;
    Limits limits;
};

struct Budget {
    std::optional<double> seconds;
    std::optional<std::size_t> candidates;
};

Budget parse_budget(const std::string& text) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    const std::string unit(stop, end);
    const double factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    if (error == std::errc() && value > 0 && value < 1e9) {
        if (factor > 0) {
            return {value * factor, std::nullopt};
        }
        if (unit.empty() && value == std::floor(value)) {
            return {std::nullopt, static_cast<std::size_t>(value)};
        }
    }
    throw Failure(usage, fmt::format("error: --budget wants a time (60s, 5m, 1h) or a number of candidates (500), and "
                                     "`{}` is neither\n",
                                     text));
}

/// The layer that has the holes. \throws Failure where there is none, or more than one.
std::size_t file_with_holes(const Loaded& loaded, const std::vector<std::string>& layers) {
    std::vector<std::string> with_holes;
    std::size_t found = 0;
    for (const schedule::ScheduleFile& file : loaded.schedules) {
        if (std::ranges::find(file.statements, schedule::Statement::Kind::tune, &schedule::Statement::kind) !=
            file.statements.end()) {
            with_holes.push_back(file.path);
            found = static_cast<std::size_t>(std::ranges::find(layers, file.path) - layers.begin());
        }
    }
    if (with_holes.empty()) {
        throw failure(refused, "M006",
                      fmt::format("there is no hole in {}, so there is nothing to tune", quoted_list(layers)),
                      "write `tune n in {8, 16, 32} = 16`, and `?n` where the value belongs; tuning without holes is "
                      "not built yet");
    }
    if (with_holes.size() > 1) {
        throw failure(refused, "M006", fmt::format("holes are in {}, and one file is tuned", quoted_list(with_holes)),
                      "give one of them its values as numbers, or move the `tune` lines into one file");
    }
    return found;
}

TuneSubject subject_of(const Options& options) {
    const KernelAndSchedules files = split_files(options.files);
    if (files.schedules.empty()) {
        throw Failure(usage, "error: a .sched file with holes is wanted; tuning without one is not built yet\n");
    }
    TuneSubject subject;
    const auto given = parse_sizes(options.sizes);
    subject.target = options.target;
    subject.runtime = options.runtime;
    subject.threads = options.threads;
    subject.jobs = options.jobs;
    subject.tolerance = options.tolerance;
    subject.limits = options.limits;
    subject.code_bytes = static_cast<std::int64_t>(options.code_mib * 1024 * 1024);
    subject.load_files(files.kernel, files.schedules);
    subject.tuned = file_with_holes(subject.loaded, files.schedules);
    if (std::ranges::find(subject.work().schedules, files.schedules[subject.tuned]) == subject.work().schedules.end()) {
        throw failure(refused, "M006",
                      fmt::format("the file with the holes does not apply to `{}`", subject.work().kernel.name),
                      "its `schedule` line names other kernels");
    }
    subject.complete(given);
    return subject;
}

/// What was fastest at other sizes of the class: at most one start for each of those sizes.
std::vector<tune::Assignment> starts_of(const tune::Store& store, const tune::Setting& setting,
                                        const tune::Space& space) {
    std::map<std::string, std::pair<double, tune::Assignment>> best;
    for (const tune::Store::Entry& entry : store.of_class(setting)) {
        const auto assignment = assignment_of(space, entry.record.choices);
        if (entry.record.outcome == tune::Outcome::timed && assignment) {
            const double seconds = tune::median(entry.record.samples);
            const auto [at, is_new] = best.emplace(entry.setting.sizes, std::pair(seconds, *assignment));
            if (!is_new && seconds < at->second.first) {
                at->second = {seconds, *assignment};
            }
        }
    }
    std::vector<tune::Assignment> starts;
    for (const auto& [sizes, each] : best) {
        if (starts.size() < 4 && std::ranges::find(starts, each.second) == starts.end()) {
            starts.push_back(each.second);
        }
    }
    return starts;
}

class Tuning {
public:
    explicit Tuning(const Options& options)
        : options_(options), budget_(parse_budget(options.budget)), subject_(subject_of(options)),
          setting_(setting_of(subject_, options.machine)), path_(subject_.schedules[subject_.tuned]),
          original_(read_file(path_)), space_(original_, path_), start_(std::chrono::steady_clock::now()) {
        if (budget_.seconds) {
            // A compiler that hangs must not take the budget many times over.
            double& limit = subject_.limits.seconds;
            limit = limit == 0 ? *budget_.seconds + 10 : std::min(limit, *budget_.seconds + 10);
        }
    }

    int run() {
        open_store();
        const TemporaryDirectory scratch;
        CandidateEvaluator evaluator(subject_, scratch.path(), [this] { return is_over(); });
        tune::SearchOptions search;
        search.candidates = budget_.candidates;
        search.seed = options_.seed;
        search.recorded_only = options_.lock;
        search.starts = starts_;
        search.is_over = [this] { return !options_.lock && is_over(); };
        TuneProgress progress(subject_.work().kernel.name, options_.lock ? std::nullopt : budget_.seconds);
        search.progress = [&](const tune::SearchProgress& now) { progress.show(now); };
        return finish(tune::search(space_, evaluator, recorded_, search));
    }

private:
    bool is_over() const {
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
        return interrupted() != 0 ||
               (budget_.seconds && elapsed.count() > (1 - share_of_comparison) * *budget_.seconds);
    }

    void open_store() {
        store_path_ = options_.store.empty() ? default_store() : fs::path(options_.store);
        if (options_.lock && store_path_.extension() == ".jsonl") {
            std::istringstream lines(read_file(store_path_));
            for (const tune::Store::Entry& entry : tune::read_lines(lines, store_path_.string())) {
                if (entry.setting == setting_) {
                    recorded_.add(entry.record);
                }
            }
            return;
        }
        store_.emplace(store_path_, options_.lock ? tune::Store::Mode::read : tune::Store::Mode::write);
        recorded_ = tune::Recorded(*store_, setting_, !options_.resume);
        if (!options_.lock) {
            starts_ = starts_of(*store_, setting_, space_);
        }
    }

    int finish(const tune::SearchResult& result) {
        if (options_.lock && (!result.best || (!result.compared && !result.complete))) {
            throw failure(no_schedule, "M007",
                          fmt::format("`{}` has no finished tuning of `{}` at {}", store_path_.string(),
                                      subject_.work().kernel.name, setting_.sizes),
                          fmt::format("looked for: {} thread{}, {}, {}, {}, kernel {}; run the same command without "
                                      "--lock, and --machine gives another machine",
                                      setting_.threads, setting_.threads == 1 ? "" : "s", setting_.target,
                                      setting_.machine, setting_.versions, setting_.kernel));
        }
        if (!result.best) {
            return nothing_timed(result);
        }
        const std::string output = options_.output.empty() ? path_ : options_.output;
        if (options_.output.empty() && read_file(path_) != original_) {
            throw failure(refused, "M010",
                          fmt::format("`{}` was edited while it was tuned, so nothing was written", path_),
                          "run the same command again: what was measured is recorded; -o gives another file");
        }
        write_file(output, tune::with_provenance(result.best->candidate.text,
                                                 provenance(subject_, setting_, space_, result, options_.seed)));
        if (interrupted() != 0) {
            std::cerr << "interrupted: the best so far is kept\n";
        }
        std::cout << (options_.json ? tune_json(subject_, setting_, result, output)
                                    : tune_report(subject_, result, output))
                  << std::flush; // an interrupted process ends by its signal
        return good;
    }

    int nothing_timed(const tune::SearchResult& result) const {
        if (interrupted() != 0) {
            std::cerr << "interrupted: nothing was measured yet\n";
            return environment;
        }
        if (result.candidates == 0) {
            throw failure(no_schedule, "M009",
                          fmt::format("the budget of {} was over before a candidate was measured", options_.budget),
                          "give a larger one");
        }
        std::string why;
        for (const tune::Record& record : result.failures) {
            std::string choices;
            for (const auto& [name, value] : record.choices) {
                choices += fmt::format("{}{} = {}", choices.empty() ? "" : ", ", name, value);
            }
            why += fmt::format("note: {}: {}: {}\n", choices, tune::name(record.outcome), record.message);
        }
        throw Failure(no_schedule, failure(no_schedule, "M009",
                                           fmt::format("none of {} candidates could be timed", result.candidates))
                                           .what() +
                                       why);
    }

    const Options& options_;
    Budget budget_;
    TuneSubject subject_;
    tune::Setting setting_;
    std::string path_;     ///< of the file with the holes
    std::string original_; ///< its text
    tune::HoleSpace space_;
    std::chrono::steady_clock::time_point start_;
    fs::path store_path_;
    std::optional<tune::Store> store_;
    tune::Recorded recorded_;
    std::vector<tune::Assignment> starts_;
};

int tune_command(const Options& options) {
    try {
        return Tuning(options).run();
    } catch (const tune::StoreError& error) {
        throw Failure(environment, error.what());
    }
}

} // namespace

void add_tune(CLI::App& app, Run& run) {
    CLI::App* const command = add_command(
        app, "tune", "Fill the holes of a schedule by measuring",
        "  coulter tune matmul.coulter matmul.sched --budget 5m\n"
        "      writes the best values into matmul.sched; a later run goes on where this one ended\n"
        "  coulter tune matmul.coulter matmul.sched --sizes i=512,j=512,k=512 --threads 1 --budget 200 -o tuned.sched\n"
        "      200 candidates, and another file\n"
        "  coulter records export -o tuned.jsonl\n"
        "  coulter tune matmul.coulter matmul.sched --lock --store tuned.jsonl\n"
        "      for release builds: takes what was recorded, and measures nothing");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule, one file of which has holes")
        ->required()
        ->type_name("K.coulter S.sched...");
    command->add_option("--budget", options->budget, "time (60s, 5m, 1h) or number of measured candidates (60s)")
        ->type_name("TIME|N");
    command->add_option("-o,--output", options->output, "the tuned file (the one with the holes, in place)")
        ->type_name("S.sched");
    command->add_option("--sizes", options->sizes, "extents in place of the estimates")->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads of the kernel (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--seed", options->seed, "of the search (1)");
    command->add_option("--store", options->store, "what was measured (coulter/tuning.db in XDG_CACHE_HOME, ~/.cache)")
        ->type_name("FILE");
    command->add_flag("--resume,!--no-resume", options->resume,
                      "use what the store has (default), or measure it again");
    CLI::Option* const lock =
        command->add_flag("--lock", options->lock, "use records only; what is missing is an error");
    command->add_option("--machine", options->machine, "with --lock: whose records (this machine's)")
        ->needs(lock)
        ->type_name("NAME");
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--tolerance", options->tolerance, "largest error over largest reference (f32: 1e-5)")
        ->check(CLI::NonNegativeNumber);
    command
        ->add_option("--code-size", options->code_mib, "MiB that the object of a candidate may have (4; 0: no limit)")
        ->check(CLI::Range(0.0, 1.0e6));
    command->add_option("--jobs", options->jobs, "candidates compiled at a time (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE");
    command->add_flag("--json", options->json, "JSON on standard output");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return tune_command(*options); }; });
}

} // namespace coulter::cli
