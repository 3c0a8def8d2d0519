#pragma once
/// The vocabulary: words of statements and directives, words of later issues, and Halide's spellings.

#include <string>
#include <string_view>
#include <vector>

namespace coulter::schedule {

/// First words of the statements at the top of a file.
[[nodiscard]] const std::vector<std::string>& statement_words();
/// First words of directives inside a block.
[[nodiscard]] const std::vector<std::string>& directive_words();
/// What may follow `stage NEW =`.
[[nodiscard]] const std::vector<std::string>& rewrite_words();

/// What a word of a later issue will do, or an empty view: `macro`, `like`, `gpu_blocks`, ...
[[nodiscard]] std::string_view planned_word(std::string_view word);

/// How this language says what Halide calls `word`, or an empty view: "write `compute at STAGE/LOOP`".
[[nodiscard]] std::string_view halide_spelling(std::string_view word);

} // namespace coulter::schedule
