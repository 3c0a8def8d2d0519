#include "syntax_parser.hpp"
#include "syntax_words.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule {
namespace {

// The checker looks through the statements for each name that it misses.
constexpr std::size_t statement_limit = 10'000;

} // namespace

// Comments and blank lines up to the next statement. Several blank lines count as one, those at the start of a file or
// block as none.
std::vector<std::string> Parser::comments(bool first) {
    std::vector<std::string> lines;
    int newlines = 0;
    const auto blank = [&] {
        if (newlines >= 2 && !(first && lines.empty())) {
            lines.emplace_back();
        }
        newlines = 0;
    };
    newlines = first ? 0 : 1; // what came before has ended its line, or was ended by `;`
    while (true) {
        if (cursor_.is(Token::Kind::newline)) {
            ++newlines;
        } else if (cursor_.is(Token::Kind::comment)) {
            blank();
            lines.emplace_back(cursor_.peek().text);
        } else if (!cursor_.is_symbol(';')) {
            break;
        }
        cursor_.take();
    }
    blank();
    return lines;
}

// After a statement: the comment on its line, and the newline that ends it.
void Parser::end_of_line(Trivia& trivia) {
    while (cursor_.is_symbol(';')) {
        cursor_.take();
    }
    if (cursor_.is(Token::Kind::comment)) {
        trivia.after = std::string(cursor_.take().text);
    }
    if (cursor_.is(Token::Kind::newline)) {
        cursor_.take();
    }
}

bool Parser::terminated(std::string_view what, const Token& first) {
    if (cursor_.at_end_of_statement()) {
        return true;
    }
    const Token& found = cursor_.peek();
    std::string help = fmt::format("separate {} by `;` or a new line", what);
    if (found.kind == Token::Kind::word && first.text == "split" && found.text == "by") {
        help = "`split` takes one loop; `tile` splits two or three";
    }
    return cursor_.expected(fmt::format("the end of `{}`", first.text), std::move(help));
}

// To the end of the statement that failed. At the top a `{` opened by it is skipped with what it holds.
void Parser::recover(bool in_block) {
    int depth = 0;
    while (!cursor_.is(Token::Kind::end)) {
        if (depth == 0 && (cursor_.is(Token::Kind::newline) || cursor_.is(Token::Kind::comment) ||
                           cursor_.is_symbol(';') || (in_block && cursor_.is_symbol('}')))) {
            return;
        }
        // A block that is never closed must not swallow the file.
        if (depth > 0 && cursor_.is(Token::Kind::newline) && cursor_.peek(1).kind == Token::Kind::word &&
            std::ranges::count(statement_words(), cursor_.peek(1).text) > 0) {
            return;
        }
        if (cursor_.is_symbol('{')) {
            ++depth;
        } else if (cursor_.is_symbol('}')) {
            depth = std::max(0, depth - 1);
        }
        cursor_.take();
    }
}

void Parser::file(ScheduleFile& out) {
    std::vector<std::string> before = comments(true);
    while (!cursor_.is(Token::Kind::end) && !cursor_.full()) {
        if (out.statements.size() >= statement_limit) {
            cursor_.fail("S036", cursor_.peek().span, fmt::format("more than {} statements", statement_limit),
                         "no kernel has so many stages; is this a schedule?");
            return;
        }
        Statement next;
        next.trivia.before = std::move(before);
        if (statement(next)) {
            end_of_line(next.trivia);
            out.statements.push_back(std::move(next));
        } else {
            recover(false);
        }
        before = comments(false);
    }
    while (!before.empty() && before.back().empty()) {
        before.pop_back();
    }
    out.trailing = std::move(before);
}

// After a statement that has ended its line: the `}` of a body that is open may follow.
bool Parser::closed() {
    if (!cursor_.is_symbol('}') || !inside_.empty()) {
        return true;
    }
    return cursor_.fail("S004", cursor_.take().span, "a `}` without a `{`");
}

