#include "syntax_parse.hpp"
#include "syntax_words.hpp"

#include <fmt/core.h>

namespace coulter::schedule {
namespace {

bool parse_tail(Cursor& cursor, Directive& out) {
    if (!cursor.is_word("tail")) {
        return true;
    }
    cursor.take();
    const std::vector<std::string> words{"guard", "predicate", "round_up", "shift"};
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (cursor.is_word(words[i])) {
            out.tail_span = cursor.take().span;
            out.tail = static_cast<Tail>(i);
            return true;
        }
    }
    if (cursor.at_end_of_statement()) {
        return cursor.expected("a tail", "one of `guard`, `predicate`, `round_up` and `shift`");
    }
    return cursor.fail("S002", cursor.peek().span, fmt::format("`{}` is no tail", cursor.peek().text.substr(0, 60)),
                       "one of `guard`, `predicate`, `round_up` and `shift`; tails that can change a result do not "
                       "exist here");
}

bool parse_split(Cursor& cursor, Directive& out) {
    if (!cursor.name(out.loops.emplace_back(), "the loop to split") ||
        !cursor.word("by", "write `split LOOP by FACTOR`") || !cursor.number(out.factors.emplace_back(), "a factor")) {
        return false;
    }
    if (cursor.is_word("as")) {
        cursor.take();
        if (!cursor.name(out.as.emplace_back(), "the name of the outer loop") ||
            !cursor.name(out.as.emplace_back(), "the name of the inner loop")) {
            return false;
        }
    }
    return parse_tail(cursor, out);
}

bool parse_tile(Cursor& cursor, Directive& out) {
    if (!cursor.names(out.loops, "a loop to tile", true) ||
        !cursor.word("by", "write `tile LOOP LOOP by FACTOR FACTOR`")) {
        return false;
    }
    const std::size_t count = out.loops.size();
    if (count < 2 || count > 3) {
        return cursor.fail("S001", out.loops.back().span, fmt::format("`tile` takes 2 or 3 loops, {} given", count),
                           count < 2 ? "write `split LOOP by FACTOR` for one loop" : "tile the innermost ones first");
    }
    for (std::size_t i = 0; i < count; ++i) {
        if (!cursor.number(out.factors.emplace_back(), fmt::format("a factor for `{}`", out.loops[i].text))) {
            return false;
        }
    }
    if (cursor.is_word("as")) {
        cursor.take();
        for (std::size_t i = 0; i < 2 * count; ++i) {
            const Name& loop = out.loops[i % count];
            const std::string what =
                fmt::format("the name of the {} loop of `{}`", i < count ? "outer" : "inner", loop.text);
            if (!cursor.name(out.as.emplace_back(), what)) {
                return false;
            }
        }
    }
    return true;
}

bool parse_fuse(Cursor& cursor, Directive& out) {
    return cursor.name(out.loops.emplace_back(), "the inner loop") &&
           cursor.name(out.loops.emplace_back(), "the outer loop") &&
           cursor.word("as", "write `fuse INNER OUTER as FUSED`") &&
           cursor.name(out.as.emplace_back(), "the name of the fused loop");
}

bool parse_names(Cursor& cursor, Directive& out, std::string_view what, bool by) {
    if (!cursor.names(out.loops, what, by)) {
        return false;
    }
    if (by && cursor.is_word("by")) {
        cursor.take();
        return cursor.number(out.factors.emplace_back(), "a factor");
    }
    return true;
}

bool parse_vectorize(Cursor& cursor, Directive& out) {
    if (!parse_names(cursor, out, "the loop to vectorize", true)) {
        return false;
    }
    return out.loops.size() == 1 ||
           cursor.fail("S035", out.loops[1].span, fmt::format("`vectorize` takes one loop, {} given", out.loops.size()),
                       "a nest has one vectorized loop; unroll the others");
}

bool parse_gpu(Cursor& cursor, Directive& out, std::string_view word, std::size_t most) {
    if (!cursor.names(out.loops, "a loop", false)) {
        return false;
    }
    return out.loops.size() <= most ||
           cursor.fail("S110", out.loops[most].span,
                       fmt::format("`{}` takes {}, {} given", word, most == 1 ? "one loop" : "at most 3 loops",
                                   out.loops.size()),
                       most == 1 ? "a warp has one dimension" : "fuse the outer ones: `fuse INNER OUTER as NEW`");
}

bool parse_compute(Cursor& cursor, Directive& out) {
    if (cursor.is_word("at")) {
        cursor.take();
        out.kind = Directive::Kind::compute_at;
        return cursor.place(out.place, false);
    }
    if (cursor.is_word("root") || cursor.is_word("inline")) {
        out.kind = cursor.take().text == "root" ? Directive::Kind::compute_root : Directive::Kind::compute_inline;
        return true;
    }
    return cursor.expected("`at`, `root` or `inline`",
                           "write `compute at STAGE/LOOP`, `compute root` or `compute inline`");
}

bool parse_store(Cursor& cursor, Directive& out) {
    if (cursor.is_word("at")) {
        cursor.take();
        out.kind = Directive::Kind::store_at;
        return cursor.place(out.place, false);
    }
    if (cursor.is_word("root")) {
        cursor.take();
        out.kind = Directive::Kind::store_root;
        return true;
    }
    if (cursor.is_word("in")) {
        cursor.take();
        out.kind = Directive::Kind::store_in;
        return cursor.memory(out.memory);
    }
    return cursor.expected("`at`, `root` or `in`", "write `store at STAGE/LOOP`, `store root` or `store in MEMORY`");
}

bool parse_like(Cursor& cursor, Directive& out) {
    if (!cursor.stage_name(out.loops.emplace_back(), "the stage whose directives are taken over")) {
        return false;
    }
    if (!cursor.is_word("skip")) {
        return true;
    }
    cursor.take();
    out.skip_missing = true;
    return cursor.word("missing", "write `like STAGE skip missing`");
}

bool parse_use(Cursor& cursor, Directive& out) {
    return cursor.name(out.loops.emplace_back(), "the name of a macro") && cursor.arguments(out.arguments);
}

bool parse_unknown(Cursor& cursor, const Token& token) {
    const std::string_view word = token.text;
    if (const std::string_view what = planned_word(word); !what.empty()) {
        return cursor.fail("S003", token.span, fmt::format("`{}` ({}) is not built yet", word, what),
                           fmt::format("the directives are {}", quoted_list(directive_words(), 24)));
    }
    if (const std::string_view spelling = halide_spelling(word); !spelling.empty()) {
        return cursor.fail("S002", token.span, fmt::format("`{}` is no directive", word), std::string(spelling));
    }
    const std::string close = closest_match(word, directive_words());
    return cursor.fail("S002", token.span, fmt::format("`{}` is no directive", word.substr(0, 60)),
                       close.empty() ? fmt::format("the directives are {}", quoted_list(directive_words(), 24))
                                     : fmt::format("did you mean `{}`?", close));
}

bool parse_body(Cursor& cursor, Directive& out, const Token& first) {
    using Kind = Directive::Kind;
    const std::string_view word = first.text;
    if (word == "split") {
        out.kind = Kind::split;
        return parse_split(cursor, out);
    }
    if (word == "tile") {
        out.kind = Kind::tile;
        return parse_tile(cursor, out);
    }
    if (word == "fuse") {
        out.kind = Kind::fuse;
        return parse_fuse(cursor, out);
    }
    if (word == "reorder") {
        out.kind = Kind::reorder;
        return parse_names(cursor, out, "a loop to reorder", false);
    }
    if (word == "vectorize") {
        out.kind = Kind::vectorize;
        return parse_vectorize(cursor, out);
    }
    if (word == "unroll") {
        out.kind = Kind::unroll;
        return parse_names(cursor, out, "a loop to unroll", true);
    }
    if (word == "parallel" || word == "serial") {
        out.kind = word == "parallel" ? Kind::parallel : Kind::serial;
        return parse_names(cursor, out, "a loop", false);
    }
    if (word == "gpu_blocks" || word == "gpu_threads") {
        out.kind = word == "gpu_blocks" ? Kind::gpu_blocks : Kind::gpu_threads;
        return parse_gpu(cursor, out, word, 3);
    }
    if (word == "gpu_lanes") {
        out.kind = Kind::gpu_lanes;
        return parse_gpu(cursor, out, word, 1);
    }
    if (word == "layout") {
        out.kind = Kind::layout;
        return parse_names(cursor, out, "a dim", false);
    }
    if (word == "compute") {
        return parse_compute(cursor, out);
    }
    if (word == "store") {
        return parse_store(cursor, out);
    }
    if (word == "like") {
        out.kind = Kind::like;
        return parse_like(cursor, out);
    }
    if (word == "use") {
        out.kind = Kind::use;
        return parse_use(cursor, out);
    }
    return parse_unknown(cursor, first);
}

} // namespace

bool parse_directive(Cursor& cursor, Directive& out) {
    if (!cursor.is(Token::Kind::word)) {
        return cursor.expected("a directive", fmt::format("the directives are {}", quoted_list(directive_words(), 24)));
    }
    const Token first = cursor.take();
    out.keyword = first.span;
    if (!parse_body(cursor, out, first)) {
        return false;
    }
    out.span = cursor.since(first);
    return true;
}

} // namespace coulter::schedule
