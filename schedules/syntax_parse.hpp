#pragma once
/// The parser's cursor over tokens: names, numbers, places, and how mistakes are reported.

#include "syntax_lex.hpp"

namespace coulter::schedule {

/// Functions that read something return false after reporting a mistake; the caller then recovers at the next
/// statement. Newlines and comments end a statement, so nothing here steps over them.
class Cursor {
public:
    Cursor(std::vector<Token> tokens, std::vector<Diagnostic>& diagnostics)
        : tokens_(std::move(tokens)), diagnostics_(diagnostics) {}

    [[nodiscard]] const Token& peek(std::size_t ahead = 0) const {
        return tokens_[std::min(at_ + ahead, tokens_.size() - 1)];
    }
    Token take() {
        const Token token = peek();
        at_ += at_ + 1 < tokens_.size() ? 1 : 0;
        return token;
    }
    [[nodiscard]] bool is(Token::Kind kind) const { return peek().kind == kind; }
    [[nodiscard]] bool is_symbol(char c, std::size_t ahead = 0) const;
    [[nodiscard]] bool is_word(std::string_view text, std::size_t ahead = 0) const;
    [[nodiscard]] bool is_number(std::size_t ahead = 0) const;
    /// At a newline, a comment, `;`, `}` or the end.
    [[nodiscard]] bool at_end_of_statement() const;

    bool fail(std::string code, const Span& span, std::string message, std::string help = {},
              std::vector<Note> notes = {});
    /// `expected WANTED, found FOUND`.
    bool expected(std::string_view wanted, std::string help = {});

    bool word(std::string_view text, std::string help);
    bool symbol(char c, std::string help);
    /// The name of a loop, dim or thing that the file makes: no wildcards.
    bool name(Name& out, std::string_view what);
    /// The name of a stage or tensor: `em.mu[*]`, `d.*` as well.
    bool stage_name(Name& out, std::string_view what);
    bool number(Number& out, std::string_view what);
    /// `STAGE/LOOP`, or `root` where allowed; in a macro also a parameter.
    bool place(PlaceSyntax& out, bool root_allowed);
    bool memory(Memory& out);
    /// Names up to the end of the statement, or to `by` before a number where `by_ends`, or to `as` where `as_ends`.
    bool names(std::vector<Name>& out, std::string_view what, bool by_ends);

    /// `(ARGUMENT, ...)`, or nothing.
    bool arguments(std::vector<Argument>& out);

    /// Names that stand for something else in the macro that is being read.
    void set_parameters(const std::vector<Name>& parameters);
    [[nodiscard]] bool is_parameter(std::string_view text) const;

    /// From the first byte of `begin` to the last one taken.
    [[nodiscard]] Span since(const Token& begin) const;

    [[nodiscard]] bool full() const { return diagnostics_.size() >= 64; }

private:
    bool read_name(Name& out, std::string_view what, bool wildcards);

    std::vector<Token> tokens_;
    std::vector<Diagnostic>& diagnostics_;
    std::size_t at_ = 0;
    std::vector<std::string> parameters_;
};

/// Reads the condition of a variant up to the `{`; the cursor stands behind `when`.
[[nodiscard]] bool parse_condition(Cursor& cursor, std::vector<ConditionNode>& out);

/// Reads one directive; the cursor stands at its first word.
[[nodiscard]] bool parse_directive(Cursor& cursor, Directive& out);

} // namespace coulter::schedule
