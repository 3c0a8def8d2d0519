#pragma once
/// What went wrong, where, and what would be right: one shape for every message that a user reads.

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace coulter {

/// A place in a source file. Lines and columns count from 1; 0 means unknown. `length` is in bytes, on one line.
struct Span {
    std::string file;
    int line = 0;
    int column = 0;
    int length = 1;
};

enum class Severity { error, warning };

/// `text` with an optional place of its own.
struct Note {
    Span span;
    std::string text;
};

/// One message. Texts are lower case without a full stop and say what was given and what was wanted.
struct Diagnostic {
    Severity severity = Severity::error;
    std::string code; ///< "L012" language, "T003" text, "S021" schedule, "B002" build; each has docs/errors/<code>.md
    Span span;
    std::string message;
    std::vector<Note> notes; ///< rendered as `note: ...`, after the caret
    std::string help;        ///< legal choices or the next step, rendered as `help: ...`
};

/// The text that a user sees, ending in a newline:
///
///     matmul.sched:7:24: error: `vectorize` needs a loop of `c`, and `jj` is none [S021]
///       7 |     vectorize jj
///         |               ^^
///     note: ...
///     help: ...
///
/// `source` is the whole text of the file that span refers to; without it the two caret lines are left out. The column
/// is left out where it is 0.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, std::string_view source = {});

/// A JSON object on one line with the fields of Diagnostic.
[[nodiscard]] std::string to_json(const Diagnostic& diagnostic);

/// Thrown for a mistake of the author at construction of a kernel; what() is the rendered text of all diagnostics.
class LanguageError : public std::runtime_error {
public:
    explicit LanguageError(std::vector<Diagnostic> diagnostics);
    [[nodiscard]] const std::vector<Diagnostic>& diagnostics() const { return diagnostics_; }

private:
    std::vector<Diagnostic> diagnostics_;
};

/// A broken promise inside Coulter: the message asks for a report.
class InternalError : public std::logic_error {
public:
    InternalError(const char* file, int line, const char* condition);
};

/// The candidate that `given` was most likely meant to be (edit distance of at most a third of its length, transposed
/// neighbours counting once), or an empty string.
[[nodiscard]] std::string closest_match(std::string_view given, const std::vector<std::string>& candidates);

/// "a, b and c", each in backquotes; "none" for an empty list. At most `most` names, then "and N more".
[[nodiscard]] std::string quoted_list(const std::vector<std::string>& names, std::size_t most = 12);

} // namespace coulter

#define COULTER_INTERNAL_ASSERT(condition)                                                                             \
    (static_cast<bool>(condition) ? void(0) : throw ::coulter::InternalError(__FILE__, __LINE__, #condition))
