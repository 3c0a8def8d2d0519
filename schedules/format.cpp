#include "coulter/schedule/syntax.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

constexpr std::size_t line_limit = 120;

std::string joined(const std::vector<Name>& names, std::string_view separator = " ") {
    std::string text;
    for (const Name& name : names) {
        text += text.empty() ? "" : separator;
        text += name.text;
    }
    return text;
}

std::string joined(const std::vector<Number>& numbers) {
    std::string text;
    for (const Number& number : numbers) {
        text += fmt::format("{}{}", text.empty() ? "" : " ", number.value);
    }
    return text;
}

std::string place(const PlaceSyntax& place) {
    return place.is_root() ? "root" : fmt::format("{}/{}", place.stage.text, place.loop.text);
}

std::string placed(const Statement& statement) {
    std::string text;
    if (statement.at) {
        text += " at " + place(*statement.at);
    }
    if (statement.memory) {
        text += fmt::format(" in {}", name(*statement.memory));
    }
    return text;
}

// Without the block's directives.
std::string head(const Statement& s) {
    switch (s.kind) {
    case Statement::Kind::schedule: return "schedule " + joined(s.patterns, ", ");
    case Statement::Kind::target: return "target " + joined(s.patterns);
    case Statement::Kind::numerics: return fmt::format("numerics {}", name(s.numerics));
    case Statement::Kind::block: return fmt::format("stage {}{}", s.stage.text, s.stamp.empty() ? "" : " @" + s.stamp);
    case Statement::Kind::pack: {
        std::string text = fmt::format("stage {} = pack {} by", s.stage.text, s.source.text);
        for (const PackBy& by : s.by) {
            text += fmt::format(" {} {}", by.dim.text, by.factor.value);
        }
        return text + (s.once ? " once" : " per call");
    }
    case Statement::Kind::copy:
        return fmt::format("stage {} = copy {} for {}{}", s.stage.text, s.source.text, s.target.text, placed(s));
    case Statement::Kind::accumulate:
        return fmt::format("stage {} = accumulate {}{}", s.stage.text, s.source.text, placed(s));
    case Statement::Kind::rfactor:
        return fmt::format("rfactor {}: {} as {}", s.stage.text, s.source.text, s.target.text);
    }
    return {};
}

bool has_comments(const Statement& block) {
    return !block.open_comment.empty() || !block.block_trailing.empty() ||
           std::ranges::any_of(block.directives, [](const Directive& directive) {
               return !directive.trivia.before.empty() || !directive.trivia.after.empty();
           });
}

std::string one_line(const Statement& block) {
    std::string text;
    for (const Directive& directive : block.directives) {
        text += (text.empty() ? "" : "; ") + format(directive);
    }
    return text.empty() ? head(block) + " {}" : fmt::format("{} {{ {} }}", head(block), text);
}

std::string after(const std::string& comment) {
    return comment.empty() ? "\n" : "  " + comment + "\n";
}

void put_lines(std::string& out, const std::vector<std::string>& lines, std::string_view indent) {
    for (const std::string& line : lines) {
        if (!line.empty()) {
            out += indent;
            out += line;
        }
        out += '\n';
    }
}

void put(std::string& out, const Statement& statement) {
    put_lines(out, statement.trivia.before, "");
    if (statement.kind != Statement::Kind::block) {
        out += head(statement) + after(statement.trivia.after);
        return;
    }
    if ((statement.one_line || statement.directives.empty()) && !has_comments(statement)) {
        if (const std::string line = one_line(statement); line.size() <= line_limit) {
            out += line + after(statement.trivia.after);
            return;
        }
    }
    out += head(statement) + " {" + after(statement.open_comment);
    for (const Directive& directive : statement.directives) {
        put_lines(out, directive.trivia.before, "    ");
        out += "    " + format(directive) + after(directive.trivia.after);
    }
    put_lines(out, statement.block_trailing, "    ");
    out += "}" + after(statement.trivia.after);
}

bool equal(const std::vector<Name>& a, const std::vector<Name>& b) {
    return std::ranges::equal(a, b, {}, &Name::text, &Name::text);
}

} // namespace

