#pragma once
/// Schedule files (`.sched`): the syntax tree with spans, the parser and the canonical printer.
///
/// The grammar, one statement per line or separated by `;`, `#` to the end of a line a comment:
///
///     schedule PATTERN, ...                         target WORD          numerics exact|reassociate|fast
///     stage NEW = pack SOURCE by DIM N [DIM N ...] [once | per call]
///     stage NEW = copy SOURCE for CONSUMER [at STAGE/LOOP | at root] [in MEMORY]
///     stage NEW = accumulate STAGE [at STAGE/LOOP | at root] [in MEMORY]
///     rfactor STAGE: LOOP as NEW
///     stage NAME [@STAMP] { DIRECTIVE; ... }
///
/// Nothing here knows a kernel: names are resolved by check().

#include "coulter/schedule/plan.hpp"

#include <string_view>

namespace coulter::schedule {

/// A dotted path, `votes.acc` or `em.mu[1]`, as it stands in the file.
struct Name {
    std::string text;
    Span span;
};

struct Number {
    std::int64_t value = 0;
    Span span;
};

/// `STAGE/LOOP`, or `root` where `stage` is empty.
struct PlaceSyntax {
    Name stage;
    Name loop;
    Span span;
    [[nodiscard]] bool is_root() const { return stage.text.empty(); }
};

/// Comments and blank lines around a statement or directive; the printer keeps them.
struct Trivia {
    std::vector<std::string> before; ///< lines in front: a comment with its `#`, or empty for a blank line
    std::string after;               ///< the comment at the end of the line
};

/// One step inside a stage block.
struct Directive {
    enum class Kind : std::uint8_t {
        split,      ///< loops[0] by factors[0], new loops as[0] and as[1] where given
        tile,       ///< loops by factors, each split; `as` outer names, then inner names
        fuse,       ///< loops[0] (inner) and loops[1] (outer) as as[0]
        reorder,    ///< loops, innermost first
        vectorize,  ///< loops[0], by factors[0] where given
        unroll,     ///< loops, each by factors[0] where given
        parallel,   ///< loops
        serial,     ///< loops
        compute_at, ///< place
        compute_root,
        compute_inline,
        store_at, ///< place
        store_root,
        store_in, ///< memory
        layout    ///< loops: dims, outermost first
    };
    Kind kind = Kind::split;
    Span span;    ///< the whole directive
    Span keyword; ///< its first word
    std::vector<Name> loops;
    std::vector<Number> factors;
    std::vector<Name> as;
    std::optional<Tail> tail; ///< split
    Span tail_span;
    PlaceSyntax place;
    Memory memory = Memory::automatic;
    Trivia trivia;
};

struct PackBy {
    Name dim;
    Number factor;
};

/// One statement at the top of a file.
struct Statement {
    enum class Kind : std::uint8_t { schedule, target, numerics, block, pack, copy, accumulate, rfactor };
    Kind kind = Kind::block;
    Span span;                  ///< the statement up to its end, or to the `{` of a block
    Span keyword;               ///< its first word
    std::vector<Name> patterns; ///< schedule; target: the one word
    Numerics numerics = Numerics::reassociate;
    Name stage;        ///< block: the stage; rfactor: the reduction; others: the new stage
    std::string stamp; ///< block: the fingerprint after `@`, or empty
    Span stamp_span;
    Name source;                             ///< pack, copy: the tensor; accumulate: the stage; rfactor: the loop
    Name target;                             ///< copy: the consumer; rfactor: the new stage
    std::vector<PackBy> by;                  ///< pack
    bool once = false;                       ///< pack
    std::optional<PlaceSyntax> at;           ///< copy, accumulate
    std::optional<Memory> memory;            ///< copy, accumulate
    std::vector<Directive> directives;       ///< block
    bool one_line = false;                   ///< block: written on one line; the printer keeps it so where it fits
    std::vector<std::string> block_trailing; ///< block: comment lines before the `}`
    std::string open_comment;                ///< block: the comment after the `{`
    Trivia trivia;
};

struct ScheduleFile {
    std::string path; ///< as in spans
    std::vector<Statement> statements;
    std::vector<std::string> trailing; ///< comment lines after the last statement
};

struct SyntaxResult {
    ScheduleFile file; ///< what was understood; meaningful to check() only without errors
    std::vector<Diagnostic> diagnostics;
    [[nodiscard]] bool ok() const;
};

/// Parses a schedule file. All mistakes are reported (at most 64), each with a line and a column.
[[nodiscard]] SyntaxResult parse_schedule(std::string_view text, const std::string& path);

/// The canonical text: comments and blank lines kept, idempotent, parse(format(x)) equals parse(x).
[[nodiscard]] std::string format(const ScheduleFile& file);

/// The canonical text of what is in force: no comments, no blank lines.
[[nodiscard]] std::string format_bare(const ScheduleFile& file);

/// One directive or rewrite as the printer writes it; for messages.
[[nodiscard]] std::string format(const Directive& directive);

/// Equality apart from spans, comments and line breaks.
[[nodiscard]] bool equal(const ScheduleFile& a, const ScheduleFile& b);

[[nodiscard]] std::string_view name(Directive::Kind kind); ///< first words: `split`, `compute at`, ...
[[nodiscard]] std::string_view name(Tail tail);
[[nodiscard]] std::string_view name(Memory memory); ///< `auto`, `heap`, ...
[[nodiscard]] std::string_view name(Numerics numerics);

} // namespace coulter::schedule
