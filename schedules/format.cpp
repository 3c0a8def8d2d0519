#include "coulter/schedule/syntax.hpp"

#include <algorithm>
#include <fmt/core.h>

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

std::string shown(const Number& number) {
    return number.symbol.empty() ? std::to_string(number.value) : number.symbol;
}

std::string joined(const std::vector<Number>& numbers) {
    std::string text;
    for (const Number& number : numbers) {
        text += (text.empty() ? "" : " ") + shown(number);
    }
    return text;
}

std::string place(const PlaceSyntax& place) {
    return place.is_root()           ? "root"
           : place.loop.text.empty() ? place.stage.text
                                     : fmt::format("{}/{}", place.stage.text, place.loop.text);
}

std::string arguments(const std::vector<Argument>& arguments) {
    std::string text;
    for (const Argument& each : arguments) {
        text += text.empty() ? "(" : ", ";
        text += each.number ? shown(*each.number) : each.place ? place(*each.place) : each.name.text;
    }
    return text.empty() ? "" : text + ")";
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
    case Statement::Kind::block:
        return fmt::format("{}stage {}{}{}", s.extend ? "extend " : "", s.stage.text,
                           s.stamp.empty() ? "" : " @" + s.stamp, s.skip_missing ? " skip missing" : "");
    case Statement::Kind::pack: {
        std::string text = fmt::format("stage {} = pack {} by", s.stage.text, s.source.text);
        for (const PackBy& by : s.by) {
            text += fmt::format(" {} {}", by.dim.text, shown(by.factor));
        }
        return text + (s.once ? " once" : " per call");
    }
    case Statement::Kind::copy:
        return fmt::format("stage {} = copy {} for {}{}", s.stage.text, s.source.text, s.target.text, placed(s));
    case Statement::Kind::accumulate:
        return fmt::format("stage {} = accumulate {}{}", s.stage.text, s.source.text, placed(s));
    case Statement::Kind::rfactor:
        return fmt::format("rfactor {}: {} as {}", s.stage.text, s.source.text, s.target.text);
    case Statement::Kind::chunk:
        return fmt::format("stage {} = chunk {} by {} {}", s.stage.text, s.source.text, s.by.front().dim.text,
                           shown(s.by.front().factor));
    case Statement::Kind::join: return fmt::format("stage {} = join {}{}", s.stage.text, joined(s.names), placed(s));
    case Statement::Kind::clone:
        return fmt::format("clone {} for {} as {}", s.source.text, joined(s.names), s.stage.text);
    case Statement::Kind::drop: return "drop " + s.stage.text;
    case Statement::Kind::include: return "include " + s.source.text;
    case Statement::Kind::macro: return fmt::format("macro {}({})", s.stage.text, joined(s.names, ", "));
    case Statement::Kind::use: return fmt::format("use {}{}", s.stage.text, arguments(s.arguments));
    case Statement::Kind::tune: {
        std::string domain;
        for (const Number& each : s.domain) {
            domain += (domain.empty() ? "" : ", ") + shown(each);
        }
        return fmt::format("tune {} in {{{}}} = {}", s.stage.text, domain, s.value.value);
    }
    case Statement::Kind::require:
        return s.limited == Limited::stage ? fmt::format("require {} not stored", s.stage.text)
                                           : fmt::format("require {} <= {} {}", name(s.limited), s.value.value, s.unit);
    case Statement::Kind::variant: return fmt::format("variant {} when {}", s.stage.text, format(s.condition));
    }
    return {};
}

