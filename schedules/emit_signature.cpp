#include "emit_signature.hpp"

#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {

std::vector<Argument> arguments(const ir::Kernel& kernel) {
    std::vector<Argument> all;
    for (const ir::Input& input : kernel.inputs) {
        all.push_back({input.name, input.type, input.dims, false, input.dims.empty(), input.frozen, -1});
    }
    for (const std::string& output : kernel.outputs) {
        const ir::Definition& definition = *kernel.find_definition(output);
        Argument argument{output, definition.types.front(), definition.dims, true, false, false, -1};
        for (const auto& [input, updated] : kernel.updates) {
            if (updated == output) {
                argument.alias = std::ranges::find(kernel.inputs, input, &ir::Input::name) - kernel.inputs.begin();
            }
        }
        all.push_back(std::move(argument));
    }
    return all;
}

const char* c_type(Type type) {
    switch (type) {
    case Type::f64: return "double";
    case Type::f32: return "float";
    case Type::f16:
    case Type::bf16:
    case Type::u16: return "uint16_t";
    case Type::i8: return "int8_t";
    case Type::i16: return "int16_t";
    case Type::i32: return "int32_t";
    case Type::i64:
    case Type::index: return "int64_t";
    case Type::u8: return "uint8_t";
    case Type::u32: return "uint32_t";
    case Type::u64: return "uint64_t";
    case Type::boolean: return "bool";
    }
    return "";
}

std::string c_prototype(const ir::Kernel& kernel) {
    std::string text = fmt::format("int {}(coulter_context* context", c_name(kernel.name));
    for (const Argument& argument : arguments(kernel)) {
        if (argument.scalar) {
            text += fmt::format(", {} {}", c_type(argument.type), parameter_name(argument.name));
        } else {
            text += fmt::format(", {}DLTensor* {}", argument.output ? "" : "const ", parameter_name(argument.name));
        }
    }
    return text + ")";
}

int dl_code(Type type) {
    if (type == Type::boolean) {
        return 6;
    }
    if (type == Type::bf16) {
        return 4;
    }
    return is_float(type) ? 2 : is_unsigned_integer(type) ? 1 : 0;
}

std::string c_string(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\') {
            out += '\\';
            out += c;
        } else if (byte < 0x20 || byte >= 0x7f || c == '?') {
            out += fmt::format("\\{:03o}", byte);
        } else {
            out += c;
        }
    }
    return out + '"';
}

} // namespace coulter::schedule::detail
