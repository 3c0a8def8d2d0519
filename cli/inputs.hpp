#pragma once
/// Kernels and schedules from files, checked: all diagnostics of all files before anything is done with one of them.

#include "command.hpp"
#include "coulter/schedule/check.hpp"
#include "coulter/schedule/target.hpp"
#include "coulter/sizes.hpp"

#include <filesystem>

namespace coulter::cli {

/// One kernel with the schedule that applies to it.
struct Work {
    std::string path; ///< of the .coulter file
    ir::Kernel kernel;
    Sizes sizes;
    std::vector<std::string> schedules;      ///< files that apply to it
    std::vector<Span> directives;            ///< as the common part applies them
    schedule::Plan plan;                     ///< of the common part; only when it was asked for
    std::vector<schedule::Variant> variants; ///< in the order in which they are tried
};

/// Diagnostics in the order of the files, and the texts that they point into.
class Report {
public:
    void add_text(const std::string& path, std::string text) { texts_[path] = std::move(text); }
    void add(const std::vector<Diagnostic>& diagnostics);

    [[nodiscard]] bool has_errors() const;
    [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }
    /// What a user reads on standard error.
    [[nodiscard]] std::string text() const { return text(diagnostics_); }
    /// The same of others that point into these texts.
    [[nodiscard]] std::string text(const std::vector<Diagnostic>& diagnostics) const;

private:
    std::map<std::string, std::string> texts_;
    std::vector<Diagnostic> diagnostics_;
};

struct LoadOptions {
    std::string target = "host";                   ///< as in --target; empty: any
    bool plans = true;                             ///< check schedules against kernels
    schedule::DefaultOptions defaults = {};        ///< of the default schedule
    std::map<std::string, std::string> texts = {}; ///< of schedule files, in place of what is on disk
};

struct Loaded {
    std::vector<Work> work;                        ///< in the order of the command line; meaningful only without errors
    std::vector<schedule::ScheduleFile> schedules; ///< all that were given
    std::vector<std::string> included;             ///< files that these include
    bool target_matches = true;
    Report report;
    schedule::Target target;

    /// Prints warnings. \throws Failure with all diagnostics, exit code 1 or 3, where there is an error.
    void require_good() const;
};

/// Reads `kernels` and `schedules`. A schedule goes to the kernels that its `schedule` line names; one that names none
/// of them is a warning [B011]; two kernels of one name are an error [B010].
/// \throws Failure: exit code 2 for an unknown target, 4 for a file that cannot be read.
[[nodiscard]] Loaded load(const std::vector<std::string>& kernels, const std::vector<std::string>& schedules,
                          const LoadOptions& options = {});

/// Splits `FILE.coulter FILE.sched...` as given to show, check, verify and bench. \throws Failure, exit code 2.
struct KernelAndSchedules {
    std::string kernel;
    std::vector<std::string> schedules;
};
[[nodiscard]] KernelAndSchedules split_files(const std::vector<std::string>& files);

/// `iy=15,batch=64` as given to `option`. \throws Failure, exit code 2.
[[nodiscard]] std::map<std::string, std::int64_t> parse_sizes(const std::vector<std::string>& words,
                                                              const std::string& option = "--sizes");

} // namespace coulter::cli
