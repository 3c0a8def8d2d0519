#pragma once
/// The parser of schedule files; statements are read in syntax_statement.cpp, those that are about other statements in
/// syntax_module.cpp.

#include "syntax_parse.hpp"

namespace coulter::schedule {

class Parser {
public:
    Parser(std::vector<Token> tokens, std::vector<Diagnostic>& diagnostics) : cursor_(std::move(tokens), diagnostics) {}

    void file(ScheduleFile& out);

private:
    // syntax_parse.cpp
    bool block(Statement& out, const Token& first);
    bool directives(Statement& out, std::string_view owner, const Token& open);
    void block_line(Statement& out);
    bool body(Statement& out, std::string_view owner);
    bool closed();
    std::vector<std::string> comments(bool first);
    void end_of_line(Trivia& trivia);
    bool terminated(std::string_view what, const Token& first);
    void recover(bool in_block);

    // syntax_statement.cpp
    bool statement(Statement& out);
    bool schedule_line(Statement& out);
    bool target_line(Statement& out);
    bool numerics_line(Statement& out);
    bool stage(Statement& out, const Token& first);
    bool rewrite(Statement& out);
    bool pack(Statement& out);
    bool join(Statement& out);
    bool chunk(Statement& out);
    bool placed(Statement& out);
    bool rfactor(Statement& out);
    bool clone(Statement& out);
    bool unknown(const Token& token);

    // syntax_module.cpp
    bool include(Statement& out);
    bool macro(Statement& out, const Token& first);
    bool use(Statement& out);
    bool tune(Statement& out);
    bool require(Statement& out);
    bool limit(Statement& out);
    bool variant(Statement& out, const Token& first);
    [[nodiscard]] bool holds_statements() const;

    Cursor cursor_;
    std::string inside_; ///< `macro` or `variant` while its body is read
};

} // namespace coulter::schedule
