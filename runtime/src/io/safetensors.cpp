#include "coulter/safetensors.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "file.hpp"

namespace coulter {

namespace {

struct NamedType {
    std::string_view name;
    DLDataType type;
};

constexpr std::array<NamedType, 13> safetensors_types{{
    {"BOOL", {kDLBool, 8, 1}},
    {"I8", {kDLInt, 8, 1}},
    {"I16", {kDLInt, 16, 1}},
    {"I32", {kDLInt, 32, 1}},
    {"I64", {kDLInt, 64, 1}},
    {"U8", {kDLUInt, 8, 1}},
    {"U16", {kDLUInt, 16, 1}},
    {"U32", {kDLUInt, 32, 1}},
    {"U64", {kDLUInt, 64, 1}},
    {"F16", {kDLFloat, 16, 1}},
    {"BF16", {kDLBfloat, 16, 1}},
    {"F32", {kDLFloat, 32, 1}},
    {"F64", {kDLFloat, 64, 1}},
}};

constexpr uint64_t longest_header = 100'000'000;
constexpr size_t most_dims = 64;
constexpr std::string_view metadata_key = "__metadata__";

/// What the header says of a tensor. `position` is where in the file it was said.
struct Entry {
    std::string name;
    uint64_t position = 0;
    DLDataType type{};
    std::vector<int64_t> shape;
    std::vector<int64_t> offsets;
    bool has_type = false;
    bool has_shape = false;
    bool has_offsets = false;
};

/// Counts the bytes that the JSON reader has taken, which is how errors get their position.
class CountingIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    CountingIterator(const char* at, const char** last_read) : at_(at), last_read_(last_read) {}
    reference operator*() const { return *at_; }
    CountingIterator& operator++() {
        ++at_;
        *last_read_ = at_;
        return *this;
    }
    CountingIterator operator++(int) {
        const CountingIterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const CountingIterator& other) const { return at_ == other.at_; }
    bool operator!=(const CountingIterator& other) const { return at_ != other.at_; }

private:
    const char* at_;
    const char** last_read_;
};

/// Takes the events of the JSON reader. Nothing that the format does not have is stored, so that a hostile header costs
/// no more memory than its own length.
class HeaderReader : public nlohmann::json_sax<nlohmann::json> {
public:
    HeaderReader(std::string_view text, uint64_t offset) : text_(text), offset_(offset), last_read_(text.data()) {}

    void read() {
        const char* const end = text_.data() + text_.size();
        nlohmann::json::sax_parse(CountingIterator(text_.data(), &last_read_), CountingIterator(end, &last_read_),
                                  this);
        if (!finished_) {
            fail("the header is not an object");
        }
    }

    std::vector<Entry> entries;
    std::map<std::string, std::string> metadata;

    bool null() override { fail("unexpected null in the header"); }
    bool boolean(bool) override { fail("unexpected true or false in the header"); }
    bool number_float(double, const std::string&) override { fail("expected an integer in the header"); }
    bool number_integer(int64_t) override { fail("negative number in the header"); }
    bool binary(binary_t&) override { fail("unexpected binary in the header"); }

    bool number_unsigned(uint64_t value) override {
        if (!in_array_) {
            fail("unexpected number in the header");
        }
        if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) {
            fail("number beyond 63 bits in the header");
        }
        if (numbers_->size() == most_dims) {
            fail("more than 64 numbers in a list");
        }
        numbers_->push_back(static_cast<int64_t>(value));
        return true;
    }

    bool string(std::string& value) override {
        if (depth_ == 2 && in_metadata_) {
            metadata[key_] = std::move(value);
        } else if (depth_ == 2 && key_ == "dtype" && !in_array_) {
            const auto* const found = std::find_if(safetensors_types.begin(), safetensors_types.end(),
                                                   [&](const NamedType& type) { return type.name == value; });
            if (found == safetensors_types.end()) {
                fail("unsupported element type");
            }
            entries.back().type = found->type;
            entries.back().has_type = true;
        } else {
            fail("unexpected string in the header");
        }
        return true;
    }

