#pragma once
/// Reads and writes JSON. The functions of the library are templates that take a compiler seconds, so they are called
/// here alone.

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace coulter::tune {

/// What `text` says; it `is_discarded()` where the text is no JSON.
[[nodiscard]] nlohmann::ordered_json parse_json(std::string_view text);

/// One line without spaces, or indented by `indent`. What is no UTF-8, a path perhaps, becomes U+FFFD.
[[nodiscard]] std::string print_json(const nlohmann::ordered_json& json, int indent = -1);

} // namespace coulter::tune
