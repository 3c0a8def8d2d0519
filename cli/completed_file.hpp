#pragma once
/// A schedule file to which a section is added: what it says itself stays, and what was added stands at its end.

#include <cstdint>
#include <string>
#include <vector>

namespace coulter::cli {

enum class Section : std::uint8_t {
    completed, ///< stages that the file leaves out
    variants   ///< values of its holes for classes of sizes
};

/// `own` with `lines` below it, under a line that says what they are. `lines` are whole.
[[nodiscard]] std::string with_section(const std::string& own, Section section, const std::string& lines);

/// What `text` says itself: without what with_section() added last, where that is such a section and was not edited
/// since, for what was edited is the author's.
[[nodiscard]] std::string without_section(const std::string& text, Section section);

/// Where what `text` says itself ends: before the first section, edited or not.
[[nodiscard]] std::size_t end_of_own(const std::string& text);

/// `text`, which is `before` with values changed: sections that nobody had edited count as such still.
[[nodiscard]] std::string with_sections_of(const std::string& before, const std::string& text);

[[nodiscard]] inline std::string with_completion(const std::string& own, const std::string& completion) {
    return with_section(own, Section::completed, completion);
}
[[nodiscard]] inline std::string without_completion(const std::string& text) {
    return without_section(text, Section::completed);
}

/// Whether `output` is the highest of the layers, which then is completed itself.
/// \throws Failure where it is a lower one: what completes all of them may need what a higher one makes.
[[nodiscard]] bool is_in_place(const std::vector<std::string>& layers, const std::string& output);

} // namespace coulter::cli
