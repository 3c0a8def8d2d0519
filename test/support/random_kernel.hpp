#pragma once
/// Random kernels for fuzzing: well-formed, several stages deep, the same for a seed on every machine.

#include "coulter/ir.hpp"

#include <cstdint>

namespace coulter::test {

struct RandomKernelOptions {
    int stages = 6;       ///< about so many definitions; each tuple adds one that reads it
    bool scans = true;    ///< prefix combinations
    bool scatters = true; ///< reductions with `into`
    bool halves = false;  ///< tensors of f16 and bf16, with sums in them and casts to and from them
    bool grids = false;   ///< scans over several dims, which read states by their places
    /// Also what a change of rounding turns into another result, or what has no portable value: f16 and bf16, NaN and
    /// infinite constants, conditions and arg reductions on floats, conversions of floats to integers; and names that
    /// the text form must quote.
    bool wild = false;
};

/// A kernel that ir::validate accepts.
///
/// Its dims are `i`, `j`, `k` (from the Inputs, estimates of 3 to 9), `o` (inferred from strided accesses into `i`),
/// `y` (an expression over the extent of `j`), and the constant `tap`, `c` and `bin`. Checked accesses stay inside for
/// every extent of `i` of at least 5; all others are padded or clamped. Every definition reaches an output; outputs are
/// no tuples.
[[nodiscard]] ir::Kernel random_kernel(std::uint64_t seed, const RandomKernelOptions& options = {});

} // namespace coulter::test
