#pragma once

/// \file
/// NumPy's .npy files, versions 1 to 3.
///
/// Read and written: little-endian bool, i8 to i64, u8 to u64, f16, f32, f64. Arrays in Fortran order are brought into
/// C order when they are read. Refused with a FormatError: big endian, complex, strings, structures, objects; bf16, for
/// which NumPy has no name. Malformed input is refused before memory is taken for it.

#include <cstddef>
#include <filesystem>
#include <span>
#include <vector>

#include "coulter/file_array.hpp"

namespace coulter {

/// \throws FormatError with the position, Error with COULTER_ERROR_FILE.
FileArray read_npy(const std::filesystem::path& path);
/// The same from memory. The bytes are a whole file.
FileArray parse_npy(std::span<const std::byte> bytes);

/// Writes a file beside `path` and renames it, so that readers see the old contents or the new.
/// \throws FormatError for a type that .npy does not have or data of another size than the shape's; Error with
/// COULTER_ERROR_FILE.
void write_npy(const std::filesystem::path& path, const FileArray& array);
std::vector<std::byte> format_npy(const FileArray& array);

} // namespace coulter
