#pragma once
/// A file that several tunings make together must have what each of them measured.

#include "tune_subject.hpp"

namespace coulter::cli {

/// A part of a schedule, and what was measured for it.
struct MeasuredPart {
    std::string name;                     ///< of the variant, or `common`
    const TuneSubject* subject = nullptr; ///< as which it was measured
    std::string text;                     ///< of the tuned file of that subject
};

/// \throws Failure, an internal error, where the checker refuses the files of `subject` with `text` in place of the
/// tuned one, or where a part of them has other statements or loops than what was measured.
void require_as_measured(const TuneSubject& subject, const std::string& text, const std::vector<MeasuredPart>& parts);

} // namespace coulter::cli
