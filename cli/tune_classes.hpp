#pragma once
/// Tuning for several classes of sizes: one schedule with a variant for those that need one of their own.

#include "coulter/tune/shapes.hpp"
#include "tune_run.hpp"
#include "tune_shared.hpp"

namespace coulter::cli {

/// The sizes of each class, as given to `option`. Words that give different dims are one class together; words that all
/// give the same dims are a class each. \throws Failure, exit code 2: the same sizes twice, or words of which some give
/// the same dims and others do not.
[[nodiscard]] std::vector<std::map<std::string, std::int64_t>> size_classes(const std::vector<std::string>& words,
                                                                            const std::string& option);

/// A schedule that won a class.
struct Winner {
    std::size_t search = 0; ///< whose
    tune::Candidate candidate;
    std::map<std::string, std::string> choices;
};

/// How classes share schedules.
struct SharedClasses {
    std::vector<std::size_t> searches; ///< that found a schedule
    std::vector<Winner> winners;       ///< times and regions number them; a region's group is one
    tune::Times times;                 ///< of those searches
    std::vector<std::size_t> taken;    ///< the winner of each of those searches
    std::vector<std::string> dims;     ///< of the bounds of regions
    std::vector<tune::Region> regions; ///< the last is the common part
    std::vector<std::string> names;    ///< of the variant of each region; `common` for the last
    std::vector<std::string> whens;    ///< its condition
};

/// Tunes for each class, compares the winners at the sizes of all, writes the file and reports.
/// \returns the exit code. \throws Failure, StoreError.
int tune_classes(const TuneRequest& request, const TuneSubject& subject,
                 const std::vector<std::map<std::string, std::int64_t>>& classes);

/// The file. \pre `shared` is of `searches`.
[[nodiscard]] std::string classes_file(const TuneRequest& request, const std::vector<SharedSearch>& searches,
                                       const SharedClasses& shared);

[[nodiscard]] std::string classes_report(const std::vector<SharedSearch>& searches, const SharedClasses& shared,
                                         const std::string& written);
[[nodiscard]] std::string classes_json(const std::vector<SharedSearch>& searches, const SharedClasses& shared,
                                       const std::string& written);

} // namespace coulter::cli
