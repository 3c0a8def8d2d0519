#pragma once
/// Where each extent comes from, and which accesses the C entry must check.

#include "coulter/ir.hpp"

namespace coulter {

enum class ExtentSource : std::uint8_t {
    constant,   ///< Dim::size
    expression, ///< Dim::extent
    input,      ///< the Inputs that have the dim; all are checked equal
    inferred,   ///< from accesses, see infer_sizes
    output      ///< the caller's output tensor
};

struct ExtentRule {
    ExtentSource source = ExtentSource::constant;
    ir::Ref value;      ///< for constant, expression and inferred: over `extent` nodes of dims earlier in Sizes::order
    std::string tensor; ///< for input and output: the first argument that has the dim
};

/// A condition on extents that the C entry evaluates. It is skipped when an extent in `guards` is 0.
struct SizeCheck {
    enum class Kind : std::uint8_t { equal, less_equal, nonzero } kind = Kind::less_equal;
    ir::Ref lhs;
    ir::Ref rhs; ///< null for nonzero
    std::vector<std::string> guards;
    std::string text; ///< `{0}` and `{1}` stand for the values of lhs and rhs
};

struct Sizes {
    std::map<std::string, ExtentRule> rules;
    std::vector<std::string> order; ///< every dim, sources before users
    std::vector<SizeCheck> checks;
};

/// Applies the size rule of the language to a kernel.
///
/// An extent has exactly one source, tried in the order of ExtentSource. Inference, from an access that is neither
/// padded nor clamped, with index c0 + sum ci*vi into extent D: for ci > 0
/// N = floor((D-1 - c0 - sum over other cj>0 of cj*(Nj-1)) / ci) + 1, for ci < 0
/// N = floor((c0 + sum over other cj<0 of cj*(Nj-1)) / |ci|) + 1; a reduction's `where` does not restrict it. Several
/// accesses into one source dim give the smallest, into different source dims must agree. Every checked access is then
/// proved in range at both ends, or becomes a check, or, where it can never hold, an error.
[[nodiscard]] Sizes infer_sizes(const ir::Kernel& kernel, std::vector<Diagnostic>& diagnostics);

/// Value of an expression over extents (and constants); nothing when it overflows or an extent is missing.
[[nodiscard]] std::optional<std::int64_t> evaluate(const ir::Ref& expression,
                                                   const std::map<std::string, std::int64_t>& extents);

/// All extents from those of the arguments (or the kernel's estimates, where `given` lacks them). Missing ones stay out.
[[nodiscard]] std::map<std::string, std::int64_t> resolve_extents(const ir::Kernel& kernel, const Sizes& sizes,
                                                                  const std::map<std::string, std::int64_t>& given);

/// Folds constants and linear arithmetic of an index expression; the result is equal for all extents >= 1.
[[nodiscard]] ir::Ref simplify_index(const ir::Ref& expression);

} // namespace coulter
