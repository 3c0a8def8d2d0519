#include "coulter/smallnorb.hpp"

#include <algorithm>
#include <array>

#include "file.hpp"

namespace coulter {

namespace {

struct MatrixType {
    uint32_t magic;
    DLDataType type;
};

constexpr std::array<MatrixType, 5> matrix_types{{
    {0x1e3d4c51, {kDLFloat, 32, 1}},
    {0x1e3d4c53, {kDLFloat, 64, 1}},
    {0x1e3d4c54, {kDLInt, 32, 1}},
    {0x1e3d4c55, {kDLUInt, 8, 1}},
    {0x1e3d4c56, {kDLInt, 16, 1}},
}};

uint32_t little_endian(std::span<const std::byte> bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 4; i-- > 0;) {
        value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
    }
    return value;
}

std::string shape_text(const FileArray& array) {
    std::string text;
    for (const int64_t extent : array.shape) {
        text += (text.empty() ? "" : ", ") + std::to_string(extent);
    }
    return "[" + text + "]";
}

/// \throws FormatError unless the array is of `type` and `fits`.
void require(const std::filesystem::path& path, const FileArray& array, DLDataType type, bool fits,
             const std::string& wanted) {
    if (array.type.code != type.code || array.type.bits != type.bits || !fits) {
        throw FormatError(path.string(),
                          FormatError(0, "a matrix of " + std::to_string(array.type.bits) + " bits and shape " +
                                             shape_text(array) + ", wanted " + wanted));
    }
}

} // namespace

FileArray parse_smallnorb_matrix(std::span<const std::byte> bytes) {
    if (bytes.size() < 8) {
        throw FormatError(bytes.size(), "the file ends in the magic number and the number of dims");
    }
    const uint32_t magic = little_endian(bytes, 0);
    const auto* const found = std::find_if(matrix_types.begin(), matrix_types.end(),
                                           [&](const MatrixType& type) { return type.magic == magic; });
    if (found == matrix_types.end()) {
        throw FormatError(0,
                          "no smallNORB matrix: its magic number is none of 0x1e3d4c51 and 0x1e3d4c53 to 0x1e3d4c56");
    }
    const uint32_t rank = little_endian(bytes, 4);
    if (rank > max_rank) {
        throw FormatError(4, std::to_string(rank) + " dims, and 16 are the most");
    }
    const size_t header = 8 + 4 * std::max<size_t>(rank, 3);
    if (bytes.size() < header) {
        throw FormatError(bytes.size(), "the file ends in its extents, of which there are at least three");
    }
    FileArray array;
    array.type = found->type;
    for (size_t i = 0; i < rank; ++i) {
        array.shape.push_back(static_cast<int32_t>(little_endian(bytes, 8 + 4 * i)));
    }
    const uint64_t wanted = io::checked_bytes(array.shape, array.type, 8);
    if (wanted != bytes.size() - header) {
        throw FormatError(std::min<uint64_t>(header + wanted, bytes.size()),
                          "the extents need " + std::to_string(wanted) + " bytes of elements, the file has " +
                              std::to_string(bytes.size() - header));
    }
    array.data.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
    return array;
}

FileArray read_smallnorb_matrix(const std::filesystem::path& path) {
    try {
        return parse_smallnorb_matrix(io::read_file(path));
    } catch (const FormatError& error) {
        throw FormatError(path.string(), error);
    }
}

StereoImages read_smallnorb(const std::filesystem::path& dat, const std::filesystem::path& cat,
                            const std::filesystem::path& info) {
    StereoImages result{read_smallnorb_matrix(dat), read_smallnorb_matrix(cat), read_smallnorb_matrix(info)};
    const std::vector<int64_t>& images = result.images.shape;
    require(dat, result.images, {kDLUInt, 8, 1}, images.size() == 4 && images[1] == 2, "u8 [images, 2, height, width]");
    const std::string count = std::to_string(images[0]);
    require(cat, result.category, {kDLInt, 32, 1}, result.category.shape == std::vector<int64_t>{images[0]},
            "i32 [" + count + "], as many as there are images");
    require(info, result.info, {kDLInt, 32, 1}, result.info.shape == std::vector<int64_t>{images[0], 4},
            "i32 [" + count + ", 4], as many as there are images");
    return result;
}

} // namespace coulter
