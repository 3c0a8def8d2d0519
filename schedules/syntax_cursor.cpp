#include "syntax_parse.hpp"
#include "syntax_words.hpp"

#include <charconv>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

// segment ( '.' segment )*, segment: letter (letter | digit)* ( '[' digit+ ']' )?
bool well_formed(std::string_view text) {
    std::size_t i = 0;
    while (true) {
        if (i >= text.size() || !is_letter(text[i])) {
            return false;
        }
        while (i < text.size() && (is_letter(text[i]) || is_digit(text[i]))) {
            ++i;
        }
        if (i < text.size() && text[i] == '[') {
            const std::size_t first = ++i;
            while (i < text.size() && is_digit(text[i])) {
                ++i;
            }
            if (i == first || i >= text.size() || text[i] != ']') {
                return false;
            }
            ++i;
        }
        if (i == text.size()) {
            return true;
        }
        if (text[i++] != '.') {
            return false;
        }
    }
}

std::string shown(const Token& token) {
    switch (token.kind) {
    case Token::Kind::newline:
    case Token::Kind::comment: return "the end of the line";
    case Token::Kind::end: return "the end of the file";
    default: break;
    }
    return token.text.size() > 60 ? fmt::format("`{}...`", token.text.substr(0, 60)) : fmt::format("`{}`", token.text);
}

} // namespace

bool Cursor::is_symbol(char c, std::size_t ahead) const {
    const Token& token = peek(ahead);
    return token.kind == Token::Kind::symbol && token.text.front() == c;
}

bool Cursor::is_word(std::string_view text, std::size_t ahead) const {
    const Token& token = peek(ahead);
    return token.kind == Token::Kind::word && token.text == text;
}

bool Cursor::is_number(std::size_t ahead) const {
    const Token& token = peek(ahead);
    return is_symbol('?', ahead) ||
           (token.kind == Token::Kind::word && (is_digit(token.text.front()) || token.text.front() == '-'));
}

bool Cursor::at_end_of_statement() const {
    const Token& token = peek();
    return token.kind == Token::Kind::newline || token.kind == Token::Kind::comment || token.kind == Token::Kind::end ||
           is_symbol(';') || is_symbol('}');
}

bool Cursor::fail(std::string code, const Span& span, std::string message, std::string help, std::vector<Note> notes) {
    if (!full()) {
        diagnostics_.push_back(
            {Severity::error, std::move(code), span, std::move(message), std::move(notes), std::move(help)});
    }
    return false;
}

bool Cursor::expected(std::string_view wanted, std::string help) {
    if (is_symbol('?')) {
        return fail("S003", peek().span, "holes for the tuner (`?`) are not built yet", "write the value itself");
    }
    return fail("S001", peek().span, fmt::format("expected {}, found {}", wanted, shown(peek())), std::move(help));
}

bool Cursor::word(std::string_view text, std::string help) {
    if (!is_word(text)) {
        return expected(fmt::format("`{}`", text), std::move(help));
    }
    take();
    return true;
}

bool Cursor::symbol(char c, std::string help) {
    if (!is_symbol(c)) {
        return expected(fmt::format("`{}`", c), std::move(help));
    }
    take();
    return true;
}

bool Cursor::name(Name& out, std::string_view what) {
    if (!is(Token::Kind::word)) {
        return expected(what);
    }
    const Token token = peek();
    if (token.text.find('*') != std::string_view::npos) {
        return fail("S003", token.span, fmt::format("wildcards (`{}`) are not built yet", token.text.substr(0, 60)),
                    "name the stage; only the `schedule` line takes a `*`");
    }
    if (token.text.size() > 200) {
        return fail("S005", token.span, fmt::format("a name of {} bytes, 200 are the limit", token.text.size()));
    }
    if (!well_formed(token.text)) {
        return fail("S005", token.span, fmt::format("expected {}, found `{}`", what, token.text),
                    "a name is segments with dots, each of letters, digits and `_` that starts with no digit and may "
                    "end in `[n]`: `votes`, `votes.acc`, `em.mu[1]`");
    }
    take();
    out = {std::string(token.text), token.span};
    return true;
}

bool Cursor::number(Number& out, std::string_view what) {
    if (!is_number() || is_symbol('?')) {
        return expected(what);
    }
    const Token token = peek();
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(token.text.data(), token.text.data() + token.text.size(), value);
    if (error == std::errc::result_out_of_range ||
        (error == std::errc() && (value > 0x7fffffff || value < -0x7fffffff))) {
        return fail("S006", token.span, fmt::format("{} does not fit 32 bits", shown(token)),
                    "a factor is at most 2147483647");
    }
    if (error != std::errc() || end != token.text.data() + token.text.size()) {
        return fail("S006", token.span, fmt::format("expected {}, found {}", what, shown(token)),
                    "a factor is a decimal integer");
    }
    take();
    out = {value, token.span};
    return true;
}

bool Cursor::place(PlaceSyntax& out, bool root_allowed) {
    const Token begin = peek();
    if (root_allowed && is_word("root") && !is_symbol('/', 1)) {
        take();
        out.span = begin.span;
        return true;
    }
    const std::string_view wanted = root_allowed ? "a place `STAGE/LOOP` or `root`" : "a place `STAGE/LOOP`";
    if (!name(out.stage, wanted)) {
        return false;
    }
    if (!is_symbol('/')) {
        return expected("`/` and the name of a loop", fmt::format("write the place as `{}/LOOP`", out.stage.text));
    }
    take();
    if (!name(out.loop, "the name of a loop")) {
        return false;
    }
    out.span = since(begin);
    return true;
}

bool Cursor::memory(Memory& out) {
    const std::vector<std::string> words{"auto", "heap", "stack", "registers"};
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (is_word(words[i])) {
            take();
            out = static_cast<Memory>(i);
            return true;
        }
    }
    if (is(Token::Kind::word)) {
        const std::string close = closest_match(peek().text, words);
        return fail("S002", peek().span, fmt::format("{} is no memory", shown(peek())),
                    fmt::format("one of {}{}", quoted_list(words),
                                close.empty() ? "" : fmt::format("; did you mean `{}`?", close)));
    }
    return expected("a memory", "one of `auto`, `heap`, `stack` and `registers`");
}

bool Cursor::names(std::vector<Name>& out, std::string_view what, bool by_ends) {
    while (!at_end_of_statement()) {
        // A dim may be called `by`: the word is the clause unless a second `by` follows it.
        if (by_ends && !out.empty() && is_word("by") && !is_word("by", 1)) {
            break;
        }
        if (is_symbol(',')) {
            return expected(what, "names are separated by blanks");
        }
        if (!name(out.emplace_back(), what)) {
            return false;
        }
    }
    return !out.empty() || expected(what);
}

Span Cursor::since(const Token& begin) const {
    Span span = begin.span;
    const Token& last = tokens_[at_ == 0 ? 0 : at_ - 1];
    if (last.span.line == span.line) {
        span.length = std::max(1, last.span.column + last.span.length - span.column);
    }
    return span;
}

} // namespace coulter::schedule
