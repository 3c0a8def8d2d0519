#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "coulter/file_array.hpp"

namespace coulter::io {

/// The whole file. \throws Error with COULTER_ERROR_FILE.
std::vector<std::byte> read_file(const std::filesystem::path& path);

/// Writes to a new file in the same directory, flushes it to the disk and renames it. The new file is removed when any
/// of that fails. \throws Error with COULTER_ERROR_FILE.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::byte> bytes);

/// Bytes of a tensor, or nothing when they are beyond 62 bits. `position` is for the error.
/// \throws FormatError when an extent is negative or the size is too large.
uint64_t checked_bytes(std::span<const int64_t> shape, const DLDataType& type, uint64_t position);

/// \throws FormatError when the data of `array` has another size than its shape and type say.
void check_array(const FileArray& array);

} // namespace coulter::io
