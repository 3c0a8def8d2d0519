// The parser's frame: limits, items, heads, reports.

#include "text_parse.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::text {

std::string shown(const Token& token) {
    if (token.kind == TokenKind::end) {
        return "the end of the statement";
    }
    std::string quoted(token.text.substr(0, 40));
    if (token.kind == TokenKind::string) {
        return "\"" + quoted + "\"";
    }
    if (token.kind == TokenKind::let) {
        quoted.insert(0, "$");
    }
    if (token.component >= 0) {
        quoted += fmt::format(".{}", token.component);
    }
    return "`" + quoted + "`";
}

Parser::Parser(std::string_view text, std::string file, std::function<std::string_view()> load_consts)
    : text_(text), file_(std::move(file)), load_consts_(std::move(load_consts)), poison_(ir::index_constant(0)) {}

Span Parser::span_of(const Token& token) const {
    return {file_, token.line, token.column, token.length};
}

void Parser::error(const char* code, const Token& at, std::string message, std::string help, std::vector<Note> notes) {
    diagnostics_.push_back({Severity::error, code, span_of(at), std::move(message), std::move(notes), std::move(help)});
    if (diagnostics_.size() == most_errors) {
        diagnostics_.push_back({Severity::error,
                                "T002",
                                span_of(at),
                                fmt::format("more than {} errors, and the rest is not read", most_errors),
                                {},
                                {}});
        throw StopAll{};
    }
}

void Parser::syntax(const Token& found, const std::string& wanted, std::string help) {
    if (found.kind == TokenKind::bad) {
        error("T003", found, std::string(found.text), std::move(help));
    } else {
        error("T004", found, fmt::format("expected {}, found {}", wanted, shown(found)), std::move(help));
    }
    throw StopItem{};
}

bool Parser::accept(std::string_view symbol) {
    const bool found = lexer_.peek().is(symbol);
    if (found) {
        (void)lexer_.take();
    }
    return found;
}

Token Parser::expect(std::string_view symbol, const std::string& where) {
    if (!lexer_.peek().is(symbol)) {
        syntax(lexer_.peek(), fmt::format("`{}` {}", symbol, where));
    }
    return lexer_.take();
}

Token Parser::expect_name(const std::string& what) {
    if (!lexer_.peek().is_name() || lexer_.peek().component >= 0) {
        syntax(lexer_.peek(), what);
    }
    return lexer_.take();
}

void Parser::expect_end(const std::string& after) {
    if (lexer_.peek().kind != TokenKind::end) {
        syntax(lexer_.peek(), "the end of the statement after " + after);
    }
}

void Parser::with_item(const std::function<void()>& read) {
    depth_ = 0;
    lets_.clear();
    state_types_ = nullptr;
    try {
        read();
    } catch (const StopItem&) {
        // The next item starts in the first column, so it can be read on its own.
    }
}

ParseResult Parser::run() {
    try {
        check_bytes();
        const std::vector<Item> items = split_items(text_, most_items + 1);
        if (items.empty()) {
            error("T001", Token{}, "the text is empty, and its first line must be `coulter 1`");
            throw StopAll{};
        }
        if (items.size() > most_items) {
            Token at;
            at.line = items.back().line;
            error("T002", at, fmt::format("the text has more than {} statements", most_items));
            throw StopAll{};
        }
        if (!read_version(items.front())) {
            return finish();
        }
        for (std::size_t i = 1; i < items.size(); ++i) {
            with_item([&] { read_head(items[i], i == 1); });
        }
        if (items.size() == 1) {
            Token at;
            at.line = items.front().line;
            error("T021", at, "the text has no `kernel NAME` line");
        }
        for (const Token& dim : dim_uses_) {
            (void)check_dim(dim);
        }
        for (const Body& body : extents_) {
            lexer_ = body.lexer;
            with_item([&] { read_extent(kernel_.dims[body.position]); });
        }
        for (const Body& body : consts_) {
            lexer_ = body.lexer;
            with_item([&] { read_const_body(kernel_.consts[body.position]); });
        }
        for (const Body& body : definitions_) {
            lexer_ = body.lexer;
            with_item([&] { read_definition_body(kernel_.definitions[body.position]); });
        }
        for (const Lexer& statement : later_) {
            lexer_ = statement;
            with_item([&] {
                const Token keyword = lexer_.take();
                keyword.text == "output"   ? read_output()
                : keyword.text == "update" ? read_update()
                : keyword.text == "group"  ? read_group()
                : keyword.text == "macros" ? read_macros()
                : keyword.text == "vjp"    ? read_rule()
                                           : read_estimate();
            });
        }
        finish_rules();
    } catch (const StopAll&) {}
    return finish();
}

ParseResult Parser::finish() {
    if (diagnostics_.empty()) {
        validate();
    }
    std::stable_sort(diagnostics_.begin(), diagnostics_.end(), [](const Diagnostic& a, const Diagnostic& b) {
        return std::pair(a.span.line, a.span.column) < std::pair(b.span.line, b.span.column);
    });
    ParseResult result;
    result.diagnostics = std::move(diagnostics_);
    if (result.diagnostics.empty()) {
        result.kernel = std::move(kernel_);
    }
    return result;
}

