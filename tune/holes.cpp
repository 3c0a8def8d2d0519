#include "coulter/tune/holes.hpp"

#include "coulter/schedule/syntax.hpp"

#include <algorithm>
#include <cctype>

namespace coulter::tune {
namespace {

using schedule::Statement;

const std::string mark = "# tuned: ";

std::vector<std::size_t> line_starts(const std::string& text) {
    std::vector<std::size_t> starts{0};
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\n') {
            starts.push_back(i + 1);
        }
    }
    return starts;
}

bool is_provenance(const std::string& line) {
    const std::size_t first = line.find_first_not_of(" \t");
    return first != std::string::npos && line.compare(first, mark.size() - 1, mark, 0, mark.size() - 1) == 0;
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        lines.push_back(text.substr(at, end - at));
        at = end;
    }
    return lines;
}

} // namespace

namespace {

/// The `tune` lines in force, in the order in which they stand in the file.
std::vector<Statement> lines_in_force(const std::vector<Statement>& statements, const HoleScope& scope) {
    std::vector<Statement> lines;
    const auto add = [&](const Statement& each) {
        if (each.kind == Statement::Kind::tune && scope.wanted(each.stage.text)) {
            std::erase_if(lines, [&](const Statement& other) { return other.stage.text == each.stage.text; });
            lines.push_back(each);
        }
    };
    std::ranges::for_each(statements, add);
    for (const Statement& each : statements) {
        if (each.kind == Statement::Kind::variant && each.stage.text == scope.variant) {
            std::ranges::for_each(each.body, add);
        }
    }
    std::ranges::stable_sort(lines, {},
                             [](const Statement& each) { return std::pair(each.span.line, each.span.column); });
    return lines;
}

} // namespace

HoleSpace::HoleSpace(std::string text, const std::string& path, const HoleScope& scope) : text_(std::move(text)) {
    const std::vector<std::size_t> starts = line_starts(text_);
    const schedule::SyntaxResult parsed = schedule::parse_schedule(text_, path);
    for (const Statement& statement : lines_in_force(parsed.file.statements, scope)) {
        std::vector<std::int64_t> values;
        for (const schedule::Number& each : statement.domain) {
            values.push_back(each.value);
        }
        // Ascending, whatever the order in the file: then neighbours act alike.
        std::ranges::sort(values);
        values.erase(std::unique(values.begin(), values.end()), values.end());
        Choice choice{statement.stage.text, {}, 0, true};
        for (std::size_t i = 0; i < values.size(); ++i) {
            choice.domain.push_back(std::to_string(values[i]));
            choice.initial = values[i] == statement.value.value ? i : choice.initial;
        }
        choices_.push_back(std::move(choice));
        const Span& span = statement.value.span;
        Place place{starts[static_cast<std::size_t>(span.line) - 1] + static_cast<std::size_t>(span.column) - 1, 0};
        while (place.offset + place.length < text_.size() &&
               std::isdigit(static_cast<unsigned char>(text_[place.offset + place.length])) != 0) {
            ++place.length;
        }
        places_.push_back(place);
    }
    restore_first_values(scope.label);
}

void HoleSpace::restore_first_values(const std::string& label) {
    std::vector<std::size_t> first;
    for (const std::string& line : lines_of(text_)) {
        if (!is_provenance(line) || !first.empty() || line.find(' ' + label) == std::string::npos) {
            continue;
        }
        for (const Choice& choice : choices_) {
            // What was changed by hand since, or has another domain now, counts as it stands.
            const std::string start = choice.name + " = " + choice.domain[choice.initial] + " (was ";
            std::size_t at = line.find(' ' + start);
            at = at == std::string::npos ? at : at + 1 + start.size();
            const std::string was = at == std::string::npos ? "" : line.substr(at, line.find(')', at) - at);
            const auto value = std::ranges::find(choice.domain, was);
            if (value == choice.domain.end()) {
                first.clear();
                break;
            }
            first.push_back(static_cast<std::size_t>(value - choice.domain.begin()));
        }
    }
    for (std::size_t i = 0; i < first.size(); ++i) {
        choices_[i].initial = first[i];
    }
}

std::string HoleSpace::summary(const Assignment& assignment) const {
    std::string text;
    for (std::size_t i = 0; i < choices_.size(); ++i) {
        const Choice& choice = choices_[i];
        text += (text.empty() ? "" : ", ") + choice.name + " = " + choice.domain[assignment[i]] + " (was " +
                choice.domain[choice.initial] + ")";
    }
    return text;
}

std::string HoleSpace::schedule_text(const Assignment& assignment) const {
    std::string filled;
    std::size_t done = 0;
    for (std::size_t i = 0; i < places_.size(); ++i) {
        filled.append(text_, done, places_[i].offset - done);
        filled += choices_[i].domain[assignment[i]];
        done = places_[i].offset + places_[i].length;
    }
    return filled.append(text_, done);
}

std::string with_provenance(const std::string& text, const std::vector<std::string>& lines) {
    std::string kept;
    for (const std::string& line : lines_of(text)) {
        kept += is_provenance(line) ? "" : line;
    }
    const schedule::SyntaxResult parsed = schedule::parse_schedule(kept, {});
    const auto hole = std::ranges::find(parsed.file.statements, Statement::Kind::tune, &Statement::kind);
    std::size_t at = 0;
    if (hole != parsed.file.statements.end()) {
        at = line_starts(kept)[static_cast<std::size_t>(hole->span.line) - 1];
    }
    std::string told;
    for (const std::string& line : lines) {
        told += mark + line + '\n';
    }
    return kept.insert(at, told);
}

} // namespace coulter::tune
