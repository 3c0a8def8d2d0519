// The C entry: signature, size programs, checks, and the function.

#include "emit_programs.hpp"
#include "emit_signature.hpp"

#include "coulter/fingerprint.hpp"
#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule {
namespace {

using detail::Argument;
using detail::c_string;

class Entry {
public:
    Entry(const ir::Kernel& kernel, const Sizes& sizes)
        : kernel_(kernel), sizes_(sizes), arguments_(detail::arguments(kernel)) {}

    std::string text() {
        const std::string dims = dim_table();
        const std::string argument_rows = argument_table();
        const std::string checks = check_table();
        std::string out =
            fmt::format("/* The entry of kernel {}, written by coulter. It depends on the signature alone. */\n"
                        "#include <coulter/descriptor.h>\n#include <stdbool.h>\n#include <stddef.h>\n\n"
                        "extern const coulter_plan {} __attribute__((visibility(\"hidden\")));\n\n",
                        kernel_.name, plan_symbol(kernel_.name));
        out += dims + argument_rows;
        out += fmt::format(
            "static const coulter_kernel_info coulter__info = {{\n    {}, {}, {}, {}, {}, {}, &{}.build}};\n\n",
            c_string(kernel_.name), c_string(fingerprint(kernel_)), kernel_.dims.size(),
            kernel_.dims.empty() ? "NULL" : "coulter__dims", arguments_.size(),
            arguments_.empty() ? "NULL" : "coulter__arguments", plan_symbol(kernel_.name));
        out += program_table() + checks;
        out += fmt::format(
            "static const coulter_signature coulter__signature = {{\n    COULTER_ABI, &coulter__info, {}, {}, "
            "{}, {}, {}}};\n\n",
            programs_.programs().size(), programs_.programs().empty() ? "NULL" : "coulter__programs",
            sizes_.checks.size(), sizes_.checks.empty() ? "NULL" : "coulter__checks",
            kernel_.dims.empty() ? "NULL" : "coulter__order");
        out += fmt::format("static const coulter_kernel_descriptor coulter__kernel = {{&coulter__signature, &{}}};\n\n",
                           plan_symbol(kernel_.name));
        return out + functions();
    }

private:
    std::int64_t dim_index(const std::string& dim) const {
        return std::ranges::find(kernel_.dims, dim, &ir::Dim::name) - kernel_.dims.begin();
    }

    std::int64_t program(const ir::Ref& expression) {
        auto compiled = detail::compile_size(expression, kernel_.dims, kernel_);
        COULTER_INTERNAL_ASSERT(compiled.has_value());
        return programs_.add(std::move(*compiled));
    }

    std::string numbers(const std::string& name, const std::vector<std::string>& dims) const {
        std::string out = fmt::format("static const int64_t {}[] = {{", name);
        for (std::size_t i = 0; i < dims.size(); ++i) {
            out += fmt::format("{}{}", i == 0 ? "" : ", ", dim_index(dims[i]));
        }
        return out + "};\n";
    }

    std::string dim_table() {
        if (kernel_.dims.empty()) {
            return {};
        }
        std::string out = "static const coulter_dim coulter__dims[] = {\n";
        for (const ir::Dim& dim : kernel_.dims) {
            const ExtentRule& rule = sizes_.rules.at(dim.name);
            const std::int64_t index = !dim.size && rule.value ? program(rule.value) : -1;
            out += fmt::format("    {{{}, {}, {}}},\n", c_string(dim.name), dim.size.value_or(-1), index);
        }
        return out + "};\n" + numbers("coulter__order", sizes_.order) + "\n";
    }