    bool start_object(size_t) override {
        if (in_array_ || depth_ == 2 || finished_) {
            fail("unexpected object in the header");
        }
        if (depth_ == 1) {
            in_metadata_ = key_ == metadata_key;
            if (!in_metadata_) {
                Entry& entry = entries.emplace_back();
                entry.name = key_;
                entry.position = position();
            }
        }
        ++depth_;
        return true;
    }

    bool key(std::string& value) override {
        key_ = std::move(value);
        if (depth_ == 1) {
            if (!names_.insert(key_).second) {
                fail("repeated name in the header");
            }
        } else if (in_metadata_) {
            if (metadata.contains(key_)) {
                fail("repeated key in the metadata");
            }
        } else {
            const Entry& entry = entries.back();
            const bool repeated = (key_ == "dtype" && entry.has_type) || (key_ == "shape" && entry.has_shape) ||
                                  (key_ == "data_offsets" && entry.has_offsets);
            if (repeated || (key_ != "dtype" && key_ != "shape" && key_ != "data_offsets")) {
                fail("unknown or repeated key of a tensor");
            }
        }
        return true;
    }

    bool end_object() override {
        --depth_;
        if (depth_ == 1 && !in_metadata_) {
            const Entry& entry = entries.back();
            if (!entry.has_type || !entry.has_shape || !entry.has_offsets) {
                fail("a tensor lacks `dtype`, `shape` or `data_offsets`");
            }
        }
        finished_ = depth_ == 0;
        return true;
    }

    bool start_array(size_t) override {
        if (in_array_ || depth_ != 2 || in_metadata_ || key_ == "dtype") {
            fail("unexpected list in the header");
        }
        Entry& entry = entries.back();
        const bool is_shape = key_ == "shape";
        numbers_ = is_shape ? &entry.shape : &entry.offsets;
        (is_shape ? entry.has_shape : entry.has_offsets) = true;
        in_array_ = true;
        return true;
    }

    bool end_array() override {
        in_array_ = false;
        return true;
    }

    bool parse_error(size_t, const std::string&, const nlohmann::json::exception&) override {
        fail("the header is not JSON");
    }

private:
    uint64_t position() const { return offset_ + static_cast<uint64_t>(last_read_ - text_.data()); }
    [[noreturn]] void fail(const std::string& text) const { throw FormatError(position(), text); }

    std::string_view text_;
    uint64_t offset_;
    const char* last_read_;
    int depth_ = 0;
    bool finished_ = false;
    bool in_metadata_ = false;
    bool in_array_ = false;
    std::string key_;
    std::set<std::string> names_;
    std::vector<int64_t>* numbers_ = nullptr;
};

void check_coverage(std::vector<Entry>& entries, uint64_t data_bytes) {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
        return std::pair(a.offsets[0], a.offsets[1]) < std::pair(b.offsets[0], b.offsets[1]);
    });
    uint64_t covered = 0;
    for (const Entry& entry : entries) {
        if (static_cast<uint64_t>(entry.offsets[0]) != covered) {
            throw FormatError(entry.position, "the data of a tensor begins at offset " +
                                                  std::to_string(entry.offsets[0]) + ", wanted " +
                                                  std::to_string(covered) + " after the one before it");
        }
        covered = static_cast<uint64_t>(entry.offsets[1]);
    }
    if (covered != data_bytes) {
        throw FormatError(8, "the tensors cover " + std::to_string(covered) + " bytes of data, the file has " +
                                 std::to_string(data_bytes));
    }
}

} // namespace

