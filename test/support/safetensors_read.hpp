#pragma once
/// Reads goldens, which a script of ours wrote. Not for files from elsewhere: it trusts what it reads.

#include "coulter/array.hpp"

#include <map>
#include <string>

namespace coulter::test {

/// All tensors of a .safetensors file by name. \throws std::runtime_error, nlohmann::json::exception.
[[nodiscard]] std::map<std::string, Array> read_safetensors(const std::string& path);

} // namespace coulter::test