    std::string argument_table() const {
        std::string tables;
        std::string rows = "static const coulter_argument coulter__arguments[] = {\n";
        for (std::size_t i = 0; i < arguments_.size(); ++i) {
            const Argument& argument = arguments_[i];
            const std::string dims = argument.dims.empty() ? "NULL" : fmt::format("coulter__dims_{}", i);
            if (!argument.dims.empty()) {
                tables += numbers(dims, argument.dims);
            }
            std::string flags = argument.output   ? "COULTER_ARGUMENT_OUTPUT"
                                : argument.scalar ? "COULTER_ARGUMENT_SCALAR"
                                : argument.frozen ? "COULTER_ARGUMENT_FROZEN"
                                                  : "0";
            rows += fmt::format("    {{{}, {}, {}, {}, {}, {}, {}}},\n", c_string(argument.name),
                                detail::dl_code(argument.type), bits(argument.type), argument.dims.size(), dims, flags,
                                argument.alias);
        }
        return arguments_.empty() ? std::string() : tables + rows + "};\n\n";
    }

    std::string check_table() {
        if (sizes_.checks.empty()) {
            return {};
        }
        std::string tables;
        std::string rows = "static const coulter_check coulter__checks[] = {\n";
        for (std::size_t i = 0; i < sizes_.checks.size(); ++i) {
            const SizeCheck& check = sizes_.checks[i];
            const std::string guards = check.guards.empty() ? "NULL" : fmt::format("coulter__guards_{}", i);
            if (!check.guards.empty()) {
                tables += numbers(guards, check.guards);
            }
            const bool equal = check.kind == SizeCheck::Kind::equal;
            const bool nonzero = check.kind == SizeCheck::Kind::nonzero;
            const std::int64_t lhs = program(check.lhs);
            const std::int64_t rhs = nonzero ? -1 : program(check.rhs);
            rows += fmt::format("    {{{}, {}, {}, {}, {}, {},\n     {}}},\n",
                                nonzero ? "COULTER_CHECK_NONZERO"
                                : equal ? "COULTER_CHECK_EQ"
                                        : "COULTER_CHECK_LE",
                                lhs, rhs, check.guards.size(), guards,
                                nonzero ? "COULTER_ERROR_EMPTY"
                                : equal ? "COULTER_ERROR_EXTENT"
                                        : "COULTER_ERROR_BOUNDS",
                                c_string(check.text));
        }
        return tables + rows + "};\n\n";
    }

    std::string program_table() const {
        if (programs_.programs().empty()) {
            return {};
        }
        std::string tables;
        std::string rows = "static const coulter_program coulter__programs[] = {\n";
        for (std::size_t i = 0; i < programs_.programs().size(); ++i) {
            const detail::SizeProgram& program = programs_.programs()[i];
            tables += fmt::format("static const coulter_op coulter__ops_{}[] = {{\n", i);
            for (const detail::SizeStep& step : program) {
                tables += fmt::format("    {{{}, {}}},\n", detail::name(step.op), number(step.value));
            }
            tables += "};\n";
            rows += fmt::format("    {{{}, coulter__ops_{}}},\n", program.size(), i);
        }
        return tables + rows + "};\n\n";
    }

    // The lowest number has no literal in C.
    static std::string number(std::int64_t value) {
        return value == std::numeric_limits<std::int64_t>::min() ? "INT64_MIN" : std::to_string(value);
    }

    std::string functions() const {
        std::string values;
        for (const Argument& argument : arguments_) {
            values += fmt::format("{}{}{}", values.empty() ? "" : ", ", argument.scalar ? "&" : "",
                                  parameter_name(argument.name));
        }
        const std::string name = c_name(kernel_.name);
        const std::string prototype = detail::c_prototype(kernel_);
        // The prototypes come first, for compilers that warn of functions without one.
        return fmt::format("{0};\nconst coulter_kernel_info* {1}_info(void);\n\n"
                           "{0} {{\n    const void* const args[] = {{{2}}};\n"
                           "    return coulter_call(context, &coulter__kernel, args);\n}}\n\n"
                           "const coulter_kernel_info* {1}_info(void) {{\n    return &coulter__info;\n}}\n",
                           prototype, name, values);
    }

    const ir::Kernel& kernel_;
    const Sizes& sizes_;
    std::vector<Argument> arguments_;
    detail::ProgramTable programs_;
};

} // namespace

std::string c_entry(const ir::Kernel& kernel, const Sizes& sizes) {
    return Entry(kernel, sizes).text();
}

} // namespace coulter::schedule
