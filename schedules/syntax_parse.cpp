#include "syntax_parse.hpp"
#include "syntax_words.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

// The checker looks through the statements for each name that it misses.
constexpr std::size_t statement_limit = 10'000;

class Parser {
public:
    Parser(std::vector<Token> tokens, std::vector<Diagnostic>& diagnostics) : cursor_(std::move(tokens), diagnostics) {}

    void file(ScheduleFile& out);

private:
    bool statement(Statement& out);
    bool schedule_line(Statement& out);
    bool target_line(Statement& out);
    bool numerics_line(Statement& out);
    bool stage(Statement& out, const Token& first);
    bool rewrite(Statement& out);
    bool pack(Statement& out);
    bool placed(Statement& out);
    bool rfactor(Statement& out);
    bool block(Statement& out, const Token& first);
    void block_line(Statement& out);
    bool unknown(const Token& token);

    std::vector<std::string> comments(bool first);
    void end_of_line(Trivia& trivia);
    bool terminated(std::string_view what, const Token& first);
    void recover(bool in_block);

    Cursor cursor_;
};

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

bool Parser::statement(Statement& out) {
    if (cursor_.is_symbol('}')) {
        const Span span = cursor_.take().span;
        return cursor_.fail("S004", span, "a `}` without a `{`");
    }
    if (!cursor_.is(Token::Kind::word)) {
        return cursor_.expected("a statement", fmt::format("statements begin with {}", quoted_list(statement_words())));
    }
    const Token first = cursor_.take();
    out.keyword = first.span;
    const std::string_view word = first.text;
    if (word == "stage") {
        return stage(out, first);
    }
    bool good = false;
    if (word == "schedule") {
        good = schedule_line(out);
    } else if (word == "target") {
        good = target_line(out);
    } else if (word == "numerics") {
        good = numerics_line(out);
    } else if (word == "rfactor") {
        good = rfactor(out);
    } else {
        return unknown(first);
    }
    out.span = cursor_.since(first);
    if (!good || !terminated("statements", first)) {
        return false;
    }
    if (cursor_.is_symbol('}')) {
        return cursor_.fail("S004", cursor_.take().span, "a `}` without a `{`");
    }
    return true;
}

bool Parser::unknown(const Token& token) {
    const std::string_view word = token.text;
    if (const std::string_view what = planned_word(word); !what.empty()) {
        return cursor_.fail("S003", token.span, fmt::format("`{}` ({}) is not built yet", word, what),
                            fmt::format("statements begin with {}", quoted_list(statement_words())));
    }
    const std::string message = fmt::format("`{}` begins no statement", word.substr(0, 60));
    if (std::ranges::count(directive_words(), word) > 0) {
        return cursor_.fail("S002", token.span, message,
                            fmt::format("directives stand in a block: `stage NAME {{ {} ... }}`", word));
    }
    const std::string close = closest_match(word, statement_words());
    return cursor_.fail("S002", token.span, message,
                        close.empty() ? fmt::format("statements begin with {}", quoted_list(statement_words()))
                                      : fmt::format("did you mean `{}`?", close));
}

bool Parser::schedule_line(Statement& out) {
    out.kind = Statement::Kind::schedule;
    while (true) {
        if (!cursor_.is(Token::Kind::word)) {
            return cursor_.expected("the name of a kernel", "write `schedule conv_capsules, conv_capsules.*`");
        }
        const Token token = cursor_.take();
        // A `*` may close the last segment; the rest has to be a name.
        std::string stem(token.text);
        if (stem.ends_with('*')) {
            stem.back() = 'x';
        }
        const auto legal = [](char c) { return c == '.' || c == '_' || c == '[' || c == ']' || std::isalnum(c) != 0; };
        if (!std::ranges::all_of(stem, legal) || std::isdigit(stem.front()) != 0 || stem.front() == '.' ||
            stem.back() == '.' || stem.find("..") != std::string::npos || stem.size() > 200) {
            return cursor_.fail("S005", token.span,
                                fmt::format("expected the name of a kernel, found `{}`", token.text.substr(0, 60)),
                                "a pattern is a kernel's name, with `*` for the end of its last segment: "
                                "`conv_capsules`, `conv_capsules.*`, `conv_*`");
        }
        out.patterns.push_back({std::string(token.text), token.span});
        if (!cursor_.is_symbol(',')) {
            return true;
        }
        cursor_.take();
    }
}

