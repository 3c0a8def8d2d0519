#pragma once

/// \file
/// The `.mat` files of smallNORB, which are no MATLAB files.
///
/// A file is a magic number of 32 bits for the type of the elements (0x1e3d4c55 u8, 0x1e3d4c54 i32, 0x1e3d4c56 i16,
/// 0x1e3d4c51 f32, 0x1e3d4c53 f64), the number of dims, the extents, and the elements, the outermost dim first, all
/// little endian. Matrices of fewer than three dims have three extents nevertheless, of which the last count for
/// nothing. Source: F. J. Huang, Y. LeCun, The small NORB dataset, V1.0, section 3.
/// Malformed input is refused before memory is taken for it.

#include <cstddef>
#include <filesystem>
#include <span>

#include "coulter/file_array.hpp"

namespace coulter {

/// \throws FormatError with the position, Error with COULTER_ERROR_FILE.
FileArray read_smallnorb_matrix(const std::filesystem::path& path);
/// The same from memory. The bytes are a whole file.
FileArray parse_smallnorb_matrix(std::span<const std::byte> bytes);

/// Pairs of images and what they show.
struct StereoImages {
    FileArray images;   ///< u8 [count, camera 2, height, width]
    FileArray category; ///< i32 [count]
    FileArray info;     ///< i32 [count, 4]: instance, elevation, azimuth, lighting
};

/// The three files of a part of smallNORB, whose names end in -dat.mat, -cat.mat and -info.mat.
/// \throws as read_smallnorb_matrix, and FormatError for other types or shapes, or files of other numbers of images.
StereoImages read_smallnorb(const std::filesystem::path& dat, const std::filesystem::path& cat,
                            const std::filesystem::path& info);

} // namespace coulter
