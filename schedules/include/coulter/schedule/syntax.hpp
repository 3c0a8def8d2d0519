#pragma once
/// Schedule files (`.sched`): the syntax tree with spans, the parser and the canonical printer.
///
/// The grammar, one statement per line or separated by `;`, `#` to the end of a line a comment:
///
///     schedule PATTERN, ...                         target WORD          numerics exact|reassociate|fast
///     stage NEW = pack SOURCE by DIM N [DIM N ...] [once | per call]
///     stage NEW = copy SOURCE for CONSUMER [at STAGE/LOOP | at root] [in MEMORY]
///     stage NEW = accumulate STAGE [at STAGE/LOOP | at root] [in MEMORY]
///     stage NEW = join STAGE STAGE ... [at STAGE/LOOP | at root] [in MEMORY]
///     stage NEW = chunk STAGE by DIM N
///     clone STAGE for CONSUMER [CONSUMER ...] as NEW
///     rfactor STAGE: LOOP as NEW
///     [extend] stage NAME [@STAMP] [skip missing] { DIRECTIVE; ... }
///     drop NAME
///     include PATH
///     macro NAME(PARAMETER, ...) { DIRECTIVE; ... }         macro NAME(PARAMETER, ...) { STATEMENT; ... }
///     use NAME(ARGUMENT, ...)
///     tune NAME in {N, ...} = N                             ?NAME wherever a factor may stand
///     variant NAME when CONDITION { STATEMENT; ... }
///     require STAGE not stored        require memory <= N UNIT        require shared <= N UNIT
///
/// Names of stages may hold wildcards: `em.mu[*]`, `em.mu[*+1]`, `d.*`. Nothing here knows a kernel: names are resolved
/// by check().

#include "coulter/schedule/plan.hpp"

#include <string_view>