bool Parser::target_line(Statement& out) {
    out.kind = Statement::Kind::target;
    if (!cursor_.is(Token::Kind::word)) {
        return cursor_.expected("a target", "write `target x86-64-avx512`");
    }
    const Token token = cursor_.take();
    out.patterns.push_back({std::string(token.text), token.span});
    if (cursor_.is_symbol(',')) {
        return cursor_.fail("S001", cursor_.peek().span, "a file has one target",
                            "name the features that all of them share, or write one file for each");
    }
    return true;
}

bool Parser::numerics_line(Statement& out) {
    out.kind = Statement::Kind::numerics;
    const std::vector<std::string> words{"exact", "reassociate", "fast"};
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (cursor_.is_word(words[i])) {
            cursor_.take();
            out.numerics = static_cast<Numerics>(i);
            return true;
        }
    }
    if (!cursor_.is(Token::Kind::word)) {
        return cursor_.expected("`exact`, `reassociate` or `fast`");
    }
    const std::string close = closest_match(cursor_.peek().text, words);
    return cursor_.fail("S002", cursor_.peek().span,
                        fmt::format("`{}` is no mode of `numerics`", cursor_.peek().text.substr(0, 60)),
                        fmt::format("one of {}{}", quoted_list(words),
                                    close.empty() ? "" : fmt::format("; did you mean `{}`?", close)));
}

bool Parser::stage(Statement& out, const Token& first) {
    if (!cursor_.name(out.stage, "the name of a stage")) {
        return false;
    }
    if (cursor_.is_symbol('@')) {
        const Token at = cursor_.take();
        const Token stamp = cursor_.peek();
        const auto hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
        if (stamp.kind != Token::Kind::word || stamp.text.size() != 8 || !std::ranges::all_of(stamp.text, hex)) {
            return cursor_.expected("a fingerprint after `@`",
                                    "eight hex digits, as `coulter fmt --stamp` writes them");
        }
        cursor_.take();
        out.stamp = std::string(stamp.text);
        out.stamp_span = cursor_.since(at);
    }
    if (cursor_.is_symbol('=')) {
        if (!out.stamp.empty()) {
            return cursor_.fail("S001", out.stamp_span, "a new stage has no fingerprint", "leave the `@` out");
        }
        cursor_.take();
        const bool good = rewrite(out);
        out.span = cursor_.since(first);
        if (good && cursor_.is_symbol('{')) {
            return cursor_.expected(
                "the end of `stage`",
                fmt::format("write the block as a statement of its own: `stage {} {{ ... }}`", out.stage.text));
        }
        if (!good || !terminated("statements", first)) {
            return false;
        }
        return !cursor_.is_symbol('}') || cursor_.fail("S004", cursor_.take().span, "a `}` without a `{`");
    }
    out.span = cursor_.since(first);
    if (!cursor_.is_symbol('{')) {
        if (cursor_.at_end_of_statement()) {
            return cursor_.fail("S004", out.span, fmt::format("`stage {}` has no block", out.stage.text),
                                "write `{` on the line of `stage`, the directives, and `}`");
        }
        return cursor_.expected("`{`, `=` or `@`",
                                fmt::format("write `stage {} {{ DIRECTIVE; ... }}`", out.stage.text));
    }
    return block(out, first);
}