Safetensors parse_safetensors(std::span<const std::byte> bytes) {
    if (bytes.size() < 8) {
        throw FormatError(bytes.size(), "the file ends in the length of its header");
    }
    uint64_t length = 0;
    for (size_t i = 8; i-- > 0;) {
        length = length << 8 | static_cast<uint64_t>(bytes[i]);
    }
    if (length > longest_header || length > bytes.size() - 8) {
        throw FormatError(0, "a header of " + std::to_string(length) + " bytes, but the file has " +
                                 std::to_string(bytes.size() - 8) + " and 100000000 is the most");
    }
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<size_t>(length));
    if (text.empty() || text.front() != '{') {
        throw FormatError(8, "the header does not begin with `{`");
    }
    HeaderReader reader(text, 8);
    reader.read();

    const std::span<const std::byte> data = bytes.subspan(8 + static_cast<size_t>(length));
    for (const Entry& entry : reader.entries) {
        const auto& offsets = entry.offsets;
        if (offsets.size() != 2 || offsets[0] > offsets[1] || static_cast<uint64_t>(offsets[1]) > data.size()) {
            throw FormatError(entry.position, "`data_offsets` are not two positions in the file's data");
        }
        const uint64_t wanted = io::checked_bytes(entry.shape, entry.type, entry.position);
        if (static_cast<uint64_t>(offsets[1] - offsets[0]) != wanted) {
            throw FormatError(entry.position, "a tensor has " + std::to_string(offsets[1] - offsets[0]) +
                                                  " bytes of data, its shape and type need " + std::to_string(wanted));
        }
    }
    check_coverage(reader.entries, data.size());

    Safetensors result;
    result.metadata = std::move(reader.metadata);
    for (Entry& entry : reader.entries) {
        FileArray& array = result.tensors[entry.name];
        array.type = entry.type;
        array.shape = std::move(entry.shape);
        array.data.assign(data.begin() + entry.offsets[0], data.begin() + entry.offsets[1]);
    }
    return result;
}

std::vector<std::byte> format_safetensors(const Safetensors& file) {
    std::vector<const std::pair<const std::string, FileArray>*> order;
    for (const auto& tensor : file.tensors) {
        order.push_back(&tensor);
    }
    // Wide elements first: then every tensor begins at a multiple of its element's size.
    std::stable_sort(order.begin(), order.end(),
                     [](const auto* a, const auto* b) { return a->second.type.bits > b->second.type.bits; });

    nlohmann::ordered_json header = nlohmann::ordered_json::object();
    if (!file.metadata.empty()) {
        header[std::string(metadata_key)] = file.metadata;
    }
    uint64_t offset = 0;
    for (const auto* tensor : order) {
        const std::string& name = tensor->first;
        const FileArray& array = tensor->second;
        const auto* const type =
            std::find_if(safetensors_types.begin(), safetensors_types.end(), [&](const NamedType& candidate) {
                return candidate.type.code == array.type.code && candidate.type.bits == array.type.bits &&
                       array.type.lanes == 1;
            });
        if (type == safetensors_types.end()) {
            throw FormatError(0, "safetensors has no type for elements with type code " +
                                     std::to_string(array.type.code) + " and " + std::to_string(array.type.bits) +
                                     " bits");
        }
        if (name == metadata_key) {
            throw FormatError(0, "a tensor cannot be called `__metadata__`");
        }
        io::check_array(array);
        header[name] = {{"dtype", std::string(type->name)},
                        {"shape", array.shape},
                        {"data_offsets", {offset, offset + array.data.size()}}};
        offset += array.data.size();
    }
    std::string text;
    try {
        text = header.dump();
    } catch (const nlohmann::json::exception&) {
        throw FormatError(0, "a name or a metadata string is not UTF-8");
    }
    text.append((8 - text.size() % 8) % 8, ' ');
    if (text.size() > longest_header) {
        throw FormatError(0, "the header would have more than 100000000 bytes");
    }

    std::vector<std::byte> result;
    result.reserve(8 + text.size() + offset);
    for (size_t i = 0; i < 8; ++i) {
        result.push_back(static_cast<std::byte>(static_cast<uint64_t>(text.size()) >> (8 * i)));
    }
    const auto* const begin = reinterpret_cast<const std::byte*>(text.data());
    result.insert(result.end(), begin, begin + text.size());
    for (const auto* tensor : order) {
        result.insert(result.end(), tensor->second.data.begin(), tensor->second.data.end());
    }
    return result;
}

Safetensors read_safetensors(const std::filesystem::path& path) {
    try {
        return parse_safetensors(io::read_file(path));
    } catch (const FormatError& error) {
        throw FormatError(path.string(), error);
    }
}

void write_safetensors(const std::filesystem::path& path, const Safetensors& file) {
    io::write_file_atomically(path, format_safetensors(file));
}

} // namespace coulter
