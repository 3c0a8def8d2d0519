#pragma once
/// Ranks candidates for a device that is not there: compiles them, and estimates their times.

#include "coulter/tune/search.hpp"
#include "ranking.hpp"
#include "tune_build.hpp"

namespace coulter::cli {

/// A record's only sample is the estimated time, the geometric mean over the architectures, and one second more where a
/// launch spills registers: it is ranked behind all that do not. What does not fit on a multiprocessor is a failure.
/// The message says what was estimated.
class RankEvaluator : public tune::Evaluator {
public:
    /// `scratch` is for files of its own.
    RankEvaluator(const TuneSubject& subject, const Ranking& ranking, std::filesystem::path scratch,
                  std::function<bool()> is_over);

    [[nodiscard]] std::optional<std::string> identify(const std::string& text) override;
    void measure(const std::vector<tune::Candidate>& candidates, double slow,
                 const std::function<void(const tune::Record&)>& done) override;
    /// What measure() said: estimates do not change from one time to the next.
    [[nodiscard]] std::vector<tune::Record> compare(const std::vector<tune::Candidate>& candidates,
                                                    const std::string& comparison) override;

private:
    /// A record for each, or nothing of those that were not begun when the search had to end.
    [[nodiscard]] std::vector<std::optional<tune::Record>> rank(const std::vector<tune::Candidate>& candidates,
                                                                const std::function<bool()>& is_over);
    [[nodiscard]] tune::Record rank_one(const Loaded& loaded, const std::filesystem::path& folder) const;

    const TuneSubject& subject_;
    const Ranking& ranking_;
    std::filesystem::path scratch_;
    CandidateBuilder builder_;
    std::function<bool()> is_over_;
    std::map<std::string, tune::Record> known_; ///< by schedule
};

/// Of a record of this evaluator: the estimate without the second for spills.
[[nodiscard]] double estimated_seconds(const tune::Record& record);
[[nodiscard]] bool spills(const tune::Record& record);

} // namespace coulter::cli
