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

} // namespace

HoleSpace::HoleSpace(std::string text, const std::string& path) : text_(std::move(text)) {
    const std::vector<std::size_t> starts = line_starts(text_);
    for (const Statement& statement : schedule::parse_schedule(text_, path).file.statements) {
        if (statement.kind != Statement::Kind::tune) {
            continue;
        }
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
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size() - 1) + 1;
        const std::string line = text.substr(at, end - at);
        kept += is_provenance(line) ? "" : line;
        at = end;
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
