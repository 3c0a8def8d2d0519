// Statements about other statements: include, macro, use, tune, require, variant.

#include "syntax_parser.hpp"
#include "syntax_words.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule {

bool Parser::include(Statement& out) {
    out.kind = Statement::Kind::include;
    const Token begin = cursor_.peek();
    std::string path;
    int column = begin.span.column;
    // A path is words and slashes without a blank between them.
    while ((cursor_.is(Token::Kind::word) || cursor_.is_symbol('/')) && cursor_.peek().span.column == column) {
        const Token piece = cursor_.take();
        path += piece.text;
        column = piece.span.column + piece.span.length;
    }
    if (path.empty()) {
        return cursor_.expected("the path of a schedule file",
                                "write `include common/tiles.sched`, relative to this file");
    }
    out.source = {std::move(path), cursor_.since(begin)};
    return true;
}

// Whether the `{` at the cursor opens a body of statements rather than of directives.
bool Parser::holds_statements() const {
    int depth = 0;
    bool fresh = false;
    for (std::size_t ahead = 0;; ++ahead) {
        const Token& token = cursor_.peek(ahead);
        if (token.kind == Token::Kind::end) {
            return false;
        }
        if (cursor_.is_symbol('{', ahead)) {
            ++depth;
            fresh = true;
        } else if (cursor_.is_symbol('}', ahead)) {
            if (--depth <= 0) {
                return false;
            }
        } else if (token.kind == Token::Kind::newline || cursor_.is_symbol(';', ahead)) {
            fresh = true;
        } else if (token.kind == Token::Kind::word) {
            if (fresh && depth == 1 && token.text != "use" && std::ranges::count(statement_words(), token.text) > 0) {
                return true;
            }
            fresh = false;
        }
    }
}

bool Parser::macro(Statement& out, const Token& first) {
    out.kind = Statement::Kind::macro;
    const std::string help = "write `macro NAME(PARAMETER, ...) { ... }`";
    if (!cursor_.name(out.stage, "the name of the macro") || !cursor_.symbol('(', help)) {
        return false;
    }
    while (!cursor_.is_symbol(')')) {
        Name parameter;
        if (!cursor_.name(parameter, "a parameter")) {
            return false;
        }
        if (parameter.text.find_first_of(".[") != std::string::npos) {
            return cursor_.fail("S005", parameter.span, fmt::format("`{}` cannot be a parameter", parameter.text),
                                "a parameter is a single word; in the body `d.o` is the parameter `d` with `.o` added");
        }
        if (std::ranges::find(out.names, parameter.text, &Name::text) != out.names.end()) {
            return cursor_.fail("S082", parameter.span, fmt::format("two parameters `{}`", parameter.text));
        }
        out.names.push_back(std::move(parameter));
        if (cursor_.is_symbol(',')) {
            cursor_.take();
        } else if (!cursor_.is_symbol(')')) {
            return cursor_.expected("`,` or `)`", help);
        }
    }
    cursor_.take();
    out.span = cursor_.since(first);
    if (!cursor_.is_symbol('{')) {
        return cursor_.expected("`{`", help);
    }
    cursor_.set_parameters(out.names);
    bool good = true;
    if (holds_statements()) {
        inside_ = "macro";
        good = body(out, out.stage.text);
        inside_.clear();
    } else {
        const Token open = cursor_.take();
        if (!directives(out, out.stage.text, open)) {
            cursor_.set_parameters({});
            return true;
        }
    }
    cursor_.set_parameters({});
    return good && terminated("statements", first) && closed();
}

bool Parser::use(Statement& out) {
    out.kind = Statement::Kind::use;
    return cursor_.name(out.stage, "the name of a macro") && cursor_.arguments(out.arguments);
}

bool Parser::tune(Statement& out) {
    out.kind = Statement::Kind::tune;
    const std::string help = "write `tune NAME in {8, 16, 32} = 16`";
    if (!cursor_.name(out.stage, "the name of a hole") || !cursor_.word("in", help) || !cursor_.symbol('{', help)) {
        return false;
    }
    while (!cursor_.is_symbol('}')) {
        if (!cursor_.number(out.domain.emplace_back(), "a value")) {
            return false;
        }
        if (!out.domain.back().symbol.empty()) {
            return cursor_.fail("S006", out.domain.back().span, "a hole's values are numbers", help);
        }
        if (cursor_.is_symbol(',')) {
            cursor_.take();
        } else if (!cursor_.is_symbol('}')) {
            return cursor_.expected("`,` or `}`", help);
        }
    }
    cursor_.take();
    if (!cursor_.symbol('=', help) || !cursor_.number(out.value, "the value in force")) {
        return false;
    }
    if (!out.value.symbol.empty()) {
        return cursor_.fail("S006", out.value.span, "the value of a hole is a number", help);
    }
    if (std::ranges::find(out.domain, out.value.value, &Number::value) == out.domain.end()) {
        return cursor_.fail("S085", out.value.span,
                            fmt::format("{} is none of the values of `{}`", out.value.value, out.stage.text),
                            "the value in force is one of those in braces");
    }
    return true;
}

bool Parser::require(Statement& out) {
    out.kind = Statement::Kind::require;
    // A stage may be called `memory`: the word is the limit where a `<=` follows.
    const std::string help =
        "write `require STAGE not stored`, `require memory <= 64 MB` or `require shared <= 16 KiB`";
    for (const Limited each : {Limited::memory, Limited::shared}) {
        if (cursor_.is_word(name(each)) && cursor_.is_symbol('<', 1)) {
            cursor_.take();
            out.limited = each;
            return cursor_.symbol('<', help) && cursor_.symbol('=', help) && limit(out);
        }
    }
    return cursor_.stage_name(out.stage, "a stage, `memory <=` or `shared <=`") && cursor_.word("not", help) &&
           cursor_.word("stored", help);
}

bool Parser::limit(Statement& out) {
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    if (!cursor_.is(Token::Kind::word) || !std::ranges::all_of(cursor_.peek().text, is_digit)) {
        return cursor_.expected("a number of bytes", "a number, a blank and a unit: `require memory <= 64 MB`");
    }
    if (!cursor_.number(out.value, "a number of bytes")) {
        return false;
    }
    std::vector<std::string> known;
    for (const Unit& each : units()) {
        known.emplace_back(each.name);
        if (cursor_.is_word(each.name)) {
            cursor_.take();
            out.unit = each.name;
            return true;
        }
    }
    return cursor_.expected("a unit", "one of " + quoted_list(known));
}

const std::vector<Unit>& units() {
    static const std::vector<Unit> all{{"B", 1},         {"KB", 1'000},    {"MB", 1'000'000}, {"GB", 1'000'000'000},
                                       {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}};
    return all;
}

bool Parser::variant(Statement& out, const Token& first) {
    out.kind = Statement::Kind::variant;
    const std::string help = "write `variant NAME when extent(DIM) < 16 { ... }`";
    if (!cursor_.name(out.stage, "the name of the variant") || !cursor_.word("when", help) ||
        !parse_condition(cursor_, out.condition)) {
        return false;
    }
    out.span = cursor_.since(first);
    if (!cursor_.is_symbol('{')) {
        return cursor_.expected("`{`", help);
    }
    inside_ = "variant";
    const bool good = body(out, out.stage.text);
    inside_.clear();
    return good && terminated("statements", first) && closed();
}

} // namespace coulter::schedule
