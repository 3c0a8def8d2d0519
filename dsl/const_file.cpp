#include "const_file.hpp"

#include "coulter/fingerprint.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace coulter::text {
namespace {

// The format's own limit, so that a hostile length allocates nothing.
constexpr std::uint64_t largest_header = 100'000'000;

std::string safetensors_type(Type type) {
    std::string text(name(type));
    std::transform(text.begin(), text.end(), text.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 32 : c; });
    return text;
}

std::vector<std::int64_t> shape_of(const ir::Kernel& kernel, const ir::Const& constant) {
    std::vector<std::int64_t> shape;
    for (const std::string& dim : constant.dims) {
        const ir::Dim* found = kernel.find_dim(dim);
        shape.push_back(found != nullptr && found->size ? *found->size : 0);
    }
    return shape;
}

std::string_view view(const std::vector<std::byte>& data) {
    return {reinterpret_cast<const char*>(data.data()), data.size()};
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
    return fmt::format("[{}]", fmt::join(shape, ","));
}

} // namespace

bool is_external(const ir::Const& constant) {
    return constant.data.size() / static_cast<std::size_t>(bytes(constant.type)) > largest_inline_const;
}

std::string const_hash(Type type, const std::vector<std::int64_t>& shape, std::string_view data) {
    std::string content = fmt::format("{}{}\n", name(type), shape_text(shape));
    content += data;
    return sha256(content);
}

std::string const_hash(const ir::Kernel& kernel, const ir::Const& constant) {
    return const_hash(constant.type, shape_of(kernel, constant), view(constant.data));
}

std::string write_const_file(const ir::Kernel& kernel) {
    std::map<std::string, const ir::Const*> by_hash;
    for (const ir::Const& constant : kernel.consts) {
        if (is_external(constant)) {
            by_hash.emplace(const_hash(kernel, constant), &constant);
        }
    }
    if (by_hash.empty()) {
        return {};
    }
    nlohmann::json header = nlohmann::json::object();
    std::string data;
    for (const auto& [hash, constant] : by_hash) {
        const std::size_t begin = data.size();
        data += view(constant->data);
        header[hash] = {{"dtype", safetensors_type(constant->type)},
                        {"shape", shape_of(kernel, *constant)},
                        {"data_offsets", {begin, data.size()}}};
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' '); // the data begins at a multiple of eight
    std::string file;
    for (int i = 0; i < 8; ++i) {
        file += static_cast<char>(std::uint64_t{text.size()} >> (8 * i));
    }
    return file + text + data;
}

ConstFile::ConstFile(std::string_view content) {
    if (content.empty()) {
        problem_ = "the file is missing or empty";
        return;
    }
    std::uint64_t length = 0;
    for (std::size_t i = 0; i < 8 && i < content.size(); ++i) {
        length |= static_cast<std::uint64_t>(static_cast<unsigned char>(content[i])) << (8 * i);
    }
    if (content.size() < 8 || length > content.size() - 8 || length > largest_header) {
        problem_ = fmt::format("its header of {} bytes does not fit into {} bytes", length, content.size());
        return;
    }
    read_header(content.substr(8, length), content.substr(8 + length));
}

void ConstFile::read_header(std::string_view header, std::string_view data) {
    // Depth of nesting is bounded before the JSON library builds a tree of it.
    const auto shallow = [](int depth, nlohmann::json::parse_event_t, nlohmann::json&) { return depth < 16; };
    const nlohmann::json json = nlohmann::json::parse(header, shallow, false);
    if (!json.is_object()) {
        problem_ = "its header is not a JSON object";
        return;
    }
    for (const auto& [key, value] : json.items()) {
        if (key == "__metadata__") {
            continue;
        }
        const auto whole = [](const nlohmann::json& list) {
            return list.is_array() && std::all_of(list.begin(), list.end(), [](const nlohmann::json& item) {
                       return item.is_number_unsigned() && item.get<std::uint64_t>() <= std::uint64_t{1} << 62;
                   });
        };
        const bool good = value.is_object() && value.contains("dtype") && value["dtype"].is_string() &&
                          value.contains("shape") && whole(value["shape"]) && value.contains("data_offsets") &&
                          whole(value["data_offsets"]) && value["data_offsets"].size() == 2;
        const auto begin = good ? value["data_offsets"][0].get<std::uint64_t>() : 1;
        const auto end = good ? value["data_offsets"][1].get<std::uint64_t>() : 0;
        if (!good || begin > end || end > data.size()) {
            problem_ = fmt::format("its entry `{}` is malformed", key.substr(0, 80));
            return;
        }
        entries_[key] = {value["dtype"].get<std::string>(), value["shape"].get<std::vector<std::int64_t>>(),
                         data.substr(begin, end - begin)};
    }
}

ConstFile::Found ConstFile::find(const std::string& hash, Type type, const std::vector<std::int64_t>& shape) const {
    const auto found = entries_.find(hash);
    if (found == entries_.end()) {
        return {{}, "it has no tensor of that hash"};
    }
    const Entry& entry = found->second;
    if (entry.type != safetensors_type(type) || entry.shape != shape) {
        return {{},
                fmt::format("the tensor is {}{} there, and {}{} is wanted", entry.type, shape_text(entry.shape),
                            safetensors_type(type), shape_text(shape))};
    }
    if (const_hash(type, shape, entry.data) != hash) {
        return {{}, "the tensor's content does not have that hash"};
    }
    return {entry.data, {}};
}

} // namespace coulter::text
