#include "syntax_lex.hpp"

#include <fmt/core.h>

namespace coulter::schedule {
namespace {

bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '[' || c == ']' || c == '*' || c == '-' || c == '$';
}

bool is_symbol(char c) {
    return std::string_view("{}=;:/,@?()<>+!&|%^~'\"`\\").find(c) != std::string_view::npos;
}

bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

} // namespace

std::vector<Token> lex(std::string_view text, const std::string& path, std::vector<Diagnostic>& diagnostics) {
    std::vector<Token> tokens;
    int line = 1;
    std::size_t line_start = 0;
    std::size_t i = 0;
    const auto span = [&](std::size_t begin, std::size_t end) {
        return Span{path, line, static_cast<int>(begin - line_start) + 1, static_cast<int>(end - begin)};
    };
    const auto add = [&](Token::Kind kind, std::size_t begin, std::size_t end) {
        tokens.push_back({kind, text.substr(begin, end - begin), span(begin, end)});
    };
    if (text.starts_with("\xef\xbb\xbf")) {
        i = 3; // a byte order mark says nothing in UTF-8
    }
    while (i < text.size()) {
        const char c = text[i];
        std::size_t end = i + 1;
        if (c == '\n') {
            add(Token::Kind::newline, i, end);
            ++line;
            line_start = end;
        } else if (is_blank(c)) {
            // separates words, nothing else
        } else if (c == '#') {
            end = std::min(text.find('\n', i), text.size());
            std::size_t last = end;
            while (last > i && is_blank(text[last - 1])) {
                --last;
            }
            add(Token::Kind::comment, i, last);
        } else if (is_word(c)) {
            // `em.mu[*+1]` is one word.
            const auto in_brackets = [&] { return text.substr(i, end - i).ends_with("[*"); };
            while (end < text.size() && (is_word(text[end]) || (text[end] == '+' && in_brackets()))) {
                ++end;
            }
            add(Token::Kind::word, i, end);
        } else if (is_symbol(c)) {
            add(Token::Kind::symbol, i, end);
        } else {
            while (end < text.size() && !is_word(text[end]) && !is_symbol(text[end]) && !is_blank(text[end]) &&
                   text[end] != '\n' && text[end] != '#') {
                ++end;
            }
            const auto byte = static_cast<unsigned>(static_cast<unsigned char>(c));
            diagnostics.push_back({Severity::error,
                                   "S009",
                                   span(i, end),
                                   fmt::format("byte 0x{:02x} cannot stand outside a comment", byte),
                                   {},
                                   "names are ASCII letters, digits, `_`, `.` and `[n]`"});
            if (diagnostics.size() >= 64) {
                break; // a binary file; more of the same teaches nothing
            }
        }
        i = end;
    }
    tokens.push_back({Token::Kind::end, {}, span(i, i)});
    tokens.back().span.length = 1;
    return tokens;
}

} // namespace coulter::schedule
