#pragma once
/// Reductions over tuples that are sums of their components, as those of moments.

#include "coulter/schedule/plan.hpp"

#include <Halide.h>

namespace coulter::lower {

/// Components of a custom reduction that are plain sums: `left.i + right.i`, which no other component reads.
[[nodiscard]] std::vector<bool> plain_sums(const ir::Definition& definition);

/// A component `factor * rest` whose factor another component is, as in the sums of w*x and w*x*x.
struct SharedFactor {
    ir::Ref factor;
    ir::Ref rest;
};
[[nodiscard]] std::optional<SharedFactor> shared_factor(const ir::Definition& definition, std::size_t component);

/// Whether the component is such a factor.
[[nodiscard]] bool is_factor_of_another(const ir::Definition& definition, std::size_t component);

/// Whether such a factor is better added as it is, once computed, than multiplied again in a fused multiply-add: where
/// the processor has adders beside the units that multiply. Others would only have one more operation.
[[nodiscard]] bool adds_beside_products(const Halide::Target& target, schedule::Numerics numerics);

} // namespace coulter::lower
