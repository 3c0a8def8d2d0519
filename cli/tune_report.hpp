#pragma once
/// What `coulter tune` tells: a line of progress, the result, and the comments in the file that it writes.

#include "coulter/tune/search.hpp"
#include "tune_subject.hpp"

namespace coulter::cli {

/// A line on the terminal, rewritten at each candidate from two seconds on. Unlike Progress it has no thread: children
/// are forked while it is shown.
class TuneProgress {
public:
    TuneProgress(std::string kernel, std::optional<double> seconds);
    ~TuneProgress();
    TuneProgress(const TuneProgress&) = delete;
    TuneProgress& operator=(const TuneProgress&) = delete;

    void show(const tune::SearchProgress& progress);

private:
    std::string kernel_;
    std::optional<double> seconds_; ///< the budget
    bool enabled_;
    bool shown_ = false;
    double start_;
};

/// All that the lines say follows from the records and the command line, so that the same of both gives the same file.
[[nodiscard]] std::vector<std::string> provenance(const TuneSubject& subject, const tune::Setting& setting,
                                                  const tune::Space& space, const tune::SearchResult& result,
                                                  std::uint64_t seed);

[[nodiscard]] std::string tune_report(const TuneSubject& subject, const tune::SearchResult& result,
                                      const std::string& written);

[[nodiscard]] std::string tune_json(const TuneSubject& subject, const tune::Setting& setting,
                                    const tune::SearchResult& result, const std::string& written);

} // namespace coulter::cli
