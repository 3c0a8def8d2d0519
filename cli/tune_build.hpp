#pragma once
/// Compiles candidates of a tuning: each in a child process with limits, several at a time.

#include "coulter/tune/record.hpp"
#include "tune_subject.hpp"

namespace coulter::cli {

struct BuiltCandidate {
    std::filesystem::path library; ///< where `outcome` is `timed`
    std::int64_t code_bytes = 0;
    tune::Outcome outcome = tune::Outcome::timed;
    std::string message;
};

/// The outcome that a failure of a compilation means, or nothing where the candidate is not at fault.
[[nodiscard]] std::optional<tune::Outcome> outcome_of_failure(const std::string& failure);

class CandidateBuilder {
public:
    /// `scratch` is for files of its own.
    CandidateBuilder(const TuneSubject& subject, std::filesystem::path scratch);

    /// SHA-256 of the schedule in force with `text` in place of the tuned file; nothing where it is refused.
    [[nodiscard]] std::optional<std::string> identify(const std::string& text);

    /// The files with `text` in place of the tuned one, checked.
    [[nodiscard]] Loaded load_candidate(const std::string& text);

    /// Compiles all, `jobs` at a time. What was not begun when `is_over` became true is empty.
    /// \throws Failure where not the candidate but the environment is at fault: a disk, a missing program.
    [[nodiscard]] std::vector<std::optional<BuiltCandidate>> build(const std::vector<std::string>& texts,
                                                                   const std::function<bool()>& is_over);

    /// The kernel with the default schedule and the numerics of the subject. \throws Failure.
    [[nodiscard]] std::filesystem::path build_default();

private:
    [[nodiscard]] std::filesystem::path make(const Loaded& loaded, const std::filesystem::path& folder,
                                             std::int64_t& code_bytes) const;
    [[nodiscard]] BuiltCandidate build_one(const Loaded& loaded, const std::filesystem::path& folder) const;

    const TuneSubject& subject_;
    std::filesystem::path scratch_;
    std::string extra_source_;
    std::size_t files_ = 0;
    std::size_t libraries_ = 0;
};

} // namespace coulter::cli
