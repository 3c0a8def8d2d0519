#pragma once
/// Kernels with extents and inputs on which the lowering is tested.

#include "run_case.hpp"

namespace coulter::test {

struct SizedKernel {
    ir::Kernel kernel;
    std::vector<std::string> free; ///< dims whose extent the caller decides
};

/// The kernels of test/schedule that can be lowered, and more: strided and chained convolutions, a reduction over
/// tuples of floats, sums of f16, bf16 and integers, an arithmetic of small integers.
[[nodiscard]] std::vector<SizedKernel> lowering_kernels();

/// A kernel whose callers decide the dims of its inputs that have no constant extent.
[[nodiscard]] SizedKernel sized_by_inputs(ir::Kernel kernel);

/// A random kernel; `ordered`: with scans, scatters and reductions over segments too; `grids`: scans over several dims.
[[nodiscard]] SizedKernel random_sized_kernel(std::uint64_t seed, int stages = 5, bool ordered = true,
                                              bool grids = false);

/// Extents from 1 and primes to multiples of common tiles, so that no stage has more than `volume` iterations and the C
/// entry refuses nothing. \throws std::runtime_error where there are none.
[[nodiscard]] std::map<std::string, std::int64_t> odd_extents(const SizedKernel& kernel, std::uint64_t seed,
                                                              std::int64_t volume = 20000);

/// A case without a schedule: names, extents and the inputs that may not be arbitrary.
[[nodiscard]] Case make_case(const SizedKernel& kernel, std::uint64_t seed, std::int64_t volume = 20000);

/// Whether the checker takes the case's schedule.
[[nodiscard]] bool is_accepted(const Case& test);

} // namespace coulter::test
