#include "tune_shared.hpp"

#include "coulter/tune/statistics.hpp"
#include "machine.hpp"
#include "tune_report.hpp"
#include "tune_starts.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <sstream>

namespace coulter::cli {
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

namespace {

// An improvement is worth more of the budget.
constexpr double least_improvement = 0.01;
// Slices are no smaller: what a search proposes at a time, or what compiling that takes.
constexpr double least_candidates = 8;
constexpr double least_seconds = 2;

std::optional<double> best_of(const tune::SearchResult& result) {
    return result.best ? std::optional(tune::median(result.best->record.samples)) : std::nullopt;
}

} // namespace

SharedTuning::SharedTuning(const TuneRequest& request, std::vector<TuneSubject> subjects,
                           const std::function<std::unique_ptr<tune::Space>(const TuneSubject&, std::size_t)>& space_of)
    : request_(request), budget_(parse_budget(request.budget)), start_(Clock::now()) {
    if (budget_.candidates && *budget_.candidates < subjects.size()) {
        throw Failure(usage, fmt::format("error: a budget of {} candidate{} is less than one for each of {} searches\n"
                                         "help: give {} or more, or a time\n",
                                         *budget_.candidates, *budget_.candidates == 1 ? "" : "s", subjects.size(),
                                         subjects.size()));
    }
    searches_.resize(subjects.size());
    improved_.assign(subjects.size(), true);
    for (std::size_t i = 0; i < subjects.size(); ++i) {
        SharedSearch& search = searches_[i];
        search.subject = std::move(subjects[i]);
        search.setting = setting_of(search.subject, request.machine);
        search.name = search.setting.sizes;
        search.space = space_of(search.subject, i);
        if (search.subject.tuned >= search.subject.loaded.schedules.size() && search.subject.schedules.size() == 1) {
            search.subject.default_text = search.space->schedule_text(tune::initial(*search.space));
        }
        if (budget_.seconds) {
            // A compiler that hangs must not take the budget many times over.
            double& limit = search.subject.limits.seconds;
            limit = limit == 0 ? *budget_.seconds + 10 : std::min(limit, *budget_.seconds + 10);
        }
    }
}

double SharedTuning::comparison_seconds() const {
    // Each search ends with a comparison, and may be compared with the others.
    const double all = budget_.seconds ? share_of_comparison * *budget_.seconds : most_comparison;
    return std::clamp(all / (2 * static_cast<double>(searches_.size())), 1.0, most_comparison);
}

void SharedTuning::open_store() {
    store_path_ = request_.store.empty() ? default_store() : fs::path(request_.store);
    if (request_.lock && store_path_.extension() == ".jsonl") {
        std::istringstream lines(read_file(store_path_));
        for (const tune::Store::Entry& entry : tune::read_lines(lines, store_path_.string())) {
            for (SharedSearch& search : searches_) {
                if (entry.setting == search.setting) {
                    search.recorded.add(entry.record);
                }
            }
        }
        return;
    }
    store_.emplace(store_path_, request_.lock ? tune::Store::Mode::read : tune::Store::Mode::write);
    std::vector<std::string> own; // sizes
    for (const SharedSearch& search : searches_) {
        own.push_back(search.setting.sizes);
    }
    for (SharedSearch& search : searches_) {
        search.recorded = tune::Recorded(*store_, search.setting, !request_.resume);
        if (!request_.lock) {
            // What another of these searches finds is no start: a run that is repeated would begin otherwise.
            search.options.starts = starts_of(*store_, search.setting, *search.space, own);
            const std::vector<tune::Assignment> sweeping = sweeping_starts(*search.space);
            search.options.starts.insert(search.options.starts.end(), sweeping.begin(), sweeping.end());
            search.experience = tune::Experience(others_of(*store_, search.setting));
        }
    }
}

void SharedTuning::begin(SharedSearch& search) {
    const fs::path own = scratch_.path() / std::to_string(&search - searches_.data());
    make_directory(own);
    const auto is_over = [this] { return interrupted() != 0 || (budget_.seconds && elapsed() >= slice_end_); };
    search.evaluator = std::make_unique<CandidateEvaluator>(search.subject, own, is_over, comparison_seconds());
    search.options.seed = request_.seed;
    if (!search.experience.empty()) {
        search.options.prior = [&search](const tune::Assignment& each) {
            return search.experience.expected(*search.space, each);
        };
    }
    search.options.is_over = is_over;
    search.options.progress = [this, &search](const tune::SearchProgress& now) { progress_->show(now, search.name); };
    search.searching =
        std::make_unique<tune::Searching>(*search.space, *search.evaluator, search.recorded, search.options);
}

bool SharedTuning::take_recorded() {
    bool all = true;
    for (SharedSearch& search : searches_) {
        tune::SearchOptions options = search.options;
        options.recorded_only = true;
        search.result = tune::search(*search.space, *search.evaluator, search.recorded, options);
        search.finished = search.result.best && (search.result.compared || search.result.complete);
        all = all && search.finished;
        if (request_.lock && !search.finished) {
            throw failure(no_schedule, "M007",
                          fmt::format("`{}` has no finished tuning of `{}` at {}", store_path_.string(),
                                      search.subject.work().kernel.name, search.setting.sizes),
                          fmt::format("looked for: {} thread{}, {}, {}, {}, kernel {}; run the same command without "
                                      "--lock, and --machine gives another machine",
                                      search.setting.threads, search.setting.threads == 1 ? "" : "s",
                                      search.setting.target, search.setting.machine, search.setting.versions,
                                      search.setting.kernel));
        }
    }
    return all;
}

void SharedTuning::run() {
    open_store();
    progress_ = std::make_unique<TuneProgress>(searches_.front().subject.work().kernel.name,
                                               request_.lock ? std::nullopt : budget_.seconds);
    for (SharedSearch& search : searches_) {
        begin(search);
    }
    if ((request_.lock || request_.reuse) && take_recorded()) {
        measures_ = !request_.lock;
        return;
    }
    measures_ = true;
    share_out();
    for (SharedSearch& search : searches_) {
        slice_end_ = std::numeric_limits<double>::infinity();
        if (interrupted() == 0) {
            search.searching->compare();
        }
        search.result = search.searching->result();
        search.finished = search.result.best && (search.result.compared || search.result.complete);
    }
    progress_.reset();
    require_results();
}

double SharedTuning::elapsed() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
}

