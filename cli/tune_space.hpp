#pragma once
/// What is tuned: the holes of a file, and the stages that no file schedules.

#include "coulter/tune/space.hpp"
#include "tune_run.hpp"
#include "tune_subject.hpp"

#include <memory>

namespace coulter::cli {

/// Loads the files; the sizes are still to be settled. `tuned` is the file that has holes, or the highest one where
/// that is the output too, else a layer more, which is the output. What an earlier tuning added to the file that is
/// tuned is left out; its variants only where there are `several` classes of sizes, which make them anew. \throws
/// Failure: bad files, nothing to tune [M006], no output.
[[nodiscard]] TuneSubject subject_of(const TuneRequest& request, bool several);

/// At the top or in a variant.
[[nodiscard]] bool has_holes(const schedule::ScheduleFile& file);

/// Whether there is a decision to take about what some part of the schedule leaves out.
[[nodiscard]] bool has_decisions(const Work& work);

/// Whether one of the given files is tuned, and not a new one.
[[nodiscard]] bool changes_given_file(const TuneSubject& subject);

[[nodiscard]] std::unique_ptr<tune::Space> space_of(const TuneSubject& subject);

/// The text of the tuned file with values in its holes; empty for a new file.
[[nodiscard]] std::string filled_text(const TuneSubject& subject, const std::map<std::string, std::string>& choices);

/// The kernel with its schedule after some choices, completed for the sizes of the subject.
[[nodiscard]] Work completed_work(const TuneSubject& subject, const std::map<std::string, std::string>& choices);

/// With what the default schedule completes the subject.
[[nodiscard]] schedule::DefaultOptions defaults_of(const TuneSubject& subject);

/// What `coulter tune` wrote, as `how` of completion_file().
[[nodiscard]] std::string by_tune();

} // namespace coulter::cli
