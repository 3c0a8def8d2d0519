#pragma once
/// Compiles and times candidates for the search. Compiling and timing take turns, so that neither disturbs the other.

#include "coulter/tune/search.hpp"
#include "tune_build.hpp"
#include "tune_judge.hpp"

namespace coulter::cli {

class CandidateEvaluator : public tune::Evaluator {
public:
    /// Compares for so many seconds.
    /// \throws Failure when no reference can be made, as everything here where the environment is at fault.
    CandidateEvaluator(const TuneSubject& subject, const std::filesystem::path& scratch, std::function<bool()> is_over,
                       double comparison_seconds);

    [[nodiscard]] std::optional<std::string> identify(const std::string& text) override;
    void measure(const std::vector<tune::Candidate>& candidates, double slow,
                 const std::function<void(const tune::Record&)>& done) override;
    [[nodiscard]] std::vector<tune::Record> compare(const std::vector<tune::Candidate>& candidates,
                                                    const std::string& comparison) override;

private:
    /// Compiles all, then times all. \returns false when the search must end.
    bool measure_some(const std::vector<tune::Candidate>& candidates, double slow,
                      const std::function<void(const tune::Record&)>& done);
    /// With the library of `first` as the reference where it has the default schedule.
    void make_judge(const tune::Candidate* first);
    void keep(const std::string& schedule, const std::filesystem::path& library, double seconds);

    const TuneSubject& subject_;
    std::filesystem::path scratch_;
    CandidateBuilder builder_;
    std::optional<Judge> judge_; ///< made when first something is to be measured
    std::function<bool()> is_over_;
    double comparison_seconds_;
    std::map<std::string, BuiltCandidate> built_; ///< before they are measured, by their schedules
    bool measured_ = false; ///< something, in this run
    struct Kept {
        std::filesystem::path library;
        double seconds = 0;
    };
    std::map<std::string, Kept> kept_; ///< libraries of the fastest, by their schedules
};

} // namespace coulter::cli
