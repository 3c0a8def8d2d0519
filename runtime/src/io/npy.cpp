#include "coulter/npy.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string_view>

#include "file.hpp"

namespace coulter {

namespace {

struct NpyType {
    std::string_view name;
    DLDataType type;
};

constexpr std::array<NpyType, 12> npy_types{{
    {"|b1", {kDLBool, 8, 1}},
    {"|i1", {kDLInt, 8, 1}},
    {"<i2", {kDLInt, 16, 1}},
    {"<i4", {kDLInt, 32, 1}},
    {"<i8", {kDLInt, 64, 1}},
    {"|u1", {kDLUInt, 8, 1}},
    {"<u2", {kDLUInt, 16, 1}},
    {"<u4", {kDLUInt, 32, 1}},
    {"<u8", {kDLUInt, 64, 1}},
    {"<f2", {kDLFloat, 16, 1}},
    {"<f4", {kDLFloat, 32, 1}},
    {"<f8", {kDLFloat, 64, 1}},
}};

constexpr std::string_view magic = "\x93NUMPY";
/// NumPy itself reads headers of at most 10,000 bytes unless told to trust the file.
constexpr size_t longest_header = 65536;
constexpr size_t most_dims = 64;

struct Header {
    std::optional<DLDataType> type;
    std::optional<bool> fortran_order;
    std::optional<std::vector<int64_t>> shape;
};

/// Reads the Python dictionary literal that describes the array. Only what NumPy writes is understood: no nesting but
/// the shape, no escapes in strings.
class HeaderParser {
public:
    HeaderParser(std::string_view text, uint64_t offset) : text_(text), offset_(offset) {}

    Header parse() {
        Header header;
        expect('{');
        while (!take('}')) {
            const size_t at = skip_space();
            const std::string_view key = string();
            expect(':');
            if (key == "descr" && !header.type) {
                header.type = type();
            } else if (key == "fortran_order" && !header.fortran_order) {
                header.fortran_order = boolean();
            } else if (key == "shape" && !header.shape) {
                header.shape = shape();
            } else {
                fail(at, "unknown or repeated key in the header");
            }
            if (!take(',')) {
                expect('}');
                break;
            }
        }
        if (skip_space() != text_.size()) {
            fail(at_, "text after the header's dictionary");
        }
        if (!header.type || !header.fortran_order || !header.shape) {
            fail(at_, "the header lacks `descr`, `fortran_order` or `shape`");
        }
        return header;
    }

private:
    [[noreturn]] void fail(size_t at, const std::string& text) const { throw FormatError(offset_ + at, text); }

    size_t skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) {
            ++at_;
        }
        return at_;
    }

    bool take(char wanted) {
        skip_space();
        if (at_ < text_.size() && text_[at_] == wanted) {
            ++at_;
            return true;
        }
        return false;
    }

    void expect(char wanted) {
        if (!take(wanted)) {
            fail(at_, std::string("expected `") + wanted + "` in the header");
        }
    }

    std::string_view string() {
        skip_space();
        const char quote = at_ < text_.size() ? text_[at_] : '\0';
        const size_t end = quote == '\'' || quote == '"' ? text_.find(quote, at_ + 1) : std::string_view::npos;
        if (end == std::string_view::npos) {
            fail(at_, "expected a string in the header");
        }
        const std::string_view result = text_.substr(at_ + 1, end - at_ - 1);
        at_ = end + 1;
        return result;
    }

    DLDataType type() {
        const size_t at = skip_space();
        if (at < text_.size() && text_[at] == '[') {
            fail(at, "structured arrays are not supported");
        }
        const std::string_view name = string();
        const auto* const found =
            std::find_if(npy_types.begin(), npy_types.end(), [name](const NpyType& type) { return type.name == name; });
        if (found != npy_types.end()) {
            return found->type;
        }
        const bool printable =
            name.size() <= 32 && std::all_of(name.begin(), name.end(), [](char c) { return c > 32 && c < 127; });
        fail(at, "element type " + (printable ? "`" + std::string(name) + "` " : std::string()) + "is not supported");
    }

    bool boolean() {
        skip_space();
        for (const bool value : {false, true}) {
            const std::string_view name = value ? "True" : "False";
            if (text_.substr(at_, name.size()) == name) {
                at_ += name.size();
                return value;
            }
        }
        fail(at_, "expected True or False in the header");
    }

    std::vector<int64_t> shape() {
        std::vector<int64_t> result;
        expect('(');
        while (!take(')')) {
            if (result.size() == most_dims) {
                fail(at_, "more than 64 dims");
            }
            result.push_back(integer());
            if (!take(',')) {
                expect(')');
                break;
            }
        }
        return result;
    }

    int64_t integer() {
        const size_t at = skip_space();
        int64_t value = 0;
        while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
            if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, text_[at_] - '0', &value)) {
                fail(at, "an extent is beyond 64 bits");
            }
            ++at_;
        }
        if (at_ == at) {
            fail(at, "expected an extent in the header");
        }
        return value;
    }

    std::string_view text_;
    uint64_t offset_;
    size_t at_ = 0;
};