bool Parser::block(Statement& out, const Token& first) {
    out.kind = Statement::Kind::block;
    const Token open = cursor_.take();
    // Where the `}` is missing, what follows is read in its own right.
    return !directives(out, out.stage.text, open) || (terminated("statements", first) && closed());
}

// Up to the `}`, false where there is none; mistakes are reported and passed over.
bool Parser::directives(Statement& out, std::string_view owner, const Token& open) {
    const int line = open.span.line;
    if (cursor_.is(Token::Kind::comment)) {
        out.open_comment = std::string(cursor_.take().text);
    }
    std::vector<std::string> before = comments(true);
    while (!cursor_.is_symbol('}')) {
        if (cursor_.full()) {
            return false;
        }
        const Token& token = cursor_.peek();
        const bool statement_begins = token.kind == Token::Kind::word && token.text != "use" &&
                                      std::ranges::count(statement_words(), token.text) > 0;
        if (statement_begins || cursor_.is(Token::Kind::end)) {
            // The statement that begins here is read in its own right.
            cursor_.fail("S004", open.span, fmt::format("the block of `{}` has no `}}`", owner), {},
                         {{token.span, statement_begins ? "a statement begins here" : "the file ends here"}});
            return false;
        }
        out.directives.emplace_back().trivia.before = std::move(before);
        block_line(out);
        before = comments(false);
    }
    while (!before.empty() && before.back().empty()) {
        before.pop_back();
    }
    out.block_trailing = std::move(before);
    out.one_line = cursor_.take().span.line == line;
    return true;
}

// The statements of a macro or variant, from behind the `{` to its `}`.
bool Parser::body(Statement& out, std::string_view owner) {
    const Token open = cursor_.take();
    if (cursor_.is(Token::Kind::comment)) {
        out.open_comment = std::string(cursor_.take().text);
    }
    std::vector<std::string> before = comments(true);
    while (!cursor_.is_symbol('}')) {
        if (cursor_.full()) {
            return false;
        }
        if (cursor_.is(Token::Kind::end)) {
            return cursor_.fail("S004", open.span, fmt::format("the body of `{}` has no `}}`", owner), {},
                                {{cursor_.peek().span, "the file ends here"}});
        }
        Statement next;
        next.trivia.before = std::move(before);
        if (out.body.size() >= statement_limit) {
            return cursor_.fail("S036", cursor_.peek().span, fmt::format("more than {} statements", statement_limit),
                                "no kernel has so many stages; is this a schedule?");
        }
        if (statement(next)) {
            end_of_line(next.trivia);
            out.body.push_back(std::move(next));
        } else {
            recover(true);
        }
        before = comments(false);
    }
    while (!before.empty() && before.back().empty()) {
        before.pop_back();
    }
    out.block_trailing = std::move(before);
    cursor_.take();
    return true;
}

// One directive into out.directives.back(), or none there after a mistake.
void Parser::block_line(Statement& out) {
    const Token begin = cursor_.peek();
    if (cursor_.is_symbol('{')) {
        cursor_.fail("S004", begin.span, "blocks do not nest", "close the block of the stage first");
        out.directives.pop_back();
        recover(true);
        // A nested block is skipped with its `}`.
        return;
    }
    if (!parse_directive(cursor_, out.directives.back()) || !terminated("directives", begin)) {
        out.directives.pop_back();
        recover(true);
        return;
    }
    end_of_line(out.directives.back().trivia);
}

bool SyntaxResult::ok() const {
    return std::ranges::none_of(diagnostics, [](const Diagnostic& d) { return d.severity == Severity::error; });
}

SyntaxResult parse_schedule(std::string_view text, const std::string& path) {
    SyntaxResult result;
    result.file.path = path;
    std::vector<Token> tokens = lex(text, path, result.diagnostics);
    Parser(std::move(tokens), result.diagnostics).file(result.file);
    std::ranges::stable_sort(result.diagnostics, [](const Diagnostic& a, const Diagnostic& b) {
        return std::pair(a.span.line, a.span.column) < std::pair(b.span.line, b.span.column);
    });
    return result;
}

} // namespace coulter::schedule
