#include "text_lex.hpp"

#include "coulter/ir.hpp"

#include <algorithm>
#include <array>

namespace coulter::text {
namespace {

bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
bool is_word_char(char c) {
    return is_letter(c) || is_digit(c);
}
bool is_space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// Length of the name at the start of `text`, 0 for none.
std::size_t name_length(std::string_view text) {
    std::size_t at = 0;
    while (true) {
        if (at >= text.size() || !is_letter(text[at])) {
            return 0;
        }
        while (at < text.size() && is_word_char(text[at])) {
            ++at;
        }
        while (at + 1 < text.size() && text[at] == '[' && is_digit(text[at + 1])) {
            std::size_t close = at + 1;
            while (close < text.size() && is_digit(text[close])) {
                ++close;
            }
            if (close >= text.size() || text[close] != ']') {
                return at;
            }
            at = close + 1;
        }
        if (at + 1 >= text.size() || text[at] != '.' || !is_letter(text[at + 1])) {
            return at;
        }
        ++at;
    }
}

std::size_t number_length(std::string_view text) {
    const bool hex = text.size() > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    std::size_t at = 0;
    bool in_suffix = false;
    while (at < text.size()) {
        const char c = text[at];
        const char before = at > 0 ? text[at - 1] : ' ';
        const bool sign = (c == '+' || c == '-') && !in_suffix &&
                          (hex ? before == 'p' || before == 'P' : before == 'e' || before == 'E');
        if (!is_word_char(c) && c != '.' && !sign) {
            break;
        }
        in_suffix = in_suffix || c == '_';
        ++at;
    }
    return at;
}

// Messages repeat names, so that their length is bounded.
constexpr std::size_t longest_token = 1000;

constexpr std::array<std::string_view, 8> long_symbols{"->", "==", "!=", "<=", ">=", "&&", "||", "<<"};
constexpr std::string_view short_symbols = "()[]{},:=;+-*/%<>!~&|^";

} // namespace

std::vector<Item> split_items(std::string_view text, std::size_t most) {
    std::vector<Item> items;
    int line = 1;
    for (std::size_t at = 0; at < text.size(); ++line) {
        const char c = text[at];
        const bool starts = !is_space(c) && c != '#' && c != ')' && c != ']' && c != '}';
        if (starts) {
            if (!items.empty()) {
                items.back().end = at;
            }
            if (items.size() == most) {
                return items;
            }
            items.push_back({at, text.size(), line});
        }
        const std::size_t newline = text.find('\n', at);
        if (newline == std::string_view::npos) {
            break;
        }
        at = newline + 1;
    }
    return items;
}

Lexer::Lexer(std::string_view text, const Item& item)
    : text_(text.substr(0, item.end)), at_(item.begin), line_start_(item.begin), line_(item.line) {
    current_ = scan();
}

const Token& Lexer::peek_second() const {
    if (!has_second_) {
        Lexer ahead = *this;
        second_ = ahead.scan();
        has_second_ = true;
    }
    return second_;
}

Token Lexer::take() {
    Token taken = current_;
    current_ = scan();
    has_second_ = false;
    return taken;
}

void Lexer::skip_space() {
    while (at_ < text_.size()) {
        if (text_[at_] == '\n') {
            ++at_;
            ++line_;
            line_start_ = at_;
        } else if (is_space(text_[at_])) {
            ++at_;
        } else if (text_[at_] == '#') {
            at_ = std::min(text_.find('\n', at_), text_.size());
        } else {
            return;
        }
    }
}

void Lexer::scan_component(Token& token) {
    if (at_ + 1 >= text_.size() || text_[at_] != '.' || !is_digit(text_[at_ + 1])) {
        return;
    }
    int value = 0;
    for (++at_; at_ < text_.size() && is_digit(text_[at_]); ++at_) {
        value = std::min(value * 10 + (text_[at_] - '0'), 1'000'000);
    }
    token.component = value;
}

Token Lexer::scan() {
    Token token = scan_any();
    if (token.kind != TokenKind::bad && token.text.size() > longest_token) {
        token.kind = TokenKind::bad;
        token.text = "a name, number or string of more than 1000 bytes";
        token.length = 1;
    }
    return token;
}

Token Lexer::scan_any() {
    // The end of an item is reported behind its last token, where something is missing.
    const std::size_t behind = at_;
    const int behind_line = line_;
    const std::size_t behind_start = line_start_;
    skip_space();
    Token token;
    const auto place = [&](std::size_t from) {
        token.line = line_;
        token.column = static_cast<int>(from - line_start_) + 1;
        token.length = std::max(1, static_cast<int>(at_ - from));
        return token;
    };
    const std::size_t from = at_;
    if (at_ >= text_.size()) {
        at_ = behind;
        line_ = behind_line;
        line_start_ = behind_start;
        return place(behind);
    }
    const char c = text_[at_];
    const std::string_view rest = text_.substr(at_);
    if (const std::size_t length = name_length(rest); length > 0) {
        token.kind = TokenKind::name;
        token.text = rest.substr(0, length);
        at_ += length;
        scan_component(token);
        return place(from);
    }
    if (c == '`' || c == '"') {
        const std::size_t close = rest.find_first_of(c == '`' ? "`\n" : "\"\n", 1);
        if (close == std::string_view::npos || rest[close] == '\n' || (close == 1 && c == '`')) {
            at_ += std::min(close, rest.size());
            token.kind = TokenKind::bad;
            token.text =
                close == 1 && c == '`' ? "nothing stands between the quotes" : "the quote is not closed on its line";
            at_ += close == 1 ? 1 : 0;
            return place(from);
        }
        token.kind = c == '`' ? TokenKind::quoted : TokenKind::string;
        token.text = rest.substr(1, close - 1);
        at_ += close + 1;
        if (c == '`') {
            scan_component(token);
        }
        return place(from);
    }
    if (is_digit(c)) {
        token.kind = TokenKind::number;
        token.text = rest.substr(0, number_length(rest));
        at_ += token.text.size();
        return place(from);
    }
    if (c == '$') {
        std::size_t length = 1;
        while (length < rest.size() && is_digit(rest[length])) {
            ++length;
        }
        at_ += length;
        token.kind = length > 1 ? TokenKind::let : TokenKind::bad;
        token.text = length > 1 ? rest.substr(1, length - 1) : "`$` stands before the number of a `let`";
        return place(from);
    }
    token.kind = TokenKind::symbol;
    if (rest.starts_with(">>") ||
        std::find(long_symbols.begin(), long_symbols.end(), rest.substr(0, 2)) != long_symbols.end()) {
        token.text = rest.substr(0, 2);
    } else if (short_symbols.find(c) != std::string_view::npos) {
        token.text = rest.substr(0, 1);
    } else {
        token.kind = TokenKind::bad;
        token.text = "this character is no part of the text form";
        do {
            ++at_;
        } while (at_ < text_.size() && (static_cast<unsigned char>(text_[at_]) & 0xc0) == 0x80);
        return place(from);
    }
    at_ += token.text.size();
    return place(from);
}

bool is_plain_name(std::string_view name) {
    return !name.empty() && name_length(name) == name.size();
}

bool is_reserved(std::string_view word) {
    constexpr std::array<std::string_view, 15> words{"let",       "where",       "into",   "atomic", "reversed",
                                                     "exclusive", "associative", "select", "padded", "clamped",
                                                     "extent",    "true",        "false",  "inf",    "nan"};
    if (std::find(words.begin(), words.end(), word) != words.end() || type_from_name(word) || ir::op_from_name(word)) {
        return true;
    }
    return (word.starts_with("inf_") || word.starts_with("nan_")) && type_from_name(word.substr(4));
}

std::string quoted_if_needed(std::string_view name) {
    if (is_plain_name(name) && !is_reserved(name)) {
        return std::string(name);
    }
    std::string text(name);
    // Validation refuses such names; what is printed for a message must still be one token.
    std::replace_if(
        text.begin(), text.end(), [](char c) { return c == '`' || static_cast<unsigned char>(c) < 0x20; }, '?');
    return "`" + text + "`";
}

std::size_t first_invalid_byte(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    for (std::size_t at = 0; at < text.size();) {
        const unsigned lead = byte(at);
        if (lead == 0) {
            return at;
        }
        std::size_t length = 1;
        unsigned lowest = 0x80;
        unsigned highest = 0xbf;
        if (lead >= 0x80) {
            // Overlong forms, surrogates and values past U+10FFFF are excluded by the range of the second byte.
            length = lead >= 0xc2 && lead <= 0xdf   ? 2
                     : (lead & 0xf0) == 0xe0        ? 3
                     : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                    : 0;
            lowest = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
            highest = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        }
        if (length == 0 || at + length > text.size()) {
            return at;
        }
        for (std::size_t i = 1; i < length; ++i) {
            const unsigned next = byte(at + i);
            if (next < (i == 1 ? lowest : 0x80) || next > (i == 1 ? highest : 0xbf)) {
                return at;
            }
        }
        at += length;
    }
    return std::string_view::npos;
}

} // namespace coulter::text