namespace coulter::schedule {

/// A dotted path, `votes.acc` or `em.mu[1]`, as it stands in the file.
struct Name {
    std::string text;
    Span span;
};

/// An integer, a hole for the tuner (`?n`), or a macro's parameter.
struct Number {
    std::int64_t value = 0;
    Span span;
    std::string symbol; ///< `?n` or the parameter; empty: `value` counts
};

/// `STAGE/LOOP`, or `root` where `stage` is empty. In a macro `stage` alone may be a parameter that stands for a place.
struct PlaceSyntax {
    Name stage;
    Name loop;
    Span span;
    [[nodiscard]] bool is_root() const { return stage.text.empty(); }
};

/// One argument of `use`: a name, a number or a place.
struct Argument {
    Name name;
    std::optional<Number> number;
    std::optional<PlaceSyntax> place;
    Span span;
};

/// One node of a variant's condition, as written.
struct ConditionNode {
    enum class Kind : std::uint8_t {
        number,
        extent,   ///< of the dim `name`
        compact,  ///< every tensor is compact
        aligned,  ///< every data pointer is a multiple of `value` bytes
        target,   ///< the processor has what the target `name` asks for
        operation ///< of `a` and `b`; unary where `b` is negative
    } kind = Kind::number;
    ir::Op op = ir::Op::none;
    std::int64_t value = 0;
    Name name;
    int a = -1; ///< operands stand before their operation
    int b = -1;
    Span span;
};

/// Comments and blank lines around a statement or directive; the printer keeps them.
struct Trivia {
    std::vector<std::string> before; ///< lines in front: a comment with its `#`, or empty for a blank line
    std::string after;               ///< the comment at the end of the line
};

/// One step inside a stage block.
struct Directive {
    enum class Kind : std::uint8_t {
        split,       ///< loops[0] by factors[0], new loops as[0] and as[1] where given
        tile,        ///< loops by factors, each split; `as` outer names, then inner names
        fuse,        ///< loops[0] (inner) and loops[1] (outer) as as[0]
        reorder,     ///< loops, innermost first
        vectorize,   ///< loops[0], by factors[0] where given
        unroll,      ///< loops, each by factors[0] where given
        parallel,    ///< loops
        serial,      ///< loops
        gpu_blocks,  ///< loops
        gpu_threads, ///< loops
        gpu_lanes,   ///< loops[0]
        compute_at,  ///< place
        compute_root,
        compute_inline,
        store_at, ///< place
        store_root,
        store_in, ///< memory
        layout,   ///< loops: dims, outermost first
        like,     ///< loops[0]: the stage whose directives on loops are taken over
        use       ///< loops[0]: the macro, with `arguments`
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
    std::vector<Argument> arguments; ///< use
    bool skip_missing = false;       ///< like
    std::vector<Note> via;           ///< where the macros that it comes from are used, innermost first; no part of a file
    Trivia trivia;
};

struct PackBy {
    Name dim;
    Number factor;
};

/// What a `require` line bounds, or forbids.
enum class Limited : std::uint8_t {
    stage,  ///< one stage is never whole in memory
    memory, ///< what a call holds
    shared  ///< shared memory of a block
};

struct ScheduleFile;

/// One statement at the top of a file, or in the body of a macro or variant.
struct Statement {
    enum class Kind : std::uint8_t {
        schedule,
        target,
        numerics,
        block,
        pack,
        copy,
        accumulate,
        rfactor,
        join,
        chunk,
        clone,
        include,
        macro,
        use,
        tune,
        variant,
        drop,
        require
    };
    Kind kind = Kind::block;
    Span span;                  ///< the statement up to its end, or to the `{` of a block
    Span keyword;               ///< its first word
    std::vector<Name> patterns; ///< schedule; target: the one word
    Numerics numerics = Numerics::reassociate;
    Name stage; ///< block: the stage; rfactor: the reduction; macro, use, tune, variant: its name; require: the stage; others: the new stage
    std::string stamp; ///< block: the fingerprint after `@`, or empty
    Span stamp_span;
    bool extend = false;       ///< block: adds to a lower layer's block
    bool skip_missing = false; ///< block: of no effect where the kernel has no such stage
    Name source;               ///< pack, copy, clone: the tensor; accumulate, chunk: the stage; rfactor: the loop; include: the path
    Name target;               ///< copy: the consumer; rfactor: the new stage
    std::vector<Name> names;   ///< join: the stages; clone: the consumers; macro: the parameters
    std::vector<Argument> arguments;         ///< use
    std::vector<Number> domain;              ///< tune
    Number value;                            ///< tune; require: the limit, in `unit`
    Limited limited = Limited::stage;        ///< require
    std::string unit;                        ///< require: `B`, `KiB`, `MB`, ...
    std::vector<ConditionNode> condition;    ///< variant; the last is the whole
    std::vector<Statement> body;             ///< variant, macro of statements
    std::vector<PackBy> by;                  ///< pack; chunk: one
    bool once = false;                       ///< pack
    std::optional<PlaceSyntax> at;           ///< copy, accumulate, join
    std::optional<Memory> memory;            ///< copy, accumulate, join
    std::vector<Directive> directives;       ///< block, macro of directives
    bool one_line = false;                   ///< block: written on one line; the printer keeps it so where it fits
    std::vector<std::string> block_trailing; ///< block: comment lines before the `}`
    std::string open_comment;                ///< block: the comment after the `{`
    std::shared_ptr<const ScheduleFile> included; ///< include: what stands there, once read; no part of the file
    int layer = 0;         ///< files given later stand higher; set when layers are merged, no part of a file
    std::vector<Note> via; ///< as Directive::via
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

struct ScheduleText {
    std::string path;
    std::string text;
};

/// Reads what `include` names, included files too, each file once; paths are relative to the including file. `read` gives
/// the text of a path, or nothing. The texts read are added to `texts`.
void resolve_includes(ScheduleFile& file, const std::function<std::optional<std::string>(const std::string&)>& read,
                      std::vector<Diagnostic>& diagnostics, std::vector<ScheduleText>& texts);

/// Parses a file whose text has been read, and reads what it includes from disk. Mistakes of included files are among the
/// diagnostics, their texts in `texts`.
[[nodiscard]] SyntaxResult parse_schedule_file(std::string_view text, const std::string& path,
                                               std::vector<ScheduleText>& texts);

/// The canonical text: comments and blank lines kept, idempotent, parse(format(x)) equals parse(x).
[[nodiscard]] std::string format(const ScheduleFile& file);

/// The canonical text of what is in force: no comments, no blank lines.
[[nodiscard]] std::string format_bare(const ScheduleFile& file);

/// One directive as the printer writes it; for messages.
[[nodiscard]] std::string format(const Directive& directive);

/// A variant's condition as the printer writes it.
[[nodiscard]] std::string format(const std::vector<ConditionNode>& condition);

/// Whether a name of a stage holds a `*`.
[[nodiscard]] bool is_pattern(std::string_view name);

/// Equality apart from spans, comments and line breaks.
[[nodiscard]] bool equal(const ScheduleFile& a, const ScheduleFile& b);

[[nodiscard]] std::string_view name(Directive::Kind kind); ///< first words: `split`, `compute at`, ...
[[nodiscard]] std::string_view name(Tail tail);
[[nodiscard]] std::string_view name(Memory memory); ///< `auto`, `heap`, ...
[[nodiscard]] std::string_view name(Limited limited);
[[nodiscard]] std::string_view name(Numerics numerics);

/// Bytes of a unit as `require` writes it, in the order in which messages list the units.
struct Unit {
    std::string_view name;
    std::int64_t bytes;
};
[[nodiscard]] const std::vector<Unit>& units();

} // namespace coulter::schedule
