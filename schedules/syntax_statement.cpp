// Statements: the header lines, blocks' heads, and what makes a stage.

#include "syntax_parser.hpp"
#include "syntax_words.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule {

bool Parser::statement(Statement& out) {
    if (cursor_.is_symbol('}')) {
        const Span span = cursor_.take().span;
        return cursor_.fail("S004", span, "a `}` without a `{`");
    }
    if (!cursor_.is(Token::Kind::word)) {
        return cursor_.expected("a statement",
                                fmt::format("statements begin with {}", quoted_list(statement_words(), 16)));
    }
    const Token first = cursor_.take();
    out.keyword = first.span;
    const std::string_view word = first.text;
    const bool is_hole = word == "tune" && inside_ == "variant";
    if (!inside_.empty() && !is_hole && word != "stage" && word != "extend" && word != "rfactor" && word != "clone" &&
        word != "use" && word != "drop" && std::ranges::count(statement_words(), word) > 0) {
        return cursor_.fail("S001", first.span, fmt::format("`{}` cannot stand in a `{}`", word, inside_),
                            fmt::format("a `{}` holds blocks{} statements that make stages", inside_,
                                        inside_ == "variant" ? ", holes and" : " and"));
    }
    if (word == "stage") {
        return stage(out, first);
    }
    if (word == "extend") {
        out.extend = true;
        return cursor_.word("stage", "write `extend stage NAME { ... }`") && stage(out, first);
    }
    if (word == "macro") {
        return macro(out, first);
    }
    if (word == "variant") {
        return variant(out, first);
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
    } else if (word == "clone") {
        good = clone(out);
    } else if (word == "include") {
        good = include(out);
    } else if (word == "use") {
        good = use(out);
    } else if (word == "drop") {
        out.kind = Statement::Kind::drop;
        good = cursor_.stage_name(out.stage, "the name of a stage");
    } else if (word == "tune") {
        good = tune(out);
    } else if (word == "require") {
        good = require(out);
    } else {
        return unknown(first);
    }
    out.span = cursor_.since(first);
    return good && terminated("statements", first) && closed();
}

bool Parser::unknown(const Token& token) {
    const std::string_view word = token.text;
    if (const std::string_view what = planned_word(word); !what.empty()) {
        return cursor_.fail("S003", token.span, fmt::format("`{}` ({}) is not built yet", word, what),
                            fmt::format("statements begin with {}", quoted_list(statement_words(), 16)));
    }
    const std::string message = fmt::format("`{}` begins no statement", word.substr(0, 60));
    if (std::ranges::count(directive_words(), word) > 0) {
        return cursor_.fail("S002", token.span, message,
                            fmt::format("directives stand in a block: `stage NAME {{ {} ... }}`", word));
    }
    const std::string close = closest_match(word, statement_words());
    return cursor_.fail("S002", token.span, message,
                        close.empty() ? fmt::format("statements begin with {}", quoted_list(statement_words(), 16))
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
    if (!cursor_.stage_name(out.stage, "the name of a stage")) {
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
    if (cursor_.is_word("skip")) {
        cursor_.take();
        out.skip_missing = true;
        if (!cursor_.word("missing", "write `stage NAME skip missing { ... }`")) {
            return false;
        }
    }
    if (cursor_.is_symbol('=')) {
        if (out.extend || out.skip_missing) {
            return cursor_.fail("S001", out.stage.span, "a new stage has no block that could be extended or be missing",
                                fmt::format("write `stage {} = ...`", out.stage.text));
        }
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
        return good && terminated("statements", first) && closed();
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
        return cursor_.expected("`pack`, `copy`, `accumulate`, `join` or `chunk`");
    }
    const Token token = cursor_.take();
    if (token.text == "pack") {
        return pack(out);
    }
    if (token.text == "copy") {
        out.kind = Statement::Kind::copy;
        return cursor_.stage_name(out.source, "the tensor to copy") &&
               cursor_.word("for", "write `copy SOURCE for CONSUMER at STAGE/LOOP`") &&
               cursor_.stage_name(out.target, "the stage that reads the copy") && placed(out);
    }
    if (token.text == "accumulate") {
        out.kind = Statement::Kind::accumulate;
        return cursor_.stage_name(out.source, "the stage to accumulate") && placed(out);
    }
    if (token.text == "join") {
        return join(out);
    }
    if (token.text == "chunk") {
        return chunk(out);
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
    if (!cursor_.stage_name(out.source, "the tensor to pack") ||
        !cursor_.word("by", "write `pack SOURCE by DIM FACTOR`")) {
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

bool Parser::chunk(Statement& out) {
    out.kind = Statement::Kind::chunk;
    PackBy& by = out.by.emplace_back();
    return cursor_.stage_name(out.source, "the scan to chunk") &&
           cursor_.word("by", "write `chunk STAGE by DIM FACTOR`") && cursor_.name(by.dim, "the dim of the scan") &&
           cursor_.number(by.factor, fmt::format("how many of `{}` make a chunk", by.dim.text));
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
    if (!cursor_.stage_name(out.stage, "the stage to factor") || !cursor_.symbol(':', help) ||
        !cursor_.name(out.source, "a reduced loop")) {
        return false;
    }
    return cursor_.word("as", help + "; one loop at a time") &&
           cursor_.stage_name(out.target, "the name of the new stage");
}

bool Parser::clone(Statement& out) {
    out.kind = Statement::Kind::clone;
    const std::string help = "write `clone STAGE for CONSUMER as NEW`";
    if (!cursor_.stage_name(out.source, "the stage to clone") || !cursor_.word("for", help)) {
        return false;
    }
    // A stage may be called `as`: the word is the clause unless it stands where a consumer must.
    while (out.names.empty() || !cursor_.is_word("as")) {
        if (cursor_.at_end_of_statement()) {
            return cursor_.expected("`as` and the name of the new stage", help);
        }
        if (!cursor_.stage_name(out.names.emplace_back(), "a stage that reads it")) {
            return false;
        }
    }
    cursor_.take();
    return cursor_.stage_name(out.stage, "the name of the new stage");
}

bool Parser::join(Statement& out) {
    out.kind = Statement::Kind::join;
    while (!cursor_.at_end_of_statement()) {
        const bool clause = out.names.size() >= 2 && (cursor_.is_word("at") || cursor_.is_word("in"));
        if (clause) {
            break;
        }
        if (!cursor_.stage_name(out.names.emplace_back(), "a stage to join")) {
            return false;
        }
    }
    if (out.names.size() < 2) {
        return cursor_.expected("a second stage", "write `stage NEW = join STAGE STAGE ...`");
    }
    return placed(out);
}

} // namespace coulter::schedule
