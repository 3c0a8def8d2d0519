// coulter explain: what each directive of a schedule is worth, by measuring without it.

#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "lowering.hpp"
#include "tune_build.hpp"
#include "tune_judge.hpp"
#include "tune_report.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <iostream>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace fs = std::filesystem;
using schedule::Statement;
using tune::Outcome;
using tune::Record;

namespace {

struct Options {
    std::vector<std::string> files;
    std::vector<std::string> sizes;
    std::string target = "host";
    std::string runtime;
    int threads = 0;
    bool json = false;
    Limits limits;
};

/// One directive, and what the schedule is without it.
struct Drop {
    Span span;
    std::string stage;
    std::string directive;
    std::string text; ///< of the whole file without it
    std::string why;  ///< it was not timed; empty where it was
    std::optional<Record> record;
};

/// Directives of blocks at the top of the file; those of macros and variants stay.
std::vector<Drop> drops_of(const std::string& path) {
    const schedule::ScheduleFile file = schedule::parse_schedule(read_file(path), path).file;
    std::vector<Drop> drops;
    for (std::size_t s = 0; s < file.statements.size(); ++s) {
        const Statement& block = file.statements[s];
        for (std::size_t d = 0; block.kind == Statement::Kind::block && d < block.directives.size(); ++d) {
            schedule::ScheduleFile without = file;
            auto& directives = without.statements[s].directives;
            directives.erase(directives.begin() + static_cast<std::ptrdiff_t>(d));
            drops.push_back({block.directives[d].span, block.stage.text, format(block.directives[d]),
                             schedule::format(without), "", std::nullopt});
        }
    }
    return drops;
}

class Explanation {
public:
    explicit Explanation(const Options& options) : options_(options) {
        const KernelAndSchedules files = split_files(options.files);
        if (files.schedules.size() != 1) {
            throw Failure(
                usage, fmt::format("error: one .sched file is explained, and {} are given\n", files.schedules.size()));
        }
        const auto given = parse_sizes(options.sizes);
        subject_.target = options.target;
        subject_.runtime = options.runtime;
        subject_.threads = options.threads;
        subject_.limits = options.limits;
        subject_.load_files(files.kernel, files.schedules);
        drops_ = drops_of(files.schedules.front());
        if (drops_.empty() || subject_.work().schedules.empty()) {
            throw Failure(refused,
                          fmt::format("error: `{}` has no directive for `{}`, so there is nothing to explain\n",
                                      files.schedules.front(), subject_.work().kernel.name));
        }
        subject_.complete(given);
    }

    int run() {
        const TemporaryDirectory scratch;
        TuneProgress progress(subject_.work().kernel.name, std::nullopt);
        CandidateBuilder builder(subject_, scratch.path());
        const std::string whole = read_file(subject_.schedules.front());
        const std::optional<std::string> in_force = builder.identify(whole);
        std::vector<std::string> texts{whole};
        std::vector<Drop*> built_drops;
        for (Drop& drop : drops_) {
            const auto schedule = builder.identify(drop.text);
            if (!schedule) {
                drop.why = "cannot be left out: the checker refuses the rest";
            } else if (schedule == in_force) {
                drop.why = "changes nothing";
            } else {
                texts.push_back(drop.text);
                built_drops.push_back(&drop);
            }
        }
        progress.show({.candidates = texts.size(), .initial_seconds = {}, .best_seconds = {}, .doing = "compiling"});
        const Judge judge(subject_, builder.build_default(), scratch.path());
        const auto built = builder.build(texts, [] { return interrupted() != 0; });
        time_all(judge, built, built_drops, progress);
        if (interrupted() != 0) {
            throw Failure(environment, "error: interrupted\n");
        }
        std::cout << (options_.json ? json() : text());
        return good;
    }

private:
    /// What is right and fast enough is timed side by side with the whole schedule.
    void time_all(const Judge& judge, const std::vector<std::optional<BuiltCandidate>>& built,
                  const std::vector<Drop*>& drops, TuneProgress& progress) {
        std::vector<fs::path> libraries;
        std::vector<Drop*> timed;
        for (std::size_t i = 0; i < built.size() && interrupted() == 0; ++i) {
            if (!built[i]) {
                return;
            }
            std::optional<Record> record;
            if (built[i]->outcome == Outcome::timed) {
                record = judge.measure(built[i]->library, whole_seconds_ > 0 ? 20 * whole_seconds_ : 1e30);
                if (!record) {
                    return;
                }
            } else {
                record.emplace();
                record->outcome = built[i]->outcome;
                record->message = built[i]->message;
            }
            const std::string outcome = fmt::format("{}: {}", tune::name(record->outcome), record->message);
            if (i == 0 && record->outcome != Outcome::timed) {
                throw Failure(refused, fmt::format("error: the schedule cannot be timed: {}\n", outcome));
            }
            if (record->outcome != Outcome::timed) {
                drops[i - 1]->why = "without it " + outcome;
                continue;
            }
            const double seconds = tune::median(record->samples);
            if (i == 0) {
                whole_seconds_ = seconds;
                libraries.push_back(built[i]->library);
            } else if (seconds > 10 * whole_seconds_) {
                drops[i - 1]->record = record; // no need to wait for many of such calls
            } else {
                libraries.push_back(built[i]->library);
                timed.push_back(drops[i - 1]);
            }
            progress.show({.candidates = i + 1, .initial_seconds = {}, .best_seconds = {}, .doing = "timing"});
        }
        const std::vector<Record> records =
            judge.side_by_side(libraries, 1 + 0.3 * static_cast<double>(libraries.size()));
        if (records.size() != libraries.size()) {
            if (interrupted() == 0) {
                throw Failure(environment, "error: the schedules could not be timed side by side\n");
            }
            return;
        }
        whole_ = records.front();
        for (std::size_t i = 0; i < timed.size(); ++i) {
            timed[i]->record = records[i + 1];
        }
    }

