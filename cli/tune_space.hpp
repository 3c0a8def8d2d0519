#pragma once
/// What is tuned: the holes of a file, and the stages that no file schedules.

#include "coulter/tune/space.hpp"
#include "tune_run.hpp"
#include "tune_subject.hpp"

#include <memory>

namespace coulter::cli {

/// Loads the files. `tuned` is the file that has holes, or the highest one where that is the output too, else a layer
/// more, which is the output. What an earlier tuning added to a file is left out. \throws Failure: bad files, nothing
/// to tune [M006], no output.
[[nodiscard]] TuneSubject subject_of(const TuneRequest& request);

[[nodiscard]] bool has_holes(const schedule::ScheduleFile& file);

/// Whether one of the given files is tuned, and not a new one.
[[nodiscard]] bool changes_given_file(const TuneSubject& subject);

[[nodiscard]] std::unique_ptr<tune::Space> space_of(const TuneSubject& subject);

} // namespace coulter::cli
