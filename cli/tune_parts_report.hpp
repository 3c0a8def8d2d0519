#pragma once
/// What a tuning of a schedule with variants tells.

#include "tune_parts.hpp"

namespace coulter::cli {

struct PartsOutcome {
    const std::vector<SharedSearch>& searches;
    std::vector<const TunedPart*> parts; ///< of each search
};

/// The lines above the file's first hole, or on its top.
[[nodiscard]] std::vector<std::string> parts_heading(const TuneRequest& request, const TuneSubject& subject,
                                                     const PartsOutcome& outcome);
[[nodiscard]] std::string parts_report(const TuneSubject& subject, const PartsOutcome& outcome,
                                       const std::string& written);
[[nodiscard]] std::string parts_json(const TuneSubject& subject, const PartsOutcome& outcome,
                                     const std::string& written);

} // namespace coulter::cli
