#include "completed_file.hpp"

#include "command.hpp"
#include "coulter/fingerprint.hpp"

#include <algorithm>
#include <filesystem>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

// The line tells the fingerprint of all below it, so that a line that was edited is not taken for a machine's.
std::string mark_of(Section section) {
    return section == Section::completed ? "# completed " : "# variants ";
}

std::string heading_of(Section section, const std::string& lines) {
    return fmt::format("{}{}: {}; written anew while nobody edits them\n", mark_of(section), sha256(lines).substr(0, 8),
                       section == Section::completed ? "stages that the lines above leave out"
                                                     : "values of the holes above for other sizes");
}

} // namespace

std::string with_section(const std::string& own, Section section, const std::string& lines) {
    const char* const gap = own.empty() || own.ends_with('\n') ? "" : "\n";
    return fmt::format("{}{}\n{}{}", own, gap, heading_of(section, lines), lines);
}

std::string without_section(const std::string& text, Section section) {
    const std::size_t at = text.rfind("\n\n" + mark_of(section));
    if (at == std::string::npos) {
        return text;
    }
    const std::size_t line = at + 2;
    const std::size_t end = text.find('\n', line);
    const std::string lines = end == std::string::npos ? "" : text.substr(end + 1);
    const bool untouched = end != std::string::npos && text.substr(line, end + 1 - line) == heading_of(section, lines);
    return untouched ? text.substr(0, at + 1) : text;
}

std::size_t end_of_own(const std::string& text) {
    std::size_t end = text.size();
    for (const Section section : {Section::variants, Section::completed}) {
        const std::size_t at = text.rfind("\n\n" + mark_of(section));
        end = at == std::string::npos ? end : std::min(end, at + 1);
    }
    return end;
}

std::string with_sections_of(const std::string& before, const std::string& text) {
    for (const Section section : {Section::variants, Section::completed}) {
        const std::string less = without_section(before, section);
        const std::size_t at = text.rfind("\n\n" + mark_of(section));
        if (less != before && at != std::string::npos) {
            // There may be one of the other kind above.
            return with_section(with_sections_of(less, text.substr(0, at + 1)), section,
                                text.substr(text.find('\n', at + 2) + 1));
        }
    }
    return text;
}

bool is_in_place(const std::vector<std::string>& layers, const std::string& output) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
        std::error_code none;
        if (layers[i] != output && !std::filesystem::equivalent(layers[i], output, none)) {
            continue;
        }
        if (i + 1 < layers.size()) {
            throw Failure(usage,
                          fmt::format("error: `{}` is below `{}`, and only the highest file is completed in place\n"
                                      "help: -o {}, or another name\n",
                                      output, layers.back(), layers.back()));
        }
        return true;
    }
    return false;
}

} // namespace coulter::cli
