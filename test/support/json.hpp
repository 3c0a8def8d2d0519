#pragma once
/// Reads JSON. The parser is a template that takes a compiler seconds: it is called here alone.

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace coulter::test {

/// \throws nlohmann::json::exception
[[nodiscard]] nlohmann::json parse_json(const std::string& text);

/// What a file says. \throws std::runtime_error where it cannot be read, nlohmann::json::exception.
[[nodiscard]] nlohmann::json read_json(const std::string& path);

} // namespace coulter::test
