#pragma once
// Arithmetic of adjoints: a null expression is zero, and what is constant folds, so that texts of gradients are read.

#include "coulter/ir.hpp"

namespace coulter::gradient {

/// The type in which adjoints of a tensor of that type add up: f32 for f16 and bf16, else the type itself.
[[nodiscard]] Type adjoint_type(Type type);
/// `value` in that type; a cast only where it differs.
[[nodiscard]] ir::Ref as(Type type, const ir::Ref& value);

[[nodiscard]] bool is_constant(const ir::Ref& value, double wanted);

// Null operands are zero, and so are null results.
[[nodiscard]] ir::Ref sum_of(const ir::Ref& a, const ir::Ref& b);
[[nodiscard]] ir::Ref negated(const ir::Ref& a);
[[nodiscard]] ir::Ref product_of(const ir::Ref& a, const ir::Ref& b);
/// \pre `b` is not null.
[[nodiscard]] ir::Ref quotient_of(const ir::Ref& a, const ir::Ref& b);
[[nodiscard]] ir::Ref scaled(const ir::Ref& a, double factor);

// Null conditions hold everywhere.
[[nodiscard]] ir::Ref both(const ir::Ref& a, const ir::Ref& b);
/// Either holds; null where one is null.
[[nodiscard]] ir::Ref either(const ir::Ref& a, const ir::Ref& b);
[[nodiscard]] ir::Ref inverse(const ir::Ref& condition);
/// `value` where `condition` holds, else 0.
[[nodiscard]] ir::Ref masked(const ir::Ref& condition, const ir::Ref& value);
/// The parts of a conjunction, in order; none for null.
[[nodiscard]] std::vector<ir::Ref> conjuncts(const ir::Ref& condition);

[[nodiscard]] ir::Ref zero(Type type);

/// A value with choices taken that constant indices decide, and without the zeros that they leave in sums.
[[nodiscard]] ir::Ref folded(const ir::Ref& value);

} // namespace coulter::gradient
