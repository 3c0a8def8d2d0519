#pragma once
/// The class behind ir::validate, in two files: what a kernel declares, and what its definitions compute.

#include "coulter/ir.hpp"
#include "lists.hpp"
#include "text_lex.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <unordered_set>

namespace coulter::ir {

/// What expressions need to know of a tensor.
struct ValidatedTensor {
    const std::vector<std::string>* dims = nullptr;
    std::vector<Type> types;
    std::size_t defined_at = 0; ///< 0 for inputs and consts, else the definition's position from 1
};

inline constexpr std::size_t most_reports = 100; ///< of one kernel

/// Where an expression stands, which decides what it may name.
enum class ExpressionContext : std::uint8_t { loops, identity, combine, extent };

/// One run over one kernel, which must outlive it.
class Validator {
public:
    explicit Validator(const Kernel& kernel) : kernel_(kernel) {}

    std::vector<Diagnostic> run() {
        check_name(kernel_.name, "kernel", {});
        check_dims();
        check_tensors();
        for (std::size_t i = 0; i < kernel_.definitions.size() && !full(); ++i) {
            check_definition(kernel_.definitions[i], i + 1);
        }
        if (!full()) {
            check_interface();
        }
        return std::move(diagnostics_);
    }

private:
    [[nodiscard]] bool full() const { return diagnostics_.size() >= most_reports; }

    void report(const char* code, const Span& span, std::string message, std::string help = {}) {
        diagnostics_.push_back({Severity::error, code, span, std::move(message), {}, std::move(help)});
    }

    void check_name(const std::string& name, const char* what, const Span& span) {
        // Dims that a schedule's rewrites add are named `<stage>:<dim>.o`.
        const std::size_t colon = what == std::string_view("dim") ? name.find(':') : std::string::npos;
        const std::string_view last = std::string_view(name).substr(colon == std::string::npos ? 0 : colon + 1);
        const std::string_view stage = colon == std::string::npos ? last : std::string_view(name).substr(0, colon);
        if (!text::is_plain_name(last) || !text::is_plain_name(stage)) {
            report("V001", span, fmt::format("`{}` cannot name a {}", name, what),
                   "names are identifiers joined by dots, with `[n]` after a segment: `votes`, `em.mu[1]`");
        }
    }

    void check_dims();
    void check_extent_cycles();
    void check_tensors();
    void check_tensor(const std::string& name, const std::vector<Type>& types, const std::vector<std::string>& dims,
                      const Span& span, std::size_t position);
    void check_const(const Const& constant);
    void check_definition(const Definition& definition, std::size_t position);
    void check_scan(const Definition& definition);
    void check_reduction(const Definition& definition);
    void check_states(const Definition& definition, const std::vector<Ref>& identity, const std::vector<Ref>& combine);
    void check_values(const Definition& definition);
    void check_expressions(const Definition& definition, std::size_t position, const std::vector<Ref>& roots,
                           ExpressionContext context, const std::unordered_set<std::string>& loops);
    void check_access(const Node& node, const Definition& definition, std::size_t position, ExpressionContext context,
                      const std::unordered_set<std::string>& loops);
    void check_constant(const Node& node, const Span& span);
    void check_operation(const Node& node, const Span& span);
    void check_interface();
    void check_rule(const Group& group);

    const Kernel& kernel_;
    std::unordered_map<std::string, const Dim*> dims_;
    std::unordered_map<std::string, ValidatedTensor> tensors_;
    std::vector<Diagnostic> diagnostics_;
};

[[nodiscard]] inline std::vector<std::string> dim_names(const Kernel& kernel) {
    std::vector<std::string> names;
    for (const Dim& dim : kernel.dims) {
        names.push_back(dim.name);
    }
    return names;
}

} // namespace coulter::ir
