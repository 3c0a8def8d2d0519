#pragma once

/// \file
/// safetensors files: named tensors behind a JSON header.
///
/// Read and written: bool, i8 to i64, u8 to u64, f16, bf16, f32, f64. As the format demands, the tensors of a file
/// cover its data without gaps and overlaps, names are distinct, and the header has at most 100,000,000 bytes.
/// Malformed input is refused before memory is taken for it.

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "coulter/file_array.hpp"

namespace coulter {

struct Safetensors {
    std::map<std::string, FileArray> tensors;
    std::map<std::string, std::string> metadata;
};

/// \throws FormatError with the position, Error with COULTER_ERROR_FILE.
Safetensors read_safetensors(const std::filesystem::path& path);
/// The same from memory. The bytes are a whole file.
Safetensors parse_safetensors(std::span<const std::byte> bytes);

/// Writes a file beside `path` and renames it, so that readers see the old contents or the new. Each tensor's data is
/// aligned to its element. The same input gives the same bytes.
/// \throws FormatError for an unsupported type, a name that is not UTF-8, or data of another size than the shape's;
/// Error with COULTER_ERROR_FILE.
void write_safetensors(const std::filesystem::path& path, const Safetensors& file);
std::vector<std::byte> format_safetensors(const Safetensors& file);

} // namespace coulter
