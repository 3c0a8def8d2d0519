// One tuning for several classes of sizes, from the files to the file.

#include "tune_classes.hpp"

#include "as_measured.hpp"
#include "completed_file.hpp"
#include "coulter/tune/statistics.hpp"
#include "tune_output.hpp"
#include "tune_regions.hpp"
#include "tune_space.hpp"
#include "verify_cases.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <set>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;

// What is slower than that is not measured side by side, for it would take most of the time.
constexpr double far_slower = 2;

class Comparison {
public:
    Comparison(SharedTuning& tuning, const std::vector<Winner>& winners) : tuning_(tuning), winners_(winners) {
        std::set<std::string> schedules;
        for (const Winner& each : winners) {
            schedules.insert(each.candidate.schedule);
        }
        name_ = tune::comparison_name(schedules, "classes");
    }

    /// Of every winner at the sizes of one search; nothing where it was not timed, for the user interrupted or it is
    /// wrong.
    std::vector<std::optional<double>> at(SharedSearch& search) {
        std::vector<tune::Record> records = recorded(search);
        if (records.empty()) {
            if (!tuning_.measures()) {
                throw failure(
                    no_schedule, "M007",
                    fmt::format("`{}` has no comparison of what is best at other sizes with what is best at {}",
                                tuning_.store_path().string(), search.name),
                    "run the same command without --lock, with all classes of sizes");
            }
            records = measured(search);
        }
        std::vector<std::optional<double>> times;
        for (const tune::Record& each : records) {
            times.push_back(each.outcome == tune::Outcome::timed ? std::optional(tune::median(each.samples))
                                                                 : std::nullopt);
        }
        return times;
    }

private:
    std::vector<tune::Record> recorded(const SharedSearch& search) const {
        std::vector<tune::Record> records;
        for (const Winner& each : winners_) {
            const tune::Record* const record = search.recorded.find(each.candidate.schedule, name_);
            if (record == nullptr) {
                return {};
            }
            records.push_back(*record);
        }
        return records;
    }

    /// Each by itself first, which also says whether it is right at these sizes; then those that are nearly as fast as
    /// the best side by side.
    std::vector<tune::Record> measured(SharedSearch& search) {
        std::vector<tune::Record> records;
        const double own = tune::median(search.result.best->record.samples);
        std::vector<tune::Candidate> near;
        std::vector<std::size_t> numbers;
        for (const Winner& winner : winners_) {
            records.push_back(alone(search, winner, own));
            const tune::Record& record = records.back();
            if (record.outcome == tune::Outcome::timed && tune::median(record.samples) <= far_slower * own) {
                near.push_back(winner.candidate);
                numbers.push_back(records.size() - 1);
            }
        }
        if (interrupted() != 0) {
            return records;
        }
        if (near.size() > 1) {
            const std::vector<tune::Record> compared = search.evaluator->compare(near, name_);
            for (std::size_t i = 0; i < compared.size(); ++i) {
                records[numbers[i]] = compared[i];
            }
            if (compared.empty()) {
                return records; // interrupted
            }
        }
        for (std::size_t i = 0; i < records.size(); ++i) {
            records[i].schedule = winners_[i].candidate.schedule;
            records[i].comparison = name_;
            records[i].choices = {{"tuned for", origin(winners_[i])}};
            search.recorded.add(records[i]);
        }
        return records;
    }

    tune::Record alone(SharedSearch& search, const Winner& winner, double own) {
        const std::string& schedule = winner.candidate.schedule;
        if (schedule == search.result.best->candidate.schedule) {
            return search.result.best->record;
        }
        if (const tune::Record* const known = search.recorded.find(schedule, "")) {
            return *known;
        }
        tune::Record record;
        record.outcome = tune::Outcome::failed; // until it is known
        search.evaluator->measure({winner.candidate}, far_slower * own, [&](const tune::Record& measured) {
            record = measured;
            record.schedule = schedule;
            record.choices = {{"tuned for", origin(winner)}};
            search.recorded.add(record);
        });
        return record;
    }

