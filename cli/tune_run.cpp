// One tuning, from the files to the file.

#include "tune_run.hpp"

#include "completed_file.hpp"
#include "coulter/tune/experience.hpp"
#include "coulter/tune/holes.hpp"
#include "coulter/tune/statistics.hpp"
#include "files.hpp"
#include "machine.hpp"
#include "rank_evaluator.hpp"
#include "rank_report.hpp"
#include "tune_budget.hpp"
#include "tune_classes.hpp"
#include "tune_evaluator.hpp"
#include "tune_output.hpp"
#include "tune_parts.hpp"
#include "tune_report.hpp"
#include "tune_space.hpp"
#include "tune_starts.hpp"

#include <algorithm>
#include <chrono>
#include <fmt/core.h>
#include <iostream>
#include <sstream>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

class Tuning {
public:
    /// \pre the sizes of the subject are settled.
    Tuning(const TuneRequest& request, TuneSubject subject)
        : request_(request), budget_(parse_budget(request.budget)), subject_(std::move(subject)),
          ranking_(ranking_of(request, subject_)),
          setting_(setting_of(subject_, ranking_ ? ranking_->machine : request.machine)), output_(request, subject_),
          space_(space_of(subject_)), start_(std::chrono::steady_clock::now()) {
        if (!changes_given_file(subject_) && subject_.schedules.size() == 1) {
            subject_.default_text = space_->schedule_text(tune::initial(*space_));
        }
        if (budget_.seconds) {
            // A compiler that hangs must not take the budget many times over.
            double& limit = subject_.limits.seconds;
            limit = limit == 0 ? *budget_.seconds + 10 : std::min(limit, *budget_.seconds + 10);
        }
    }

    int run() {
        open_store();
        const TemporaryDirectory scratch;
        const double comparison = budget_.seconds ? share_of_comparison * *budget_.seconds : most_comparison;
        const auto made = evaluator_of(scratch.path(), std::clamp(comparison, 1.0, most_comparison));
        tune::Evaluator& evaluator = *made;
        tune::SearchOptions search;
        search.candidates = budget_.candidates;
        search.seed = request_.seed;
        search.starts = starts_;
        if (!experience_.empty()) {
            search.prior = [this](const tune::Assignment& each) { return experience_.expected(*space_, each); };
        }
        TuneProgress progress(subject_.work().kernel.name + (ranking_ ? ", estimated" : ""),
                              request_.lock ? std::nullopt : budget_.seconds);
        search.progress = [&](const tune::SearchProgress& now) { progress.show(now); };
        if (request_.lock || request_.reuse) {
            search.recorded_only = true;
            const tune::SearchResult found = tune::search(*space_, evaluator, recorded_, search);
            if (request_.lock || is_finished(found)) {
                return finish(found);
            }
            search.recorded_only = false;
        }
        search.is_over = [this] { return is_over(); };
        return finish(tune::search(*space_, evaluator, recorded_, search));
    }

private:
    std::unique_ptr<tune::Evaluator> evaluator_of(const fs::path& scratch, double comparison) const {
        const auto over = [this] { return is_over(); };
        if (ranking_) {
            return std::make_unique<RankEvaluator>(subject_, *ranking_, scratch, over);
        }
        return std::make_unique<CandidateEvaluator>(subject_, scratch, over, comparison);
    }

    static bool is_finished(const tune::SearchResult& result) {
        return result.best && (result.compared || result.complete);
    }

    bool is_over() const {
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
        return interrupted() != 0 ||
               (budget_.seconds && elapsed.count() > (1 - share_of_comparison) * *budget_.seconds);
    }

    void open_store() {
        store_path_ = request_.store.empty() ? default_store() : fs::path(request_.store);
        if (request_.lock && store_path_.extension() == ".jsonl") {
            std::istringstream lines(read_file(store_path_));
            for (const tune::Store::Entry& entry : tune::read_lines(lines, store_path_.string())) {
                if (entry.setting == setting_) {
                    recorded_.add(entry.record);
                }
            }
            return;
        }
        store_.emplace(store_path_, request_.lock ? tune::Store::Mode::read : tune::Store::Mode::write);
        recorded_ = tune::Recorded(*store_, setting_, !request_.resume);
        if (!request_.lock) {
            starts_ = starts_of(*store_, setting_, *space_);
            const std::vector<tune::Assignment> sweeping = sweeping_starts(*space_);
            starts_.insert(starts_.end(), sweeping.begin(), sweeping.end());
            experience_ = tune::Experience(others_of(*store_, setting_));
        }
    }

    int finish(const tune::SearchResult& result) {
        if (request_.lock && !is_finished(result)) {
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
        const auto provenance_of = ranking_ ? rank_provenance : provenance;
        output_.write(tune::with_provenance(result.best->candidate.text,
                                            provenance_of(subject_, setting_, *space_, result, request_.seed)));
        tell_if_interrupted({});
        if (request_.quiet) {
            return good;
        }
        const auto json_of = ranking_ ? rank_json : tune_json;
        const auto report_of = ranking_ ? rank_report : tune_report;
        print_report(request_.json ? json_of(subject_, setting_, result, output_.path())
                                   : report_of(subject_, result, output_.path()));
        return good;
    }

    int nothing_timed(const tune::SearchResult& result) const {
        if (interrupted() != 0) {
            std::cerr << "interrupted: nothing was measured yet\n";
            return environment;
        }
        if (result.candidates == 0) {
            throw failure(no_schedule, "M009",
                          fmt::format("the budget of {} was over before a candidate was measured", request_.budget),
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
                                           fmt::format("none of {} candidates could be {}", result.candidates,
                                                       ranking_ ? "ranked" : "timed"))
                                           .what() +
                                       why);
    }

    const TuneRequest& request_;
    Budget budget_;
    TuneSubject subject_;
    std::optional<Ranking> ranking_; ///< where nothing is measured
    tune::Setting setting_;
    TunedOutput output_;
    std::unique_ptr<tune::Space> space_;
    std::chrono::steady_clock::time_point start_;
    fs::path store_path_;
    std::optional<tune::Store> store_;
    tune::Recorded recorded_;
    std::vector<tune::Assignment> starts_;
    tune::Experience experience_;
};

} // namespace

int tune_kernel(const TuneRequest& request) {
    try {
        // Mistakes of the command line are told before anything is read.
        static_cast<void>(parse_budget(request.budget));
        const auto classes =
            request.sizes.empty() ? std::vector{request.typical} : size_classes(request.sizes, request.sizes_option);
        TuneSubject subject = subject_of(request, classes.size() > 1);
        if (!subject.work().variants.empty() || classes.size() > 1) {
            require_measuring(request, subject);
        }
        if (!subject.work().variants.empty()) {
            return tune_parts(request, subject, classes);
        }
        if (classes.size() > 1) {
            return tune_classes(request, subject, classes);
        }
        subject.complete(classes.front());
        return Tuning(request, std::move(subject)).run();
    } catch (const tune::StoreError& error) {
        throw Failure(environment, error.what());
    }
}

} // namespace coulter::cli