std::string format(const Directive& d) {
    using Kind = Directive::Kind;
    const std::string loops = joined(d.loops);
    const std::string as = d.as.empty() ? "" : " as " + joined(d.as);
    const std::string by = d.factors.empty() ? "" : " by " + joined(d.factors);
    switch (d.kind) {
    case Kind::split:
        return fmt::format("split {}{}{}{}", loops, by, as, d.tail ? fmt::format(" tail {}", name(*d.tail)) : "");
    case Kind::compute_at:
    case Kind::store_at: return fmt::format("{} {}", name(d.kind), place(d.place));
    case Kind::compute_root:
    case Kind::compute_inline:
    case Kind::store_root: return std::string(name(d.kind));
    case Kind::store_in: return fmt::format("store in {}", name(d.memory));
    case Kind::tile:
    case Kind::fuse:
    case Kind::reorder:
    case Kind::vectorize:
    case Kind::unroll:
    case Kind::parallel:
    case Kind::serial:
    case Kind::layout: break;
    }
    return fmt::format("{} {}{}{}", name(d.kind), loops, by, as);
}

std::string format(const ScheduleFile& file) {
    std::string out;
    for (const Statement& statement : file.statements) {
        put(out, statement);
    }
    put_lines(out, file.trailing, "");
    return out;
}

std::string format_bare(const ScheduleFile& file) {
    std::string out;
    for (Statement statement : file.statements) {
        statement.trivia = {};
        statement.open_comment.clear();
        statement.block_trailing.clear();
        statement.one_line = false;
        for (Directive& directive : statement.directives) {
            directive.trivia = {};
        }
        put(out, statement);
    }
    return out;
}

bool equal(const ScheduleFile& a, const ScheduleFile& b) {
    const auto same_place = [](const PlaceSyntax& x, const PlaceSyntax& y) {
        return x.stage.text == y.stage.text && x.loop.text == y.loop.text;
    };
    const auto same_directive = [&](const Directive& x, const Directive& y) {
        return x.kind == y.kind && equal(x.loops, y.loops) && equal(x.as, y.as) && x.tail == y.tail &&
               x.memory == y.memory && same_place(x.place, y.place) &&
               std::ranges::equal(x.factors, y.factors, {}, &Number::value, &Number::value);
    };
    const auto same_by = [](const PackBy& x, const PackBy& y) {
        return x.dim.text == y.dim.text && x.factor.value == y.factor.value;
    };
    return std::ranges::equal(a.statements, b.statements, [&](const Statement& x, const Statement& y) {
        return x.kind == y.kind && equal(x.patterns, y.patterns) && x.numerics == y.numerics &&
               x.stage.text == y.stage.text && x.stamp == y.stamp && x.source.text == y.source.text &&
               x.target.text == y.target.text && x.once == y.once && x.memory == y.memory &&
               x.at.has_value() == y.at.has_value() && (!x.at || same_place(*x.at, *y.at)) &&
               std::ranges::equal(x.by, y.by, same_by) &&
               std::ranges::equal(x.directives, y.directives, same_directive);
    });
}

std::string_view name(Directive::Kind kind) {
    using Kind = Directive::Kind;
    switch (kind) {
    case Kind::split: return "split";
    case Kind::tile: return "tile";
    case Kind::fuse: return "fuse";
    case Kind::reorder: return "reorder";
    case Kind::vectorize: return "vectorize";
    case Kind::unroll: return "unroll";
    case Kind::parallel: return "parallel";
    case Kind::serial: return "serial";
    case Kind::compute_at: return "compute at";
    case Kind::compute_root: return "compute root";
    case Kind::compute_inline: return "compute inline";
    case Kind::store_at: return "store at";
    case Kind::store_root: return "store root";
    case Kind::store_in: return "store in";
    case Kind::layout: return "layout";
    }
    return {};
}

std::string_view name(Tail tail) {
    switch (tail) {
    case Tail::guard: return "guard";
    case Tail::predicate: return "predicate";
    case Tail::round_up: return "round_up";
    case Tail::shift: return "shift";
    }
    return {};
}

std::string_view name(Memory memory) {
    switch (memory) {
    case Memory::automatic: return "auto";
    case Memory::heap: return "heap";
    case Memory::stack: return "stack";
    case Memory::registers: return "registers";
    }
    return {};
}

std::string_view name(Numerics numerics) {
    switch (numerics) {
    case Numerics::exact: return "exact";
    case Numerics::reassociate: return "reassociate";
    case Numerics::fast: return "fast";
    }
    return {};
}

} // namespace coulter::schedule
