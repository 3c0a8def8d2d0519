#pragma once
/// What the C entry and the header say about one argument.

#include "coulter/ir.hpp"

namespace coulter::schedule::detail {

struct Argument {
    std::string name;
    Type type = Type::f32;
    std::vector<std::string> dims;
    bool output = false;
    bool scalar = false;
    bool frozen = false;
    std::int64_t alias = -1; ///< outputs: position of the input that may share memory
};

/// Inputs, then outputs, in the order of the C function.
[[nodiscard]] std::vector<Argument> arguments(const ir::Kernel& kernel);

/// `float`, `uint16_t` (for f16 and bf16, whose bits are passed), `bool`.
[[nodiscard]] const char* c_type(Type type);

/// `int conv(coulter_context* context, const DLTensor* pose, float scale, DLTensor* votes)`
[[nodiscard]] std::string c_prototype(const ir::Kernel& kernel);

/// DLPack's type code.
[[nodiscard]] int dl_code(Type type);

/// A string literal of C and of the GNU assembler: both read three octal digits.
[[nodiscard]] std::string c_string(std::string_view text);

} // namespace coulter::schedule::detail
