#pragma once
/// What `coulter tune` tells where it ranked candidates and measured nothing, and the comments in the file that it
/// writes. The parameters are those of tune_report.hpp.

#include "coulter/tune/search.hpp"
#include "tune_subject.hpp"

namespace coulter::cli {

[[nodiscard]] std::vector<std::string> rank_provenance(const TuneSubject& subject, const tune::Setting& setting,
                                                       const tune::Space& space, const tune::SearchResult& result,
                                                       std::uint64_t seed);

[[nodiscard]] std::string rank_report(const TuneSubject& subject, const tune::SearchResult& result,
                                      const std::string& written);

[[nodiscard]] std::string rank_json(const TuneSubject& subject, const tune::Setting& setting,
                                    const tune::SearchResult& result, const std::string& written);

} // namespace coulter::cli
