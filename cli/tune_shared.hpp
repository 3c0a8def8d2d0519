#pragma once
/// Several searches that share a budget: of classes of sizes, or of the parts of a schedule.

#include "coulter/tune/experience.hpp"
#include "coulter/tune/search.hpp"
#include "files.hpp"
#include "tune_budget.hpp"
#include "tune_evaluator.hpp"
#include "tune_report.hpp"
#include "tune_run.hpp"

#include <chrono>
#include <limits>
#include <memory>

namespace coulter::cli {

/// One of the searches.
struct SharedSearch {
    TuneSubject subject;
    std::string name; ///< for messages: `i=64,j=64,k=64`
    tune::Setting setting;
    std::unique_ptr<tune::Space> space;
    tune::Recorded recorded;
    tune::SearchOptions options;
    tune::Experience experience;
    std::unique_ptr<CandidateEvaluator> evaluator;
    std::unique_ptr<tune::Searching> searching;
    tune::SearchResult result;
    bool finished = false;      ///< compared side by side, or the whole space was tried
    std::size_t first_part = 0; ///< candidates with which its equal share was over
};

/// Half of the budget is shared equally; what is left is given out in slices to those whose last slice made them faster
/// by more than 1 %, and to all while none did. Everything is measured in the order that follows from the records.
class SharedTuning {
public:
    /// \param subjects with their sizes, all of one kernel. \param space_of gets a subject, which stays where it is,
    /// and its number. \throws Failure where the budget is no budget, or gives some of them no candidate.
    SharedTuning(const TuneRequest& request, std::vector<TuneSubject> subjects,
                 const std::function<std::unique_ptr<tune::Space>(const TuneSubject&, std::size_t)>& space_of);

    /// Takes what is recorded (TuneRequest::lock, TuneRequest::reuse), or searches. \throws Failure [M007, M009],
    /// StoreError.
    void run();

    [[nodiscard]] std::vector<SharedSearch>& searches() { return searches_; }
    [[nodiscard]] std::vector<std::string> names_without_result() const;
    /// Where records are from, for messages.
    [[nodiscard]] const std::filesystem::path& store_path() const { return store_path_; }
    /// Whether candidates may be measured now.
    [[nodiscard]] bool measures() const { return measures_; }
    /// How long a comparison may take, in seconds.
    [[nodiscard]] double comparison_seconds() const;

private:
    void open_store();
    void begin(SharedSearch& search);
    [[nodiscard]] bool take_recorded();
    void share_out();
    /// \returns what of `units` was used.
    double give(std::size_t index, double units);
    [[nodiscard]] double left() const;
    [[nodiscard]] double elapsed() const; ///< in seconds
    void require_results() const;

    const TuneRequest& request_;
    Budget budget_;
    std::vector<SharedSearch> searches_;
    std::vector<bool> improved_; ///< in the last slice of each
    TemporaryDirectory scratch_;
    std::filesystem::path store_path_;
    std::optional<tune::Store> store_;
    std::unique_ptr<TuneProgress> progress_;
    std::chrono::steady_clock::time_point start_;
    /// Of a slice of time, in seconds after the start: any number, while a point in time ends within three centuries.
    double slice_end_ = std::numeric_limits<double>::infinity();
    bool measures_ = false;
};

} // namespace coulter::cli
