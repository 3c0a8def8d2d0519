#pragma once
/// Tokens of the `.coulter` text form, on demand: a hostile text costs no more memory than itself.

#include "coulter/diagnostic.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace coulter::text {

enum class TokenKind : std::uint8_t {
    end,    ///< of the item
    name,   ///< `votes.acc`, `em.mu[1]`; with `component` for `pair.0`
    quoted, ///< a name in backquotes, `text` without them
    number, ///< digits with everything that clings to them: `0x1.8p+1_f64`
    string, ///< `text` without the quotes, which hold no escapes
    let,    ///< `$3`, `text` without the sigil
    symbol, ///< an operator or a bracket
    bad     ///< `text` is a message
};

struct Token {
    TokenKind kind = TokenKind::end;
    std::string_view text;
    int line = 1;
    int column = 1;
    int length = 1;
    int component = -1;

    [[nodiscard]] bool is(std::string_view symbol) const { return kind == TokenKind::symbol && text == symbol; }
    [[nodiscard]] bool is_word(std::string_view word) const {
        return kind == TokenKind::name && component < 0 && text == word;
    }
    [[nodiscard]] bool is_name() const { return kind == TokenKind::name || kind == TokenKind::quoted; }
};

/// A part of the text that starts in the first column and reaches to the next line that does.
struct Item {
    std::size_t begin = 0;
    std::size_t end = 0;
    int line = 1;
};

/// Splits at the lines that start in the first column, comments and closing brackets apart. Stops after `most` items.
[[nodiscard]] std::vector<Item> split_items(std::string_view text, std::size_t most);

/// The tokens of one item. Copies are cheap and continue from the same place.
class Lexer {
public:
    Lexer() = default;
    Lexer(std::string_view text, const Item& item);

    [[nodiscard]] const Token& peek() const { return current_; }
    [[nodiscard]] const Token& peek_second() const;
    Token take();

private:
    [[nodiscard]] Token scan();
    [[nodiscard]] Token scan_any();
    void skip_space();
    void scan_component(Token& token);

    std::string_view text_; ///< up to the end of the item
    std::size_t at_ = 0;
    std::size_t line_start_ = 0;
    int line_ = 1;
    Token current_;
    mutable Token second_;
    mutable bool has_second_ = false;
};

/// True for text that a name token may be without backquotes: identifiers joined by dots, `[digits]` after a segment.
[[nodiscard]] bool is_plain_name(std::string_view name);
/// Words that are names of tensors or dims only in backquotes.
[[nodiscard]] bool is_reserved(std::string_view word);
/// `name` as it must be written: in backquotes where it is reserved or not plain.
[[nodiscard]] std::string quoted_if_needed(std::string_view name);

/// Offset of the first byte that is not part of valid UTF-8 or is NUL; npos for none.
[[nodiscard]] std::size_t first_invalid_byte(std::string_view text);

} // namespace coulter::text