void Parser::validate() {
    diagnostics_ = ir::validate(kernel_);
    // The library's interface has one array for each output; the interpreter hands out the components of tuples too, so
    // this is no rule of the IR.
    for (const std::string& output : kernel_.outputs) {
        const ir::Definition* definition = kernel_.find_definition(output);
        if (definition != nullptr && definition->types.size() > 1) {
            diagnostics_.push_back(
                {Severity::error,
                 "V013",
                 definition->span,
                 fmt::format("output `{}` has {} components", output, definition->types.size()),
                 {},
                 fmt::format("an output has one: make each component a tensor, such as `y = {}.0`", output)});
        }
    }
    for (Diagnostic& diagnostic : diagnostics_) {
        if (diagnostic.span.line == 0) {
            diagnostic.span = kernel_span_;
        }
    }
}

void Parser::check_bytes() {
    if (text_.size() > largest_text) {
        error("T002", Token{},
              fmt::format("the text has {} bytes, and at most {} are read", text_.size(), largest_text),
              "large consts belong into the const file");
        throw StopAll{};
    }
    const std::size_t bad = first_invalid_byte(text_);
    if (bad == std::string_view::npos) {
        return;
    }
    const std::string_view before = text_.substr(0, bad);
    const std::size_t line_start = before.rfind('\n') + 1; // npos + 1 is 0
    Token at;
    at.line = static_cast<int>(std::count(before.begin(), before.end(), '\n')) + 1;
    at.column = static_cast<int>(bad - line_start) + 1;
    error("T003", at,
          fmt::format("the byte 0x{:02x} is no part of a text in UTF-8",
                      static_cast<unsigned>(static_cast<unsigned char>(text_[bad]))));
    throw StopAll{};
}

bool Parser::read_version(const Item& item) {
    lexer_ = Lexer(text_, item);
    const Token word = lexer_.take();
    const Token version = lexer_.peek();
    const std::string help = "the first line must be `coulter 1`; version 1 is the only one that is supported";
    if (!word.is_word("coulter")) {
        error("T001", word, fmt::format("expected the version line, found {}", shown(word)), help);
    } else if (version.kind != TokenKind::number || version.text != "1") {
        error("T001", version, fmt::format("version {} of the text form is not supported", shown(version)), help);
    } else {
        (void)lexer_.take();
        if (lexer_.peek().kind != TokenKind::end) {
            error("T001", lexer_.peek(), fmt::format("the version line ends with {}", shown(lexer_.peek())), help);
        }
    }
    return diagnostics_.empty();
}

void Parser::read_head(const Item& item, bool first) {
    lexer_ = Lexer(text_, item);
    const Token start = lexer_.peek();
    const bool definition = start.is_name() && lexer_.peek_second().is(":");
    const bool kernel = start.is_word("kernel") && !definition;
    if (first && !kernel) {
        error("T021", start, fmt::format("expected `kernel NAME`, found {}", shown(start)),
              "the kernel's name stands on the line below `coulter 1`");
    }
    if (definition) {
        read_definition();
        return;
    }
    static const std::vector<std::string> keywords{"kernel",   "dim",   "input",  "const",  "output",
                                                   "estimate", "group", "update", "macros", "vjp"};
    if (kernel && !first) {
        error("T021", start,
              kernel_.name.empty() ? "`kernel NAME` stands too low"
                                   : fmt::format("the kernel already has the name `{}`", kernel_.name),
              "one `kernel NAME` line stands below `coulter 1`; each kernel has a file of its own");
        return;
    }
    const bool keyword = start.kind == TokenKind::name && start.component < 0 &&
                         std::find(keywords.begin(), keywords.end(), start.text) != keywords.end();
    if (!keyword) {
        if (start.kind == TokenKind::bad) {
            syntax(start, "a statement");
        }
        const std::string meant = start.kind == TokenKind::name ? closest_match(start.text, keywords) : "";
        error("T005", start, fmt::format("{} starts no statement", shown(start)),
              meant.empty() ? "statements are " + quoted_list(keywords) +
                                  " and definitions `NAME: TYPE[DIMS] = ...`; continued lines are indented"
                            : fmt::format("did you mean `{}`?", meant));
        return;
    }
    if (start.text != "output" && start.text != "update" && start.text != "estimate" && start.text != "group" &&
        start.text != "macros" && start.text != "vjp") {
        (void)lexer_.take();
    }
    start.text == "kernel"  ? read_kernel_name()
    : start.text == "dim"   ? read_dim()
    : start.text == "input" ? read_input()
    : start.text == "const" ? read_const()
                            : later_.push_back(lexer_);
}

} // namespace coulter::text

namespace coulter {

ParseResult parse(std::string_view text, const std::string& file, std::string_view const_file) {
    return text::Parser(text, file, [const_file] { return const_file; }).run();
}

} // namespace coulter
