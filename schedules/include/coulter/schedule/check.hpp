#pragma once
/// Checks schedule files against a kernel and turns them into the plan that the lowering takes.
///
/// Statements apply in the written order: a rewrite changes the kernel, a directive changes the loops of its stage.
/// What depends on the finished nests (places, constant extents, memory) is judged after the last statement. Stages
/// without a statement get the default schedule.

#include "coulter/schedule/defaults.hpp"
#include "coulter/schedule/plan.hpp"
#include "coulter/schedule/syntax.hpp"

namespace coulter::schedule {

struct CheckOptions {
    std::string target; ///< a name of target.hpp; empty: every `target` line matches
    /// Stages without a statement get the default schedule; otherwise maps are inlined and the rest is at root.
    bool complete = true;
    /// Only so many directives and rewrites are applied, in their order; for finding the one that breaks a lowering.
    std::optional<std::size_t> first_directives;
    DefaultOptions defaults; ///< `numerics` is taken from the file, registers and device from the target
};

/// A named value that a tuner may change.
struct Hole {
    std::string name;
    std::vector<std::int64_t> domain;
    std::int64_t value = 0; ///< in force; one of the domain
    Span span;
};

struct CheckResult {
    std::optional<Plan> plan;            ///< the common part; empty when `diagnostics` has an error
    std::vector<Variant> variants;       ///< the first whose condition holds is called; else `plan`
    std::vector<Diagnostic> diagnostics; ///< in the order of files, lines and columns
    std::vector<Hole> holes;
    std::vector<Span>
        directives; ///< of the common part as applied, macros expanded; see CheckOptions::first_directives
    std::vector<ScheduleText> texts; ///< of macro files that the kernel carries, for rendering
    bool target_matches = true;      ///< false: the file's `target` line names another one (exit code 3)
    [[nodiscard]] bool ok() const { return plan.has_value(); }
};

/// Checks parsed files; their syntax errors are the caller's (see check_texts).
///
/// A file applies where a pattern of its `schedule` line matches the kernel's name; one that does not is a warning.
/// Files given later are higher layers: a block there replaces the lower block of that stage, a statement that makes a
/// stage the lower one that makes it. No file gives the default schedule. Includes must be resolved (see
/// resolve_includes).
[[nodiscard]] CheckResult check(const ir::Kernel& kernel, const std::vector<ScheduleFile>& files,
                                const CheckOptions& options = {});

/// Parses and checks: all diagnostics of all files. `include` finds its file among `texts`; a text that another
/// includes, and that has no `schedule` line, is no layer of its own.
[[nodiscard]] CheckResult check_texts(const ir::Kernel& kernel, const std::vector<ScheduleText>& texts,
                                      const CheckOptions& options = {});

/// All diagnostics as a user reads them, with the lines of `texts`.
[[nodiscard]] std::string render(const std::vector<Diagnostic>& diagnostics, const std::vector<ScheduleText>& texts);

/// Whether a pattern of a `schedule` line matches a kernel's name. `*` stands for the rest of the name: `conv.*`
/// matches `conv.grad` and `conv.grad.vmap`, not `conv`.
[[nodiscard]] bool pattern_matches(std::string_view pattern, std::string_view kernel);

/// Extents that no call can change: constants, and what follows from constants alone. The lowering and the checker
/// must agree on them.
[[nodiscard]] std::map<std::string, std::int64_t> constant_extents(const ir::Kernel& kernel);

/// The loops of a plan as an indented text, stage by stage from the outputs to the producers; `coulter show --as
/// loops`.
[[nodiscard]] std::string loops_text(const Plan& plan);

/// Which lines of which files each stage has its block and its loops from, a line per stage; `coulter show --as lines`.
/// What the default schedule says has none.
[[nodiscard]] std::string lines_text(const Plan& plan);

} // namespace coulter::schedule
