#pragma once

/// \file
/// IDX files, in which MNIST and its kin come.
///
/// A file is two zero bytes, a byte for the type of the elements, one for the number of dims, an extent of 32 bits for
/// each dim, and the elements, the outermost dim first, all big endian. Types: 0x08 u8, 0x09 i8, 0x0b i16, 0x0c i32,
/// 0x0d f32, 0x0e f64. Source: Y. LeCun, C. Cortes, C. Burges, The MNIST database, section FILE FORMATS.
/// Malformed input is refused before memory is taken for it.

#include <cstddef>
#include <filesystem>
#include <span>

#include "coulter/file_array.hpp"

namespace coulter {

/// \throws FormatError with the position, Error with COULTER_ERROR_FILE. A file that gzip compressed is refused with a
/// message that says so.
FileArray read_idx(const std::filesystem::path& path);
/// The same from memory. The bytes are a whole file.
FileArray parse_idx(std::span<const std::byte> bytes);

/// Images and what they show.
struct LabelledImages {
    FileArray images; ///< u8 [count, height, width]
    FileArray labels; ///< i32 [count]
};

/// Two IDX files, such as train-images-idx3-ubyte and train-labels-idx1-ubyte: u8 [count, height, width] and u8
/// [count]. \throws as read_idx, and FormatError for other types or ranks, or another number of labels than of images.
LabelledImages read_mnist(const std::filesystem::path& images, const std::filesystem::path& labels);

} // namespace coulter