    std::string origin(const Winner& winner) { return tuning_.searches()[winner.search].setting.sizes; }

    SharedTuning& tuning_;
    const std::vector<Winner>& winners_;
    std::string name_; ///< of the comparison
};

SharedClasses shared_classes(SharedTuning& tuning) {
    std::vector<SharedSearch>& searches = tuning.searches();
    SharedClasses shared;
    for (std::size_t i = 0; i < searches.size(); ++i) {
        const auto& best = searches[i].result.best;
        if (!best) {
            continue; // interrupted
        }
        shared.searches.push_back(i);
        const auto known = std::ranges::find_if(
            shared.winners, [&](const Winner& each) { return each.candidate.schedule == best->candidate.schedule; });
        if (known == shared.winners.end()) {
            shared.winners.push_back(
                {i, best->candidate, tune::described(*searches[i].space, best->candidate.assignment)});
        }
    }
    Comparison comparison(tuning, shared.winners);
    std::vector<Extents> classes;
    for (const std::size_t i : shared.searches) {
        SharedSearch& search = searches[i];
        if (shared.winners.size() > 1 && interrupted() == 0) {
            shared.times.push_back(comparison.at(search));
        } else {
            shared.times.emplace_back(shared.winners.size());
        }
        // Its own is timed in any case.
        const std::string& own = search.result.best->candidate.schedule;
        for (std::size_t w = 0; w < shared.winners.size(); ++w) {
            if (!shared.times.back()[w] && shared.winners[w].candidate.schedule == own) {
                shared.times.back()[w] = tune::median(search.result.best->record.samples);
            }
        }
        classes.push_back(search.subject.sizes);
    }
    shared.taken = tune::shared_schedules(shared.times);
    const Regions regions = regions_of_classes(searches.front().subject.work(), classes, shared.taken);
    shared.dims = regions.dims;
    shared.regions = regions.regions;
    shared.names = regions.names;
    shared.whens = regions.whens;
    return shared;
}

/// Every part of the file must be what was measured: a variant lies above the common part, which was measured without
/// it.
std::vector<MeasuredPart> measured_parts(const std::vector<SharedSearch>& searches, const SharedClasses& shared) {
    std::vector<MeasuredPart> parts;
    for (std::size_t region = 0; region < shared.regions.size(); ++region) {
        const Winner& winner = shared.winners[shared.regions[region].group];
        parts.push_back({shared.names[region], &searches[winner.search].subject, winner.candidate.text});
    }
    return parts;
}

} // namespace

int tune_classes(const TuneRequest& request, const TuneSubject& subject, const std::vector<Extents>& classes) {
    std::vector<TuneSubject> subjects;
    for (Extents given : classes) {
        TuneSubject each = subject;
        if (!subjects.empty()) {
            // What nobody gives a size for is taken as for the first class, which warned of it.
            for (const std::string& dim : free_dims(subject.work())) {
                if (!subject.work().kernel.estimates.contains(dim)) {
                    given.try_emplace(dim, subjects.front().sizes.at(dim));
                }
            }
        }
        each.complete(std::move(given));
        subjects.push_back(std::move(each));
    }
    const TunedOutput output(request, subject);
    SharedTuning tuning(request, std::move(subjects),
                        [](const TuneSubject& each, std::size_t) { return space_of(each); });
    tuning.run();
    const SharedClasses shared =
        std::ranges::any_of(tuning.searches(), [](const SharedSearch& each) { return each.result.best.has_value(); })
            ? shared_classes(tuning)
            : SharedClasses{};
    if (shared.winners.empty()) {
        std::cerr << "interrupted: nothing was measured yet\n";
        return environment;
    }
    const std::string text = classes_file(request, tuning.searches(), shared);
    require_as_measured(subject, text, measured_parts(tuning.searches(), shared));
    output.write(text);
    tell_if_interrupted(tuning.names_without_result());
    if (!request.quiet) {
        print_report(request.json ? classes_json(tuning.searches(), shared, output.path())
                                  : classes_report(tuning.searches(), shared, output.path()));
    }
    return good;
}

} // namespace coulter::cli
