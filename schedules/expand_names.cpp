#include "expand_names.hpp"

#include <algorithm>
#include <charconv>

namespace coulter::schedule {

bool is_pattern(std::string_view name) {
    return name.find('*') != std::string_view::npos;
}

namespace detail {
namespace {

std::vector<std::string_view> segments(std::string_view name) {
    std::vector<std::string_view> found;
    while (true) {
        const std::size_t dot = name.find('.');
        found.push_back(name.substr(0, dot));
        if (dot == std::string_view::npos) {
            return found;
        }
        name.remove_prefix(dot + 1);
    }
}

/// A segment in its parts: `mu[*+1]` is `mu` and `*+1`.
struct Segment {
    std::string_view stem;
    std::optional<std::string_view> index;
};

Segment parts(std::string_view segment) {
    const std::size_t open = segment.find('[');
    if (open == std::string_view::npos || !segment.ends_with(']')) {
        return {segment, std::nullopt};
    }
    return {segment.substr(0, open), segment.substr(open + 1, segment.size() - open - 2)};
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t value = 0;
    if (text.starts_with('+')) {
        text.remove_prefix(1);
    }
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// The offset of `*`, `*+1`, `*-1`.
std::int64_t offset(std::string_view index) {
    return index.size() > 1 ? number(index.substr(1)).value_or(0) : 0;
}

bool match_segment(std::string_view pattern, std::string_view name, Captures& captures) {
    const Segment want = parts(pattern);
    const Segment have = parts(name);
    if (!want.index || !want.index->starts_with('*')) {
        return pattern == name;
    }
    const std::int64_t index = have.index ? number(*have.index).value_or(-1) : -1;
    if (want.stem != have.stem || index < 0 || index < offset(*want.index)) {
        return false;
    }
    captures.indices.push_back(index - offset(*want.index));
    return true;
}

} // namespace

std::optional<Captures> match(std::string_view pattern, std::string_view name) {
    if (!is_pattern(pattern)) {
        return pattern == name ? std::optional(Captures{}) : std::nullopt;
    }
    if (name.ends_with(".init") && !pattern.ends_with(".init")) {
        return std::nullopt;
    }
    const std::vector<std::string_view> want = segments(pattern);
    const std::vector<std::string_view> have = segments(name);
    Captures captures;
    for (std::size_t i = 0; i < want.size(); ++i) {
        const bool last = i + 1 == want.size();
        if (i >= have.size()) {
            return std::nullopt;
        }
        if (want[i] == "*" && !last) {
            captures.texts.emplace_back(have[i]);
        } else if (last && want[i].ends_with('*')) {
            // To the end of the name.
            std::string_view rest = name.substr(static_cast<std::size_t>(have[i].data() - name.data()));
            const std::string_view stem = want[i].substr(0, want[i].size() - 1);
            if (!rest.starts_with(stem) || rest.size() == stem.size()) {
                return std::nullopt;
            }
            captures.texts.emplace_back(rest.substr(stem.size()));
            return captures;
        } else if (!match_segment(want[i], have[i], captures)) {
            return std::nullopt;
        }
    }
    return want.size() == have.size() ? std::optional(captures) : std::nullopt;
}

std::optional<std::string> fill(std::string_view pattern, const Captures& captures) {
    std::string out;
    std::size_t index = 0;
    std::size_t text = 0;
    for (const std::string_view segment : segments(pattern)) {
        out += out.empty() ? "" : ".";
        const Segment want = parts(segment);
        if (want.index && want.index->starts_with('*')) {
            if (index >= captures.indices.size() || captures.indices[index] + offset(*want.index) < 0) {
                return std::nullopt;
            }
            out += std::string(want.stem) + '[' + std::to_string(captures.indices[index++] + offset(*want.index)) + ']';
        } else if (segment.ends_with('*')) {
            if (text >= captures.texts.size()) {
                return std::nullopt;
            }
            out += std::string(segment.substr(0, segment.size() - 1)) + captures.texts[text++];
        } else {
            out += segment;
        }
    }
    return out;
}

std::string substitute(std::string_view name, const std::map<std::string, std::string>& arguments) {
    std::string out;
    bool first = true;
    for (const std::string_view segment : segments(name)) {
        const Segment have = parts(segment);
        const auto argument = first ? arguments.find(std::string(have.stem)) : arguments.end();
        out += first ? "" : ".";
        out += argument == arguments.end() ? std::string(have.stem) : argument->second;
        if (have.index) {
            const auto index = arguments.find(std::string(*have.index));
            out += '[' + (index == arguments.end() ? std::string(*have.index) : index->second) + ']';
        }
        first = false;
    }
    return out;
}

} // namespace detail
} // namespace coulter::schedule