bool Parser::rewrite(Statement& out) {
    if (!cursor_.is(Token::Kind::word)) {
        return cursor_.expected("`pack`, `copy` or `accumulate`");
    }
    const Token token = cursor_.take();
    if (token.text == "pack") {
        return pack(out);
    }
    if (token.text == "copy") {
        out.kind = Statement::Kind::copy;
        return cursor_.name(out.source, "the tensor to copy") &&
               cursor_.word("for", "write `copy SOURCE for CONSUMER at STAGE/LOOP`") &&
               cursor_.name(out.target, "the stage that reads the copy") && placed(out);
    }
    if (token.text == "accumulate") {
        out.kind = Statement::Kind::accumulate;
        return cursor_.name(out.source, "the stage to accumulate") && placed(out);
    }
    if (const std::string_view what = planned_word(token.text); !what.empty()) {
        return cursor_.fail("S003", token.span, fmt::format("`{}` ({}) is not built yet", token.text, what),
                            fmt::format("new stages are made by {}", quoted_list(rewrite_words())));
    }
    const std::string close = closest_match(token.text, rewrite_words());
    return cursor_.fail("S002", token.span, fmt::format("`{}` makes no stage", token.text.substr(0, 60)),
                        close.empty() ? fmt::format("new stages are made by {}", quoted_list(rewrite_words()))
                                      : fmt::format("did you mean `{}`?", close));
}

bool Parser::pack(Statement& out) {
    out.kind = Statement::Kind::pack;
    if (!cursor_.name(out.source, "the tensor to pack") || !cursor_.word("by", "write `pack SOURCE by DIM FACTOR`")) {
        return false;
    }
    const auto clause = [&] { return (cursor_.is_word("once") || cursor_.is_word("per")) && !cursor_.is_number(1); };
    while (!cursor_.at_end_of_statement() && !clause()) {
        PackBy by;
        if (!cursor_.name(by.dim, "a dim") ||
            !cursor_.number(by.factor, fmt::format("a factor for `{}`", by.dim.text))) {
            return false;
        }
        out.by.push_back(std::move(by));
    }
    if (out.by.empty()) {
        return cursor_.expected("a dim and a factor", "write `pack SOURCE by DIM FACTOR [DIM FACTOR ...]`");
    }
    if (cursor_.is_word("once")) {
        cursor_.take();
        out.once = true;
    } else if (cursor_.is_word("per")) {
        cursor_.take();
        return cursor_.word("call", "packing happens `once` or `per call`");
    }
    return true;
}

bool Parser::placed(Statement& out) {
    if (cursor_.is_word("at")) {
        cursor_.take();
        if (!cursor_.place(out.at.emplace(), true)) {
            return false;
        }
    }
    if (cursor_.is_word("in")) {
        cursor_.take();
        return cursor_.memory(out.memory.emplace());
    }
    return true;
}

bool Parser::rfactor(Statement& out) {
    out.kind = Statement::Kind::rfactor;
    const std::string help = "write `rfactor STAGE: LOOP as NEW`";
    if (!cursor_.name(out.stage, "the stage to factor") || !cursor_.symbol(':', help) ||
        !cursor_.name(out.source, "a reduced loop")) {
        return false;
    }
    return cursor_.word("as", help + "; one loop at a time") && cursor_.name(out.target, "the name of the new stage");
}

bool Parser::block(Statement& out, const Token& first) {
    out.kind = Statement::Kind::block;
    const Token open = cursor_.take();
    const int line = open.span.line;
    if (cursor_.is(Token::Kind::comment)) {
        out.open_comment = std::string(cursor_.take().text);
    }
    std::vector<std::string> before = comments(true);
    while (!cursor_.is_symbol('}')) {
        if (cursor_.full()) {
            return true;
        }
        const Token& token = cursor_.peek();
        const bool statement_begins =
            token.kind == Token::Kind::word && std::ranges::count(statement_words(), token.text) > 0;
        if (statement_begins || cursor_.is(Token::Kind::end)) {
            // The statement that begins here is read in its own right.
            cursor_.fail("S004", open.span, fmt::format("the block of `{}` has no `}}`", out.stage.text), {},
                         {{token.span, statement_begins ? "a statement begins here" : "the file ends here"}});
            return true;
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
    return terminated("statements", first) &&
           (!cursor_.is_symbol('}') || cursor_.fail("S004", cursor_.take().span, "a `}` without a `{`"));
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

} // namespace

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