double SharedTuning::left() const {
    if (budget_.seconds) {
        return (1 - share_of_comparison) * *budget_.seconds - elapsed();
    }
    double known = 0;
    for (const SharedSearch& search : searches_) {
        known += static_cast<double>(search.searching->result().candidates);
    }
    return static_cast<double>(*budget_.candidates) - known;
}

void SharedTuning::share_out() {
    const auto count = static_cast<double>(searches_.size());
    const double least = budget_.seconds ? least_seconds : least_candidates;
    const double first = std::max(left() / (2 * count), budget_.seconds ? 0.0 : 1.0);
    for (std::size_t i = 0; i < searches_.size(); ++i) {
        give(i, first);
        searches_[i].first_part = searches_[i].searching->result().candidates;
    }
    while (left() > 0 && interrupted() == 0) {
        std::vector<std::size_t> open;
        std::vector<std::size_t> better;
        for (std::size_t i = 0; i < searches_.size(); ++i) {
            if (!searches_[i].searching->is_done()) {
                open.push_back(i);
                if (improved_[i]) {
                    better.push_back(i);
                }
            }
        }
        const std::vector<std::size_t>& takers = better.empty() ? open : better;
        if (takers.empty()) {
            return;
        }
        const double slice = std::max(left() / (2 * static_cast<double>(takers.size())), least);
        bool moved = false;
        for (const std::size_t i : takers) {
            moved = (left() > 0 && interrupted() == 0 && give(i, std::min(slice, left())) > 0) || moved;
        }
        if (!moved) {
            return;
        }
    }
}

double SharedTuning::give(std::size_t index, double units) {
    SharedSearch& search = searches_[index];
    const tune::SearchResult& now = search.searching->result();
    const std::optional<double> before = now.best ? best_of(now) : std::nullopt;
    const std::size_t known = now.candidates;
    const double begin = elapsed();
    if (budget_.seconds) {
        slice_end_ = begin + units;
        search.searching->explore(SIZE_MAX);
    } else {
        search.searching->explore(known + static_cast<std::size_t>(std::max(units, 1.0)));
    }
    const std::optional<double> after = best_of(now);
    const std::optional<double> base = before        ? before
                                       : now.initial ? std::optional(tune::median(now.initial->record.samples))
                                                     : std::nullopt;
    improved_[index] = after && base && *after < (1 - least_improvement) * *base;
    return budget_.seconds ? elapsed() - begin : static_cast<double>(now.candidates - known);
}

std::vector<std::string> SharedTuning::names_without_result() const {
    std::vector<std::string> names;
    for (const SharedSearch& each : searches_) {
        if (!each.result.best) {
            names.push_back(each.name);
        }
    }
    return names;
}

void SharedTuning::require_results() const {
    for (const SharedSearch& search : searches_) {
        if (search.result.best || interrupted() != 0) {
            continue;
        }
        if (search.result.candidates == 0) {
            throw failure(no_schedule, "M009",
                          fmt::format("the budget of {} was over before a candidate was measured at {}",
                                      request_.budget, search.name),
                          "give a larger one");
        }
        std::string why;
        for (const tune::Record& record : search.result.failures) {
            why += fmt::format("note: {}: {}: {}\n", choices_text(record), tune::name(record.outcome), record.message);
        }
        throw Failure(no_schedule, failure(no_schedule, "M009",
                                           fmt::format("at {} none of {} candidates could be timed", search.name,
                                                       search.result.candidates))
                                           .what() +
                                       why);
    }
}

} // namespace coulter::cli
