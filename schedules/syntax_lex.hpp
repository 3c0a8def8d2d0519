#pragma once
/// Tokens of a schedule file.

#include "coulter/schedule/syntax.hpp"

namespace coulter::schedule {

/// A word is a run of letters, digits and `_ . [ ] * - $`: names, numbers and targets alike; the parser says which it
/// wanted and judges its shape.
struct Token {
    enum class Kind : std::uint8_t { word, symbol, comment, newline, end };
    Kind kind = Kind::end;
    std::string_view text; ///< of the source; a comment without blanks at its end
    Span span;
};

/// All tokens, closed by one of kind `end`. Bytes that no schedule may hold are reported once per run and left out.
[[nodiscard]] std::vector<Token> lex(std::string_view text, const std::string& path,
                                     std::vector<Diagnostic>& diagnostics);

} // namespace coulter::schedule
