#pragma once
/// Sums of products of narrow integers, of which processors add two or four in one instruction.

#include "coulter/ir.hpp"

namespace coulter::schedule {

/// The factors of `sum(i32(left) * i32(right))`; both are reads of i8, u8 or i16.
struct NarrowProduct {
    ir::Ref left;
    ir::Ref right;
};

/// What a definition sums, where it is such a sum: unconditional, of every reduced dim, and no scatter.
[[nodiscard]] std::optional<NarrowProduct> narrow_product(const ir::Definition& definition, const ir::Kernel& kernel);

/// Whether `factor` consecutive indices of the dim, from a multiple of `factor` on, are neighbours in memory, in their
/// order. \param innermost the dim of the tensor that is read whose elements are neighbours.
[[nodiscard]] bool are_neighbours(const ir::Kernel& kernel, const ir::Node& access, const std::string& innermost,
                                  const std::string& dim, std::int64_t factor);

/// How many products of these types are best added to an i32 at once: 4 of u8 by i8 with AVX-512, of which all
/// processors but the first have an instruction for it, else 2. Four without it take two instructions and a shuffle.
[[nodiscard]] std::int64_t products_at_once(Type left, Type right, bool has_avx512);

} // namespace coulter::schedule
