#include "coulter/idx.hpp"

#include <algorithm>
#include <array>

#include "file.hpp"

namespace coulter {

namespace {

struct IdxType {
    uint8_t code;
    DLDataType type;
};

constexpr std::array<IdxType, 6> idx_types{{
    {0x08, {kDLUInt, 8, 1}},
    {0x09, {kDLInt, 8, 1}},
    {0x0b, {kDLInt, 16, 1}},
    {0x0c, {kDLInt, 32, 1}},
    {0x0d, {kDLFloat, 32, 1}},
    {0x0e, {kDLFloat, 64, 1}},
}};

uint32_t big_endian(std::span<const std::byte> bytes, size_t at) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) {
        value = value << 8 | static_cast<uint32_t>(bytes[at + i]);
    }
    return value;
}

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& text) {
    throw FormatError(path.string(), FormatError(0, text));
}

bool is_u8(const FileArray& array, size_t rank) {
    return array.type.code == kDLUInt && array.type.bits == 8 && array.shape.size() == rank;
}

} // namespace

FileArray parse_idx(std::span<const std::byte> bytes) {
    if (bytes.size() >= 2 && bytes[0] == std::byte{0x1f} && bytes[1] == std::byte{0x8b}) {
        throw FormatError(0, "the file is compressed by gzip: run gunzip first");
    }
    if (bytes.size() < 4) {
        throw FormatError(bytes.size(), "the file ends in the four bytes that an IDX file begins with");
    }
    if (bytes[0] != std::byte{0} || bytes[1] != std::byte{0}) {
        throw FormatError(0, "no IDX file: it does not begin with two zero bytes");
    }
    const auto* const found = std::find_if(idx_types.begin(), idx_types.end(), [&](const IdxType& type) {
        return type.code == static_cast<uint8_t>(bytes[2]);
    });
    if (found == idx_types.end()) {
        throw FormatError(2, "no IDX file: " + std::to_string(static_cast<int>(bytes[2])) + " is no type of elements");
    }
    const auto rank = static_cast<size_t>(bytes[3]);
    if (rank > max_rank) {
        throw FormatError(3, std::to_string(rank) + " dims, and 16 are the most");
    }
    const size_t header = 4 + 4 * rank;
    if (bytes.size() < header) {
        throw FormatError(bytes.size(), "the file ends in the extents of its " + std::to_string(rank) + " dims");
    }
    FileArray array;
    array.type = found->type;
    for (size_t i = 0; i < rank; ++i) {
        array.shape.push_back(big_endian(bytes, 4 + 4 * i));
    }
    const uint64_t wanted = io::checked_bytes(array.shape, array.type, 4);
    if (wanted != bytes.size() - header) {
        throw FormatError(std::min<uint64_t>(header + wanted, bytes.size()),
                          "the extents need " + std::to_string(wanted) + " bytes of elements, the file has " +
                              std::to_string(bytes.size() - header));
    }
    array.data.assign(bytes.begin() + static_cast<std::ptrdiff_t>(header), bytes.end());
    const size_t size = array.type.bits / 8;
    for (size_t at = 0; size > 1 && at < array.data.size(); at += size) {
        std::reverse(array.data.begin() + static_cast<std::ptrdiff_t>(at),
                     array.data.begin() + static_cast<std::ptrdiff_t>(at + size));
    }
    return array;
}

FileArray read_idx(const std::filesystem::path& path) {
    try {
        return parse_idx(io::read_file(path));
    } catch (const FormatError& error) {
        throw FormatError(path.string(), error);
    }
}

LabelledImages read_mnist(const std::filesystem::path& images, const std::filesystem::path& labels) {
    LabelledImages result{read_idx(images), {}};
    if (!is_u8(result.images, 3)) {
        refuse(images, "no images: wanted u8 in three dims, as train-images-idx3-ubyte has them");
    }
    const FileArray bytes = read_idx(labels);
    if (!is_u8(bytes, 1)) {
        refuse(labels, "no labels: wanted u8 in one dim, as train-labels-idx1-ubyte has them");
    }
    if (bytes.shape[0] != result.images.shape[0]) {
        refuse(labels, std::to_string(bytes.shape[0]) + " labels, and " + images.string() + " has " +
                           std::to_string(result.images.shape[0]) + " images");
    }
    std::vector<int32_t> wide;
    for (const std::byte label : bytes.data) {
        wide.push_back(static_cast<int32_t>(label));
    }
    result.labels = FileArray::copy_of(TensorView<const int32_t>(wide, {bytes.shape[0]}));
    return result;
}

} // namespace coulter