    [[nodiscard]] double ratio(const Drop& drop) const {
        return tune::median(drop.record->samples) / tune::median(whole_.samples);
    }

    /// Whether the intervals of the medians overlap.
    [[nodiscard]] bool may_be_chance(const Drop& drop) const {
        const tune::Interval a = tune::median_interval(whole_.samples);
        const tune::Interval b = tune::median_interval(drop.record->samples);
        return a.lower <= b.upper && b.lower <= a.upper;
    }

    [[nodiscard]] std::string verdict(const Drop& drop) const {
        if (!drop.record) {
            return drop.why;
        }
        return may_be_chance(drop) ? "no difference beyond chance"
               : ratio(drop) > 1   ? fmt::format("{:.2f} times as slow without it", ratio(drop))
                                   : fmt::format("{:.2f} times as fast without it", 1 / ratio(drop));
    }

    [[nodiscard]] std::string text() const {
        std::vector<std::vector<std::string>> rows{{"line", "stage", "directive", "without it", ""}};
        for (const Drop& drop : drops_) {
            rows.push_back({std::to_string(drop.span.line), drop.stage, drop.directive,
                            drop.record ? time_text(tune::median(drop.record->samples)) : "-", verdict(drop)});
        }
        const tune::Interval interval = tune::median_interval(whole_.samples);
        return fmt::format("{}: {}, 95 % interval {} to {}\n", subject_.work().kernel.name,
                           time_text(tune::median(whole_.samples)), time_text(interval.lower),
                           time_text(interval.upper)) +
               table(rows, {true, false, false, true, false});
    }

    [[nodiscard]] std::string json() const {
        nlohmann::ordered_json all = nlohmann::ordered_json::array();
        for (const Drop& drop : drops_) {
            all.push_back({{"line", drop.span.line},
                           {"stage", drop.stage},
                           {"directive", drop.directive},
                           {"seconds", drop.record ? nlohmann::ordered_json(tune::median(drop.record->samples))
                                                   : nlohmann::ordered_json()},
                           {"ratio", drop.record ? nlohmann::ordered_json(ratio(drop)) : nlohmann::ordered_json()},
                           {"verdict", verdict(drop)}});
        }
        const nlohmann::ordered_json json{{"kernel", subject_.work().kernel.name},
                                          {"extents", subject_.sizes},
                                          {"threads", subject_.threads},
                                          {"seconds", tune::median(whole_.samples)},
                                          {"directives", all}};
        return json.dump(2) + '\n';
    }

    const Options& options_;
    TuneSubject subject_;
    std::vector<Drop> drops_;
    Record whole_;
    double whole_seconds_ = 0;
};

} // namespace

void add_explain(CLI::App& app, Run& run) {
    CLI::App* const command =
        add_command(app, "explain", "What each directive of a schedule is worth: measured without it",
                    "  coulter explain conv_capsules.coulter conv_capsules.sched\n"
                    "  coulter explain matmul.coulter matmul.sched --sizes i=512,j=512,k=512 --threads 1 --json");
    const auto options = std::make_shared<Options>();
    command->add_option("files", options->files, "a kernel and its schedule")
        ->required()
        ->type_name("K.coulter S.sched");
    command->add_option("--sizes", options->sizes, "extents in place of the estimates")->type_name("dim=n,...");
    command->add_option("--threads", options->threads, "threads of the kernel (the number of processors)")
        ->check(CLI::Range(1, 256));
    command->add_option("--target", options->target, "processor to compile for (host)")->type_name("T");
    command->add_option("--runtime", options->runtime, "libcoulter_runtime.a")->type_name("FILE");
    command->add_flag("--json", options->json, "JSON on standard output");
    add_limit_options(*command, options->limits);
    command->callback([options, &run] { run = [options] { return Explanation(*options).run(); }; });
}

} // namespace coulter::cli
