// Names of generated C, and what forbids them.

#include "emit_programs.hpp"

#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"

#include <algorithm>
#include <dlfcn.h>
#include <fmt/core.h>
#include <set>

namespace coulter::schedule {
namespace {

// Words of C and C++, and the macros of headers that generated code includes. A parameter gets a `_`.
const std::set<std::string> words{"alignas",
                                  "alignof",
                                  "and",
                                  "and_eq",
                                  "asm",
                                  "auto",
                                  "bitand",
                                  "bitor",
                                  "bool",
                                  "break",
                                  "case",
                                  "catch",
                                  "char",
                                  "class",
                                  "compl",
                                  "concept",
                                  "const",
                                  "consteval",
                                  "constexpr",
                                  "constinit",
                                  "continue",
                                  "co_await",
                                  "co_return",
                                  "co_yield",
                                  "decltype",
                                  "default",
                                  "delete",
                                  "do",
                                  "double",
                                  "else",
                                  "enum",
                                  "explicit",
                                  "export",
                                  "extern",
                                  "false",
                                  "float",
                                  "for",
                                  "friend",
                                  "goto",
                                  "if",
                                  "inline",
                                  "int",
                                  "linux",
                                  "long",
                                  "mutable",
                                  "namespace",
                                  "new",
                                  "noexcept",
                                  "not",
                                  "not_eq",
                                  "nullptr",
                                  "operator",
                                  "or",
                                  "or_eq",
                                  "private",
                                  "protected",
                                  "public",
                                  "register",
                                  "reinterpret_cast",
                                  "requires",
                                  "restrict",
                                  "return",
                                  "short",
                                  "signed",
                                  "sizeof",
                                  "static",
                                  "static_assert",
                                  "static_cast",
                                  "dynamic_cast",
                                  "const_cast",
                                  "struct",
                                  "switch",
                                  "template",
                                  "this",
                                  "thread_local",
                                  "throw",
                                  "true",
                                  "try",
                                  "typedef",
                                  "typeid",
                                  "typename",
                                  "typeof",
                                  "union",
                                  "unix",
                                  "unsigned",
                                  "using",
                                  "virtual",
                                  "void",
                                  "volatile",
                                  "wchar_t",
                                  "while",
                                  "xor",
                                  "xor_eq",
                                  "NULL",
                                  "assert",
                                  "errno",
                                  "stdin",
                                  "stdout",
                                  "stderr",
                                  "char8_t",
                                  "char16_t",
                                  "char32_t"};

// Names that a parameter would hide from the body of its function.
const std::set<std::string> used_in_bodies{"context", "args", "coulter_call", "check", "coulter", "std"};

// Functions that every C program has: a kernel of that name would replace them in whoever links the library.
const std::set<std::string> libc{
    "abort",   "abs",     "acos",      "acosh",  "asin",   "asinh",  "atan",   "atan2",  "atanh",  "atexit", "atof",
    "atoi",    "calloc",  "cbrt",      "ceil",   "close",  "cos",    "cosh",   "div",    "erf",    "erfc",   "exit",
    "exp",     "exp2",    "expm1",     "fabs",   "fdim",   "floor",  "fma",    "fmax",   "fmin",   "fmod",   "fopen",
    "fork",    "fread",   "free",      "frexp",  "fwrite", "gamma",  "hypot",  "j0",     "j1",     "jn",     "labs",
    "ldexp",   "lgamma",  "log",       "log10",  "log1p",  "log2",   "logb",   "main",   "malloc", "memcmp", "memcpy",
    "memmove", "memset",  "modf",      "open",   "pipe",   "pow",    "printf", "puts",   "qsort",  "raise",  "rand",
    "read",    "realloc", "remainder", "rename", "rint",   "round",  "scalbn", "select", "send",   "signal", "sin",
    "sinh",    "sleep",   "sqrt",      "srand",  "strcmp", "strlen", "system", "tan",    "tanh",   "tgamma", "time",
    "trunc",   "write",   "y0",        "y1",     "yn"};

// Whether the C library of this machine has a function or variable of that name. In a program that links both, either
// definition may serve callers of the other: a kernel `random` is never called, or answers whoever wants a number.
bool is_in_libc(const std::string& symbol) {
    for (const char* library : {"libc.so.6", "libm.so.6"}) {
        if (void* const handle = dlopen(library, RTLD_LAZY | RTLD_LOCAL)) {
            const bool found = dlsym(handle, symbol.c_str()) != nullptr;
            dlclose(handle);
            if (found) {
                return true;
            }
        }
    }
    return libc.contains(symbol); // the most common ones, on every machine
}

// In namespace coulter.
const std::set<std::string> wrapper_names{"check",      "detail",   "dl_type", "io",    "max_rank",
                                          "float16",    "bfloat16", "Context", "Error", "Tensor",
                                          "TensorView", "coulter",  "std"};

Diagnostic name_taken(const Span& span, std::string message, std::string help) {
    Diagnostic diagnostic;
    diagnostic.code = "B003";
    diagnostic.span = span;
    diagnostic.message = std::move(message);
    diagnostic.help = std::move(help);
    return diagnostic;
}

void check_kernel_names(const std::vector<ir::Kernel>& kernels, std::vector<Diagnostic>& diagnostics) {
    std::map<std::string, const ir::Kernel*> seen;
    for (const ir::Kernel& kernel : kernels) {
        const std::string symbol = c_name(kernel.name);
        const Span span = kernel.definitions.empty() ? Span{} : kernel.definitions.front().span;
        if (words.contains(symbol) || is_in_libc(symbol) || wrapper_names.contains(symbol) ||
            symbol.starts_with("coulter_") || symbol.starts_with("halide_")) {
            diagnostics.push_back(name_taken(
                span, fmt::format("kernel `{}` cannot be a C function `{}`: the name is taken", kernel.name, symbol),
                "rename the kernel; words of C and C++, functions of the C library, `coulter_*` and `halide_*` are "
                "taken"));
        }
        for (const std::string& made : {symbol, symbol + "_info", main_symbol(kernel.name)}) {
            const auto [at, is_new] = seen.emplace(made, &kernel);
            if (!is_new && at->second != &kernel) {
                diagnostics.push_back(name_taken(span,
                                                 fmt::format("kernels `{}` and `{}` both become the C name `{}`",
                                                             at->second->name, kernel.name, made),
                                                 "rename one of them, or put them into different libraries"));
                break;
            }
        }
    }
}

void check_parameter_names(const ir::Kernel& kernel, std::vector<Diagnostic>& diagnostics) {
    std::map<std::string, std::string> seen;
    const auto add = [&](const std::string& tensor, const Span& span) {
        const auto [at, is_new] = seen.emplace(parameter_name(tensor), tensor);
        if (!is_new) {
            diagnostics.push_back(
                name_taken(span,
                           fmt::format("`{}` and `{}` of kernel `{}` both become the C parameter `{}`", at->second,
                                       tensor, kernel.name, at->first),
                           "rename one of them"));
        }
    };
    for (const ir::Input& input : kernel.inputs) {
        add(input.name, input.span);
    }
    for (const std::string& output : kernel.outputs) {
        add(output, kernel.find_definition(output)->span);
    }
}

Diagnostic too_long(const std::string& what, const Span& span) {
    Diagnostic diagnostic;
    diagnostic.code = "B004";
    diagnostic.span = span;
    diagnostic.message = what + " is too long an expression";
    diagnostic.help = fmt::format("at most {} operations and {} open operands are computed at a call",
                                  detail::longest_program, detail::deepest_stack);
    return diagnostic;
}

void check_programs(const ir::Kernel& kernel, std::vector<Diagnostic>& diagnostics) {
    std::vector<Diagnostic> ignored;
    const Sizes sizes = infer_sizes(kernel, ignored);
    const auto check = [&](const ir::Ref& expression, const std::string& what, const Span& span) {
        if (expression && !detail::compile_size(expression, kernel.dims, kernel)) {
            diagnostics.push_back(too_long(fmt::format("{} of kernel `{}`", what, kernel.name), span));
        }
    };
    for (const ir::Dim& dim : kernel.dims) {
        if (const auto rule = sizes.rules.find(dim.name); rule != sizes.rules.end() && !dim.size) {
            check(rule->second.value, fmt::format("the extent of `{}`", dim.name), dim.span);
        }
    }
    for (const SizeCheck& each : sizes.checks) {
        const Span span = kernel.definitions.empty() ? Span{} : kernel.definitions.front().span;
        check(each.lhs, "a check", span);
        check(each.rhs, "a check", span);
    }
}

} // namespace

std::string parameter_name(const std::string& tensor) {
    std::string name = c_name(tensor);
    if (words.contains(name) || used_in_bodies.contains(name)) {
        name += '_';
    }
    return name;
}

std::vector<Diagnostic> check_emission(const std::vector<ir::Kernel>& kernels) {
    std::vector<Diagnostic> diagnostics;
    check_kernel_names(kernels, diagnostics);
    for (const ir::Kernel& kernel : kernels) {
        check_parameter_names(kernel, diagnostics);
        check_programs(kernel, diagnostics);
    }
    return diagnostics;
}

std::vector<Diagnostic> check_variants(const ir::Kernel& kernel, const std::vector<Variant>& variants) {
    std::vector<Diagnostic> diagnostics;
    std::map<std::string, std::string> seen;
    for (const Variant& variant : variants) {
        const auto [at, is_new] = seen.emplace(main_symbol(kernel.name, variant.name), variant.name);
        if (variant.name == "common") {
            diagnostics.push_back(name_taken(variant.span, "`common` is the part of a schedule that no variant changes",
                                             "give the variant another name"));
        } else if (!is_new) {
            diagnostics.push_back(name_taken(variant.span,
                                             fmt::format("variants `{}` and `{}` of kernel `{}` both become the C name "
                                                         "`{}`",
                                                         at->second, variant.name, kernel.name, at->first),
                                             "rename one of them"));
        }
        if (variant.when.extents && !detail::compile_condition(variant.when.extents, kernel)) {
            diagnostics.push_back(too_long(
                fmt::format("the condition of variant `{}` of kernel `{}`", variant.name, kernel.name), variant.span));
        }
    }
    return diagnostics;
}

} // namespace coulter::schedule
