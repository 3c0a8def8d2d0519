#include "syntax_parse.hpp"
#include "syntax_words.hpp"

#include <algorithm>
#include <charconv>
#include <fmt/core.h>

namespace coulter::schedule {
namespace {

bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/// What may stand in the brackets of a name, beside a number.
struct Brackets {
    bool wildcard = false;              ///< `*`, `*+n`, `*-n`
    const Cursor* parameters = nullptr; ///< a parameter of the macro
};

bool is_index(std::string_view text, const Brackets& allowed) {
    if (text.starts_with('*') && allowed.wildcard) {
        text.remove_prefix(1);
        if (text.empty()) {
            return true;
        }
        if (text.front() != '+' && text.front() != '-') {
            return false;
        }
        text.remove_prefix(1);
    } else if (allowed.parameters != nullptr && allowed.parameters->is_parameter(text)) {
        return true;
    }
    return !text.empty() && text.size() < 9 && std::ranges::all_of(text, is_digit);
}

// segment ( '.' segment )*, segment: letter (letter | digit)* ( '[' index ']' )?; with wildcards also `*` for a
// segment, or at the end of the last.
bool well_formed(std::string_view text, const Brackets& allowed) {
    while (true) {
        const std::size_t end = std::min(text.find('.'), text.size());
        std::string_view segment = text.substr(0, end);
        const bool last = end == text.size();
        if (segment.ends_with(']')) {
            const std::size_t open = segment.find('[');
            if (open == std::string_view::npos ||
                !is_index(segment.substr(open + 1, segment.size() - open - 2), allowed)) {
                return false;
            }
            segment = segment.substr(0, open);
        } else if (allowed.wildcard && segment.ends_with('*') && (last || segment.size() == 1)) {
            segment.remove_suffix(1);
            if (segment.empty()) {
                segment = "x";
            }
        }
        if (segment.empty() || !is_letter(segment.front()) ||
            !std::ranges::all_of(segment, [](char c) { return is_letter(c) || is_digit(c); })) {
            return false;
        }
        if (last) {
            return true;
        }
        text.remove_prefix(end + 1);
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

void Cursor::set_parameters(const std::vector<Name>& parameters) {
    parameters_.clear();
    for (const Name& parameter : parameters) {
        parameters_.push_back(parameter.text);
    }
}

bool Cursor::is_parameter(std::string_view text) const {
    return std::ranges::find(parameters_, text) != parameters_.end();
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
    if (is(Token::Kind::word) && peek().text.find('*') != std::string_view::npos) {
        return fail("S005", peek().span,
                    fmt::format("expected {}, found the wildcard `{}`", what, peek().text.substr(0, 60)),
                    "wildcards stand in the names of stages: `stage em.mu[*] { ... }`, `compute at em.sigma[*]/batch`");
    }
    return read_name(out, what, false);
}

bool Cursor::stage_name(Name& out, std::string_view what) {
    return read_name(out, what, true);
}

bool Cursor::read_name(Name& out, std::string_view what, bool wildcards) {
    if (!is(Token::Kind::word)) {
        return expected(what);
    }
    const Token token = peek();
    if (token.text.size() > 200) {
        return fail("S005", token.span, fmt::format("a name of {} bytes, 200 are the limit", token.text.size()));
    }
    if (!well_formed(token.text, {wildcards, this})) {
        return fail(
            "S005", token.span, fmt::format("expected {}, found `{}`", what, token.text),
            wildcards && is_pattern(token.text)
                ? "a wildcard is `[*]`, `[*+1]` or `[*-1]` for an index, `*` for a segment, or a `*` at the end: "
                  "`em.mu[*]`, `em.*.acc`, `d.*`"
                : "a name is segments with dots, each of letters, digits and `_` that starts with no digit and "
                  "may end in `[n]`: `votes`, `votes.acc`, `em.mu[1]`");
    }
    take();
    out = {std::string(token.text), token.span};
    return true;
}

bool Cursor::number(Number& out, std::string_view what) {
    if (is_symbol('?')) {
        const Token begin = take();
        Name hole;
        if (!name(hole, "the name of a hole after `?`")) {
            return false;
        }
        out = {0, since(begin), "?" + hole.text};
        return true;
    }
    if (is(Token::Kind::word) && is_parameter(peek().text)) {
        const Token token = take();
        out = {0, token.span, std::string(token.text)};
        return true;
    }
    if (!is_number()) {
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
    out = {value, token.span, {}};
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
    if (!stage_name(out.stage, wanted)) {
        return false;
    }
    if (!is_symbol('/') && is_parameter(out.stage.text)) {
        out.span = begin.span;
        return true;
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
    const std::vector<std::string> words{"auto", "heap", "stack", "registers", "shared"};
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
    return expected("a memory", "one of " + quoted_list(words));
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

bool Cursor::arguments(std::vector<Argument>& out) {
    if (!is_symbol('(')) {
        return true;
    }
    take();
    while (!is_symbol(')')) {
        const Token begin = peek();
        Argument& next = out.emplace_back();
        if (is_number()) {
            if (!number(next.number.emplace(), "an argument")) {
                return false;
            }
        } else if (!stage_name(next.name, "a name, a number or a place `STAGE/LOOP` as argument")) {
            return false;
        } else if (is_symbol('/')) {
            take();
            PlaceSyntax place;
            place.stage = std::move(next.name);
            next.name = {};
            if (!name(place.loop, "the name of a loop")) {
                return false;
            }
            place.span = since(begin);
            next.place = std::move(place);
        }
        next.span = since(begin);
        if (is_symbol(',')) {
            take();
        } else if (!is_symbol(')')) {
            return expected("`,` or `)`");
        }
    }
    take();
    return true;
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
