#pragma once
/// Text for pages.

#include <string>
#include <string_view>

namespace coulter::cli {

/// As text or as the value of an attribute in double quotes. Control characters that XML does not know become blanks.
[[nodiscard]] std::string escaped(std::string_view text);

/// `12.3 MB`, `512 B`
[[nodiscard]] std::string bytes_text(double bytes);

/// Text with a number before each line, from 1 on.
[[nodiscard]] std::string numbered(std::string_view text);

} // namespace coulter::cli