/// The same array with its elements in C order. In the file the first dim varies fastest.
std::vector<std::byte> to_c_order(std::span<const std::byte> source, std::span<const int64_t> shape, size_t element) {
    std::vector<std::byte> result(source.size());
    std::vector<int64_t> index(shape.size(), 0);
    for (size_t from = 0; from < source.size(); from += element) {
        size_t to = 0;
        for (size_t i = 0; i < shape.size(); ++i) {
            to = to * static_cast<size_t>(shape[i]) + static_cast<size_t>(index[i]);
        }
        std::memcpy(result.data() + to * element, source.data() + from, element);
        for (size_t i = 0; i < shape.size() && ++index[i] == shape[i]; ++i) {
            index[i] = 0;
        }
    }
    return result;
}

uint64_t little_endian(std::span<const std::byte> bytes) {
    uint64_t value = 0;
    for (size_t i = bytes.size(); i-- > 0;) {
        value = value << 8 | static_cast<uint64_t>(bytes[i]);
    }
    return value;
}

} // namespace

FileArray parse_npy(std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.substr(0, magic.size()) != magic) {
        throw FormatError(0, "not a .npy file");
    }
    if (text.size() < 8) {
        throw FormatError(text.size(), "the file ends in its preamble");
    }
    const int version = static_cast<unsigned char>(text[6]);
    if (version < 1 || version > 3 || text[7] != 0) {
        throw FormatError(6, "format version " + std::to_string(version) + "." +
                                 std::to_string(static_cast<unsigned char>(text[7])) + " is not supported");
    }
    const size_t length_bytes = version == 1 ? 2 : 4;
    const size_t header_begin = 8 + length_bytes;
    if (text.size() < header_begin) {
        throw FormatError(text.size(), "the file ends in its preamble");
    }
    const uint64_t length = little_endian(bytes.subspan(8, length_bytes));
    if (length > longest_header || length > text.size() - header_begin) {
        throw FormatError(8, "a header of " + std::to_string(length) + " bytes, but the file has " +
                                 std::to_string(text.size() - header_begin) + " and 65536 is the most");
    }
    const Header header = HeaderParser(text.substr(header_begin, length), header_begin).parse();
    const size_t data_begin = header_begin + static_cast<size_t>(length);
    FileArray array;
    array.type = *header.type;
    array.shape = *header.shape;
    const uint64_t wanted = io::checked_bytes(array.shape, array.type, header_begin);
    const std::span<const std::byte> data = bytes.subspan(data_begin);
    if (data.size() != wanted) {
        throw FormatError(std::min<uint64_t>(data_begin + wanted, bytes.size()),
                          "the file has " + std::to_string(data.size()) + " bytes of data, its header says " +
                              std::to_string(wanted));
    }
    if (*header.fortran_order && array.shape.size() > 1) {
        array.data = to_c_order(data, array.shape, array.type.bits / 8);
    } else {
        array.data.assign(data.begin(), data.end());
    }
    return array;
}

std::vector<std::byte> format_npy(const FileArray& array) {
    const auto* const type = std::find_if(npy_types.begin(), npy_types.end(), [&](const NpyType& candidate) {
        return candidate.type.code == array.type.code && candidate.type.bits == array.type.bits &&
               array.type.lanes == 1;
    });
    if (type == npy_types.end()) {
        throw FormatError(0, "NumPy has no type for elements with type code " + std::to_string(array.type.code) +
                                 " and " + std::to_string(array.type.bits) + " bits; safetensors may have one");
    }
    io::check_array(array);
    std::string header = "{'descr': '" + std::string(type->name) + "', 'fortran_order': False, 'shape': (";
    for (size_t i = 0; i < array.shape.size(); ++i) {
        header += (i == 0 ? "" : " ") + std::to_string(array.shape[i]);
        header += i + 1 < array.shape.size() || i == 0 ? "," : "";
    }
    header += "), }";
    // The data begins at a multiple of 64, the header ends with a newline.
    const size_t preamble = 10;
    header.append(63 - (preamble + header.size()) % 64, ' ');
    header += '\n';
    if (header.size() > 65535) {
        throw FormatError(0, "too many dims for a .npy file");
    }
    std::string text(magic);
    text += {'\x01', '\x00', static_cast<char>(header.size() & 0xff), static_cast<char>(header.size() >> 8)};
    text += header;
    std::vector<std::byte> result(text.size() + array.data.size());
    std::memcpy(result.data(), text.data(), text.size());
    std::copy(array.data.begin(), array.data.end(), result.begin() + static_cast<std::ptrdiff_t>(text.size()));
    return result;
}

FileArray read_npy(const std::filesystem::path& path) {
    try {
        return parse_npy(io::read_file(path));
    } catch (const FormatError& error) {
        throw FormatError(path.string(), error);
    }
}

void write_npy(const std::filesystem::path& path, const FileArray& array) {
    io::write_file_atomically(path, format_npy(array));
}

} // namespace coulter