bool is_block(const Statement& s) {
    return s.kind == Statement::Kind::block || (s.kind == Statement::Kind::macro && s.body.empty());
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

// Bodies hold blocks, so this goes two deep.
void put(std::string& out, const Statement& statement, const std::string& indent = {}) {
    put_lines(out, statement.trivia.before, indent);
    out += indent;
    if (statement.kind == Statement::Kind::variant || !statement.body.empty()) {
        out += head(statement) + " {" + after(statement.open_comment);
        for (const Statement& inner : statement.body) {
            put(out, inner, indent + "    ");
        }
        put_lines(out, statement.block_trailing, indent + "    ");
        out += indent + "}" + after(statement.trivia.after);
        return;
    }
    if (!is_block(statement)) {
        out += head(statement) + after(statement.trivia.after);
        return;
    }
    if ((statement.one_line || statement.directives.empty()) && !has_comments(statement)) {
        if (const std::string line = one_line(statement); indent.size() + line.size() <= line_limit) {
            out += line + after(statement.trivia.after);
            return;
        }
    }
    out += head(statement) + " {" + after(statement.open_comment);
    for (const Directive& directive : statement.directives) {
        put_lines(out, directive.trivia.before, indent + "    ");
        out += indent + "    " + format(directive) + after(directive.trivia.after);
    }
    put_lines(out, statement.block_trailing, indent + "    ");
    out += indent + "}" + after(statement.trivia.after);
}

// Without what only a reader sees.
Statement bare(Statement statement) {
    statement.trivia = {};
    statement.open_comment.clear();
    statement.block_trailing.clear();
    statement.one_line = false;
    for (Directive& directive : statement.directives) {
        directive.trivia = {};
    }
    for (Statement& inner : statement.body) {
        inner = bare(std::move(inner));
    }
    return statement;
}

bool same_names(const std::vector<Name>& a, const std::vector<Name>& b) {
    return std::ranges::equal(a, b, {}, &Name::text, &Name::text);
}

bool same_number(const Number& a, const Number& b) {
    return a.value == b.value && a.symbol == b.symbol;
}

bool same_place(const PlaceSyntax& a, const PlaceSyntax& b) {
    return a.stage.text == b.stage.text && a.loop.text == b.loop.text;
}

template <class T, class Same>
bool same_optional(const std::optional<T>& a, const std::optional<T>& b, const Same& same) {
    return a.has_value() == b.has_value() && (!a || same(*a, *b));
}

bool same_argument(const Argument& a, const Argument& b) {
    return a.name.text == b.name.text && same_optional(a.number, b.number, same_number) &&
           same_optional(a.place, b.place, same_place);
}

bool same_directive(const Directive& a, const Directive& b) {
    return a.kind == b.kind && same_names(a.loops, b.loops) && same_names(a.as, b.as) && a.tail == b.tail &&
           a.memory == b.memory && same_place(a.place, b.place) && a.skip_missing == b.skip_missing &&
           std::ranges::equal(a.arguments, b.arguments, same_argument) &&
           std::ranges::equal(a.factors, b.factors, same_number);
}

bool same_statement(const Statement& a, const Statement& b) {
    const auto same_by = [](const PackBy& x, const PackBy& y) {
        return x.dim.text == y.dim.text && same_number(x.factor, y.factor);
    };
    const auto same_node = [](const ConditionNode& x, const ConditionNode& y) {
        return x.kind == y.kind && x.op == y.op && x.value == y.value && x.name.text == y.name.text && x.a == y.a &&
               x.b == y.b;
    };
    return a.kind == b.kind && same_names(a.patterns, b.patterns) && a.numerics == b.numerics &&
           a.stage.text == b.stage.text && a.stamp == b.stamp && a.source.text == b.source.text &&
           a.target.text == b.target.text && a.once == b.once && a.memory == b.memory && a.extend == b.extend &&
           a.skip_missing == b.skip_missing && a.limited == b.limited && a.unit == b.unit &&
           same_names(a.names, b.names) && same_number(a.value, b.value) && same_optional(a.at, b.at, same_place) &&
           std::ranges::equal(a.by, b.by, same_by) && std::ranges::equal(a.arguments, b.arguments, same_argument) &&
           std::ranges::equal(a.domain, b.domain, same_number) &&
           std::ranges::equal(a.condition, b.condition, same_node) &&
           std::ranges::equal(a.directives, b.directives, same_directive) &&
           std::ranges::equal(a.body, b.body, same_statement);
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
    case Kind::like: return fmt::format("like {}{}", loops, d.skip_missing ? " skip missing" : "");
    case Kind::use: return fmt::format("use {}{}", loops, arguments(d.arguments));
    case Kind::tile:
    case Kind::fuse:
    case Kind::reorder:
    case Kind::vectorize:
    case Kind::unroll:
    case Kind::parallel:
    case Kind::serial:
    case Kind::gpu_blocks:
    case Kind::gpu_threads:
    case Kind::gpu_lanes:
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
    for (const Statement& statement : file.statements) {
        put(out, bare(statement));
    }
    return out;
}

bool equal(const ScheduleFile& a, const ScheduleFile& b) {
    return std::ranges::equal(a.statements, b.statements, same_statement);
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
    case Kind::gpu_blocks: return "gpu_blocks";
    case Kind::gpu_threads: return "gpu_threads";
    case Kind::gpu_lanes: return "gpu_lanes";
    case Kind::compute_at: return "compute at";
    case Kind::compute_root: return "compute root";
    case Kind::compute_inline: return "compute inline";
    case Kind::store_at: return "store at";
    case Kind::store_root: return "store root";
    case Kind::store_in: return "store in";
    case Kind::layout: return "layout";
    case Kind::like: return "like";
    case Kind::use: return "use";
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
    case Memory::shared: return "shared";
    }
    return {};
}

std::string_view name(Limited limited) {
    switch (limited) {
    case Limited::stage: return "stage";
    case Limited::memory: return "memory";
    case Limited::shared: return "shared";
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
