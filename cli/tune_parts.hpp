#pragma once
/// Tuning of schedules with variants: each part for itself, at sizes that lie in it.

#include "tune_run.hpp"
#include "tune_shared.hpp"

namespace coulter::cli {

/// One part of a schedule, a variant or what is common to all.
struct TunedPart {
    std::string name; ///< as part_names() has it
    std::map<std::string, std::int64_t> sizes;
    std::vector<std::string> holes; ///< that make a difference to it
    bool completes = false;         ///< stages that it leaves out are decided
    std::string target;             ///< what it is compiled for
    /// What was chosen; empty where nothing was measured.
    std::map<std::string, std::string> choices;
    bool tuned = false;

    [[nodiscard]] std::string variant() const { return name == "common" ? "" : name; }
    /// `` `small` `` or `the common part`.
    [[nodiscard]] std::string title() const { return name == "common" ? "the common part" : "`" + name + "`"; }
    /// Of the line from which a later tuning reads the first values.
    [[nodiscard]] std::string label() const { return title() + ": "; }
};

/// All parts, in the order in which they are tried, and what is to be tuned of each. `sizes` are empty where none were
/// found that reach the part, `target` where this processor does not run it.
[[nodiscard]] std::vector<TunedPart> parts_of(const TuneSubject& subject);

/// The text of the tuned file before it is tuned; empty for a new file.
[[nodiscard]] std::string own_text(const TuneSubject& subject);

/// The part alone after some choices, as a schedule without layers. Empty: the checker refuses it.
[[nodiscard]] std::string part_text(const TuneSubject& subject, const TunedPart& part, const std::string& filled,
                                    const schedule::Decided& decided);

/// The decisions about what the part leaves out, at its sizes.
[[nodiscard]] std::vector<schedule::Decision> decisions_of_part(const TuneSubject& subject, const TunedPart& part,
                                                                const std::string& filled);

/// The tuned file with what was chosen for the parts: values stand where they stood; where parts want different values
/// of a hole at the top, variants get a `tune` line of their own, and so do parts that are not tuned, to keep what they
/// have. Below it, or in a file of its own, what completes all parts. \throws Failure, an internal error, where the
/// checker refuses that.
[[nodiscard]] std::string parts_file(const TuneSubject& subject, const std::vector<TunedPart>& parts);

/// Tunes the parts that `classes` lie in, or all, writes the file and reports. \returns the exit code.
/// \throws Failure: nothing to tune [M006], sizes that lie in no part of which there is something; StoreError.
int tune_parts(const TuneRequest& request, const TuneSubject& subject,
               const std::vector<std::map<std::string, std::int64_t>>& classes);

} // namespace coulter::cli
