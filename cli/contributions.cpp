#include "contributions.hpp"

#include "coulter/tune/statistics.hpp"
#include "files.hpp"
#include "tune_build.hpp"
#include "tune_judge.hpp"
#include "tune_report.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::cli {
namespace fs = std::filesystem;
using schedule::Statement;
using tune::Outcome;
using tune::Record;

namespace {

// What is so much slower need not be waited for again and again.
constexpr double far_slower = 10;

class Measurement {
public:
    Measurement(TuneSubject& subject, std::vector<Contribution> directives)
        : subject_(subject), builder_(subject, scratch_.path()), progress_(subject.work().kernel.name, std::nullopt) {
        result_.directives = std::move(directives);
    }

    Contributions run() {
        compile();
        if (interrupted() == 0) {
            time_all();
        }
        if (interrupted() != 0) {
            throw Failure(environment, "error: interrupted\n");
        }
        return std::move(result_);
    }

private:
    void show(const char* doing, std::size_t count) {
        progress_.show({.candidates = count, .initial_seconds = {}, .best_seconds = {}, .doing = doing});
    }

    /// The whole schedule first, then the rest file by file: the builder takes texts of one file at a time.
    void compile() {
        by_default_ = builder_.build_default();
        if (subject_.schedules.empty()) {
            built_.push_back(BuiltCandidate{by_default_, 0, Outcome::timed, ""});
            drops_.push_back(nullptr);
            return;
        }
        for (std::size_t file = 0; file < subject_.schedules.size(); ++file) {
            const std::string& path = subject_.schedules[file];
            subject_.tuned = file;
            const std::string whole = read_file(path);
            const std::optional<std::string> in_force = builder_.identify(whole);
            std::vector<std::string> texts;
            if (file == 0) {
                texts.push_back(whole);
                drops_.push_back(nullptr);
            }
            for (Contribution& one : result_.directives) {
                if (one.file != path) {
                    continue;
                }
                const auto schedule = builder_.identify(one.without);
                if (!schedule) {
                    one.why = "cannot be left out: the checker refuses the rest";
                } else if (schedule == in_force) {
                    one.why = "changes nothing";
                } else {
                    texts.push_back(one.without);
                    drops_.push_back(&one);
                }
            }
            show("compiling", drops_.size());
            for (auto& built : builder_.build(texts, [] { return interrupted() != 0; })) {
                built_.push_back(std::move(built));
            }
        }
    }

    Record measured(const Judge& judge, const BuiltCandidate& built) {
        Record record;
        if (built.outcome == Outcome::timed) {
            const double slow = whole_seconds_ > 0 ? 2 * far_slower * whole_seconds_ : 1e30;
            return judge.measure(built.library, slow).value_or(record); // else interrupted
        }
        record.outcome = built.outcome;
        record.message = built.message;
        return record;
    }

    /// What is right and fast enough is timed side by side with the whole schedule.
    void time_all() {
        const Judge judge(subject_, by_default_, scratch_.path());
        std::vector<fs::path> libraries;
        std::vector<Contribution*> timed;
        for (std::size_t i = 0; i < built_.size(); ++i) {
            const Record record = built_[i] ? measured(judge, *built_[i]) : Record();
            if (interrupted() != 0) {
                return;
            }
            const std::string outcome = fmt::format("{}: {}", tune::name(record.outcome), record.message);
            if (i == 0 && record.outcome != Outcome::timed) {
                throw failure(refused, "E003", "the schedule cannot be timed: " + outcome,
                              "`coulter verify` tells more about a wrong result, `coulter build` about a failed "
                              "compilation");
            }
            if (record.outcome != Outcome::timed) {
                drops_[i]->why = "without it " + outcome;
                continue;
            }
            const double seconds = tune::median(record.samples);
            if (i == 0) {
                whole_seconds_ = seconds;
            } else if (seconds > far_slower * whole_seconds_) {
                drops_[i]->record = record;
                continue;
            } else {
                timed.push_back(drops_[i]);
            }
            libraries.push_back(built_[i]->library);
            show("timing", i + 1);
        }
        const auto records = judge.side_by_side(libraries, 1 + 0.3 * static_cast<double>(libraries.size()));
        if (records.size() != libraries.size()) {
            if (interrupted() == 0) {
                throw failure(environment, "E004", "the schedules could not be timed side by side",
                              "each of them could by itself; --timeout gives a slow kernel more time");
            }
            return;
        }
        result_.whole = records.front();
        for (std::size_t i = 0; i < timed.size(); ++i) {
            timed[i]->record = records[i + 1];
        }
    }

    TuneSubject& subject_;
    TemporaryDirectory scratch_;
    CandidateBuilder builder_;
    TuneProgress progress_;
    Contributions result_;
    fs::path by_default_;
    std::vector<std::optional<BuiltCandidate>> built_; ///< empty: interrupted
    std::vector<Contribution*> drops_;                 ///< of each; null: the whole schedule
    double whole_seconds_ = 0;
};

} // namespace

double Contributions::ratio(const Contribution& one) const {
    return tune::median(one.record->samples) / tune::median(whole.samples);
}

bool Contributions::may_be_chance(const Contribution& one) const {
    const tune::Interval a = tune::median_interval(whole.samples);
    const tune::Interval b = tune::median_interval(one.record->samples);
    return a.lower <= b.upper && b.lower <= a.upper;
}

std::string Contributions::verdict(const Contribution& one) const {
    if (!one.record) {
        return one.why;
    }
    return may_be_chance(one) ? "no difference beyond chance"
           : ratio(one) > 1   ? fmt::format("{:.2f} times as slow without it", ratio(one))
                              : fmt::format("{:.2f} times as fast without it", 1 / ratio(one));
}

std::vector<Contribution> directives_of(const std::string& path) {
    const schedule::ScheduleFile file = schedule::parse_schedule(read_file(path), path).file;
    std::vector<Contribution> all;
    for (std::size_t s = 0; s < file.statements.size(); ++s) {
        const Statement& block = file.statements[s];
        for (std::size_t d = 0; block.kind == Statement::Kind::block && d < block.directives.size(); ++d) {
            schedule::ScheduleFile without = file;
            auto& directives = without.statements[s].directives;
            directives.erase(directives.begin() + static_cast<std::ptrdiff_t>(d));
            all.push_back({path, block.directives[d].span, block.stage.text, format(block.directives[d]),
                           schedule::format(without), "", std::nullopt});
        }
    }
    return all;
}

Contributions measure_contributions(TuneSubject& subject, std::vector<Contribution> directives) {
    return Measurement(subject, std::move(directives)).run();
}

} // namespace coulter::cli
