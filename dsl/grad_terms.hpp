#pragma once
// Products as their factors, and sums of them.

#include "coulter/ir.hpp"

#include <cmath>
#include <unordered_set>

namespace coulter::gradient {

// Of floats.
[[nodiscard]] bool is_sum(const ir::Node& node); ///< sums, differences and negations
[[nodiscard]] bool is_product(const ir::Node& node);
[[nodiscard]] bool is_negation(const ir::Node& node);

/// `scale` times the factors; a constant without any.
struct Term {
    double scale = 1;
    std::vector<ir::Ref> factors;

    [[nodiscard]] bool is_scaled() const { return std::abs(scale) != 1; }
    /// Multiplications that it takes.
    [[nodiscard]] std::size_t products() const { return factors.empty() ? 0 : factors.size() - (is_scaled() ? 0 : 1); }
};

/// The factors of a product, or of a negated one, in the order of the text, times `sign`; `whole` are not looked into.
[[nodiscard]] Term term_of(const ir::Node& product, double sign, const std::unordered_set<const ir::Node*>& whole);

[[nodiscard]] ir::Ref built(Type type, const Term& term);
[[nodiscard]] ir::Ref built(Type type, const std::vector<Term>& terms);

} // namespace coulter::gradient
