#include "coulter/diagnostic.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter {
namespace {

std::string place(const Span& span) {
    if (span.file.empty()) {
        return {};
    }
    std::string text = span.file;
    if (span.line > 0) {
        text += fmt::format(":{}", span.line);
        if (span.column > 0) {
            text += fmt::format(":{}", span.column);
        }
    }
    return text + ": ";
}

std::string_view source_line(std::string_view source, int line) {
    for (int i = 1; i < line; ++i) {
        const auto end = source.find('\n');
        if (end == std::string_view::npos) {
            return {};
        }
        source.remove_prefix(end + 1);
    }
    source = source.substr(0, source.find('\n'));
    return source.ends_with('\r') ? source.substr(0, source.size() - 1) : source;
}

// Control bytes of hostile input must not reach a terminal, and columns must stay aligned with the caret.
std::string printable(std::string_view line) {
    std::string text(line);
    for (char& c : text) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            c = ' ';
        }
    }
    return text;
}

std::string caret(const Span& span, std::string_view source) {
    const std::string_view whole = source_line(source, span.line);
    if (span.column <= 0 || whole.empty() || whole.size() > 400) {
        return {};
    }
    const auto column = static_cast<std::size_t>(span.column - 1);
    const auto room = whole.size() > column ? whole.size() - column : 1;
    const auto length = std::clamp<std::size_t>(static_cast<std::size_t>(std::max(span.length, 1)), 1, room);
    const std::string number = fmt::format("{:>5}", span.line);
    return fmt::format("{} | {}\n{:>5} | {:{}}{:^<{}}\n", number, printable(whole), "", "", column, "^", length);
}

std::string quote_json(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            out += fmt::format("\\u{:04x}", static_cast<int>(c));
        } else {
            out += c;
        }
    }
    return out + '"';
}

std::string json_span(const Span& span) {
    return fmt::format(R"("file":{},"line":{},"column":{},"length":{})", quote_json(span.file), span.line, span.column,
                       span.length);
}

std::string joined(const std::vector<Diagnostic>& diagnostics) {
    std::string text;
    for (const Diagnostic& diagnostic : diagnostics) {
        text += render(diagnostic);
    }
    return text;
}

} // namespace

std::string render(const Diagnostic& diagnostic, std::string_view source) {
    std::string text = place(diagnostic.span);
    text += diagnostic.severity == Severity::error ? "error: " : "warning: ";
    text += diagnostic.message;
    if (!diagnostic.code.empty()) {
        text += fmt::format(" [{}]", diagnostic.code);
    }
    text += '\n';
    text += caret(diagnostic.span, source);
    for (const Note& note : diagnostic.notes) {
        text += fmt::format("{}note: {}\n", place(note.span), note.text);
        if (note.span.file == diagnostic.span.file) {
            text += caret(note.span, source);
        }
    }
    if (!diagnostic.help.empty()) {
        text += fmt::format("help: {}\n", diagnostic.help);
    }
    return text;
}

std::string to_json(const Diagnostic& diagnostic) {
    std::string notes;
    for (const Note& note : diagnostic.notes) {
        notes += fmt::format("{}{{{},\"text\":{}}}", notes.empty() ? "" : ",", json_span(note.span),
                             quote_json(note.text));
    }
    return fmt::format(R"({{"severity":"{}","code":{},{},"message":{},"notes":[{}],"help":{}}})",
                       diagnostic.severity == Severity::error ? "error" : "warning", quote_json(diagnostic.code),
                       json_span(diagnostic.span), quote_json(diagnostic.message), notes, quote_json(diagnostic.help));
}

LanguageError::LanguageError(std::vector<Diagnostic> diagnostics)
    : std::runtime_error(joined(diagnostics)), diagnostics_(std::move(diagnostics)) {}

InternalError::InternalError(const char* file, int line, const char* condition)
    : std::logic_error(fmt::format("internal error at {}:{}: `{}` does not hold; please report it with the input "
                                   "that led here",
                                   std::string_view(file).substr(std::string_view(file).rfind('/') + 1), line,
                                   condition)) {}

std::string closest_match(std::string_view given, const std::vector<std::string>& candidates) {
    // Damerau-Levenshtein distance restricted to adjacent transpositions.
    const auto distance = [](std::string_view a, std::string_view b) {
        std::vector<std::vector<std::size_t>> d(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
        for (std::size_t i = 0; i <= a.size(); ++i) {
            for (std::size_t j = 0; j <= b.size(); ++j) {
                if (i == 0 || j == 0) {
                    d[i][j] = i + j;
                    continue;
                }
                d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                    d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
                }
            }
        }
        return d[a.size()][b.size()];
    };
    if (given.empty() || given.size() > 64) {
        return {};
    }
    std::string best;
    std::size_t best_distance = std::max<std::size_t>(1, given.size() / 3) + 1;
    for (const std::string& candidate : candidates) {
        if (candidate.size() <= 64 && candidate != given) {
            if (const std::size_t d = distance(given, candidate); d < best_distance) {
                best_distance = d;
                best = candidate;
            }
        }
    }
    return best;
}

std::string quoted_list(const std::vector<std::string>& names, std::size_t most) {
    if (names.empty()) {
        return "none";
    }
    const std::size_t shown = std::min(names.size(), most);
    std::string text;
    for (std::size_t i = 0; i < shown; ++i) {
        const bool last = i + 1 == shown && shown == names.size();
        text += i == 0 ? "" : last ? " and " : ", ";
        text += fmt::format("`{}`", names[i]);
    }
    return shown == names.size() ? text : text + fmt::format(" and {} more", names.size() - shown);
}

} // namespace coulter
