// The header of a kernel: the C function, documented, and a typed wrapper for C++.

#include "emit_signature.hpp"

#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"
#include "coulter/text.hpp"

#include <fmt/core.h>

namespace coulter::schedule {
namespace {

using detail::Argument;

std::string shape(const ir::Kernel& kernel, const Argument& argument) {
    std::string dims;
    for (const std::string& dim : argument.dims) {
        const auto& size = kernel.find_dim(dim)->size;
        dims += fmt::format("{}{}{}", dims.empty() ? "" : ", ", dim, size ? fmt::format(" = {}", *size) : "");
    }
    return argument.scalar ? std::string(name(argument.type)) : fmt::format("{}[{}]", name(argument.type), dims);
}

// What a caller must know about each argument, outermost dim first.
std::string documentation(const ir::Kernel& kernel, const Sizes& sizes, const std::vector<Argument>& arguments) {
    std::string text;
    for (const Argument& argument : arguments) {
        text += fmt::format("///   {:<7}{}: {}", argument.output ? "output" : "input", parameter_name(argument.name),
                            shape(kernel, argument));
        text += argument.scalar ? ", by value" : "";
        text += argument.frozen ? ", frozen: may be packed once and kept until coulter_context_forget" : "";
        if (argument.alias >= 0) {
            text += fmt::format(", may be the memory of {}",
                                parameter_name(arguments[static_cast<std::size_t>(argument.alias)].name));
        }
        text += '\n';
    }
    for (const std::string& dim : sizes.order) {
        const ExtentRule& rule = sizes.rules.at(dim);
        if (rule.value && !kernel.find_dim(dim)->size) {
            text += fmt::format("///   extent of {} = {}\n", dim, print(rule.value));
        }
    }
    return text;
}

const char* element(Type type) {
    switch (type) {
    case Type::f16: return "float16";
    case Type::bf16: return "bfloat16";
    default: return detail::c_type(type);
    }
}

std::string wrapper(const ir::Kernel& kernel, const std::vector<Argument>& arguments) {
    std::string parameters;
    std::string tensors;
    std::string values;
    int count = 0;
    for (const Argument& argument : arguments) {
        const std::string parameter = parameter_name(argument.name);
        const bool half = argument.type == Type::f16 || argument.type == Type::bf16;
        if (argument.scalar) {
            parameters += fmt::format(", {} {}", element(argument.type), parameter);
            values += fmt::format(", {}{}", parameter, half ? ".bits" : "");
            continue;
        }
        parameters += fmt::format(", const TensorView<{}{}>& {}", argument.output ? "" : "const ",
                                  element(argument.type), parameter);
        tensors += fmt::format("{}{}.dl()", tensors.empty() ? "" : ", ", parameter);
        values += fmt::format(", &coulter_tensors[{}]", count++);
    }
    const std::string symbol = c_name(kernel.name);
    return fmt::format("/// As the C function; \\throws Error where that returns a code.\n"
                       "inline void {0}(Context& context{1}) {{\n    DLTensor coulter_tensors[] = {{{2}}};\n"
                       "    check(context, ::{0}(context.get(){3}));\n}}\n",
                       symbol, parameters, tensors, values);
}

} // namespace

std::string c_header(const ir::Kernel& kernel, const Sizes& sizes) {
    const std::vector<Argument> arguments = detail::arguments(kernel);
    const std::string symbol = c_name(kernel.name);
    std::string out =
        fmt::format("#pragma once\n/// Kernel {}, written by coulter.\n\n#include <coulter/runtime.h>\n", kernel.name);
    out += "#include <stdbool.h>\n\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
    out += "/// Dims outermost first, the innermost with stride 1. Returns 0 or a negative coulter_error.\n///\n";
    out += documentation(kernel, sizes, arguments);
    out += detail::c_prototype(kernel) + ";\n\n";
    out += fmt::format("/// Signature, sizes, schedule and versions.\nconst coulter_kernel_info* {}_info(void);\n\n",
                       symbol);
    out += "#ifdef __cplusplus\n}\n#endif\n\n#if defined(__cplusplus) && __cplusplus >= 202002L\n";
    out += "#include <coulter/runtime.hpp>\n\nnamespace coulter {\n\n";
    out += wrapper(kernel, arguments);
    return out + "\n} // namespace coulter\n#endif\n";
}

} // namespace coulter::schedule
