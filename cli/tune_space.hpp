#pragma once
/// What is tuned: the holes of a file, or the stages that no file schedules.

#include "coulter/tune/space.hpp"
#include "tune_run.hpp"
#include "tune_subject.hpp"

#include <memory>

namespace coulter::cli {

/// Loads the files. With holes, `tuned` is the file that has them; without, a layer more, which is the output.
/// \throws Failure: bad files, nothing to tune [M006], no output.
[[nodiscard]] TuneSubject subject_of(const TuneRequest& request);

[[nodiscard]] bool has_holes(const schedule::ScheduleFile& file);

/// Whether a file with holes is tuned, and not a new one.
[[nodiscard]] bool fills_holes(const TuneSubject& subject);

/// `text` is that of the file with the holes.
[[nodiscard]] std::unique_ptr<tune::Space> space_of(const TuneSubject& subject, const std::string& text);

} // namespace coulter::cli
