#pragma once
/// What each directive of a schedule is worth: the kernel compiled, checked and timed without it.

#include "coulter/tune/record.hpp"
#include "tune_subject.hpp"

namespace coulter::cli {

/// One directive, and what is known of the schedule without it.
struct Contribution {
    std::string file;
    Span span;
    std::string stage;
    std::string directive;
    std::string without; ///< text of the whole file without it
    std::string why;     ///< it was not timed; empty where it was
    std::optional<tune::Record> record;
};

struct Contributions {
    tune::Record whole; ///< of the schedule as it is
    std::vector<Contribution> directives;

    /// Time without it over the time of the whole schedule. \pre it was timed.
    [[nodiscard]] double ratio(const Contribution& one) const;
    /// Whether the 95 % intervals of the medians overlap. \pre it was timed.
    [[nodiscard]] bool may_be_chance(const Contribution& one) const;
    /// In words.
    [[nodiscard]] std::string verdict(const Contribution& one) const;
};

/// Directives of blocks at the top of a schedule file; those of macros and variants stay where they are.
[[nodiscard]] std::vector<Contribution> directives_of(const std::string& path);

/// Compiles the schedule of `subject`, and that without each of `directives`, and times all that are right side by
/// side. Without schedule files it is the default schedule. `subject.tuned` changes meanwhile. \throws Failure: [E003]
/// when the schedule cannot be timed, [E004] when not side by side, and when interrupted.
[[nodiscard]] Contributions measure_contributions(TuneSubject& subject, std::vector<Contribution> directives);

} // namespace coulter::cli
