#pragma once
/// What `coulter tune` tells: a line of progress, the result, and the comments in the file that it writes.

#include "coulter/tune/search.hpp"
#include "tune_subject.hpp"

#include <nlohmann/json_fwd.hpp>

namespace coulter::cli {

/// A line on the terminal, rewritten at each candidate from two seconds on. Unlike Progress it has no thread: children
/// are forked while it is shown.
class TuneProgress {
public:
    TuneProgress(std::string kernel, std::optional<double> seconds);
    ~TuneProgress();
    TuneProgress(const TuneProgress&) = delete;
    TuneProgress& operator=(const TuneProgress&) = delete;

    /// `of`: which of several searches.
    void show(const tune::SearchProgress& progress, const std::string& of = {});

private:
    std::string kernel_;
    std::optional<double> seconds_; ///< the budget
    bool enabled_;
    bool shown_ = false;
    double start_;
};

/// `33 candidates: 30 timed, 2 wrong, 1 crashed`
[[nodiscard]] std::string counts_text(std::size_t candidates, const std::map<tune::Outcome, std::size_t>& outcomes);

/// The counts of a search, which candidates came from the store, which were refused, and whether that was all.
[[nodiscard]] std::string tried_text(std::string counts, const tune::SearchResult& result);

/// `lanes = 8, rows = 4`: what a record is of.
[[nodiscard]] std::string choices_text(const tune::Record& record);

/// By how much the best is faster than what the search began with. \pre both are known.
[[nodiscard]] double speedup(const tune::SearchResult& result);

/// All that the lines say follows from the records and the command line, so that the same of both gives the same file.
[[nodiscard]] std::vector<std::string> provenance(const TuneSubject& subject, const tune::Setting& setting,
                                                  const tune::Space& space, const tune::SearchResult& result,
                                                  std::uint64_t seed);

/// `extents, before, best, choices, candidates, measured, refused, outcomes, compared, complete` of a search.
/// \pre it has a best.
[[nodiscard]] nlohmann::ordered_json search_json(const TuneSubject& subject, const tune::SearchResult& result);

[[nodiscard]] std::string tune_report(const TuneSubject& subject, const tune::SearchResult& result,
                                      const std::string& written);

[[nodiscard]] std::string tune_json(const TuneSubject& subject, const tune::Setting& setting,
                                    const tune::SearchResult& result, const std::string& written);

} // namespace coulter::cli
