#pragma once
/// Texts and regular expressions in the syntax of ECMAScript. <regex> takes a compiler seconds: it is read here alone
/// where a test wants no more than this.

#include <string>

namespace coulter::test {

/// Whether a part of `text` matches.
[[nodiscard]] bool has_match(const std::string& text, const std::string& pattern);

/// `text` with `with` in place of all that matches; `$1` in it stands for the first group.
[[nodiscard]] std::string replace_matches(const std::string& text, const std::string& pattern, const std::string& with);

} // namespace coulter::test
