#include "support/safetensors_read.hpp"

#include "support/json.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace coulter::test {

std::map<std::string, Array> read_safetensors(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::uint64_t length = 0;
    file.read(reinterpret_cast<char*>(&length), sizeof length);
    if (!file || length > (std::uint64_t{1} << 24)) {
        throw std::runtime_error("cannot read " + path);
    }
    std::string header(length, ' ');
    file.read(header.data(), static_cast<std::streamsize>(length));
    const std::map<std::string, Type> types{
        {"F64", Type::f64}, {"F32", Type::f32}, {"F16", Type::f16},     {"BF16", Type::bf16}, {"I8", Type::i8},
        {"I16", Type::i16}, {"I32", Type::i32}, {"I64", Type::i64},     {"U8", Type::u8},     {"U16", Type::u16},
        {"U32", Type::u32}, {"U64", Type::u64}, {"BOOL", Type::boolean}};
    std::map<std::string, Array> tensors;
    const nlohmann::json entries = parse_json(header);
    for (const auto& [name, entry] : entries.items()) {
        if (name == "__metadata__") {
            continue;
        }
        Array array(types.at(entry.at("dtype").get<std::string>()), entry.at("shape").get<std::vector<std::int64_t>>());
        file.seekg(static_cast<std::streamoff>(8 + length + entry.at("data_offsets").at(0).get<std::uint64_t>()));
        file.read(reinterpret_cast<char*>(array.data.data()), static_cast<std::streamsize>(array.data.size()));
        if (!file) {
            throw std::runtime_error(path + " ends early");
        }
        tensors.emplace(name, std::move(array));
    }
    return tensors;
}

} // namespace coulter::test
