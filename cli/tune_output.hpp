#pragma once
/// The file that a tuning writes, and how it ends.

#include "coulter/tune/search.hpp"
#include "tune_run.hpp"
#include "tune_subject.hpp"

namespace coulter::cli {

/// Made before the search: what stands in the file then must stand there still when it is written in place.
class TunedOutput {
public:
    TunedOutput(const TuneRequest& request, const TuneSubject& subject);

    /// As -o says, or the file that is tuned.
    [[nodiscard]] const std::string& path() const { return path_; }

    /// \throws Failure [M010], and nothing is written, where the file is tuned in place and was edited meanwhile.
    void write(const std::string& text) const;

private:
    std::string path_;
    std::string tuned_; ///< that is overwritten; empty: another file, or a new one, is written
    std::string original_;
};

/// Says so where the search was interrupted, and what has no result: the names of those searches.
void tell_if_interrupted(const std::vector<std::string>& without_result);

/// Prints what a tuning says, and all of it: an interrupted process ends by its signal.
void print_report(const std::string& text);

} // namespace coulter::cli
