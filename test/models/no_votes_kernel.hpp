#pragma once
/// em_routing under models/schedules/em_routing_no_votes.sched.

#include "models/compiled_kernels.hpp"

#include <cstdint>

namespace coulter::test {

[[nodiscard]] CompiledKernel no_votes_kernel();

/// Bytes of scratch memory at most, and of packed weights, that a call takes with `types` types of capsules on either
/// side and children at `size` by `size` positions.
[[nodiscard]] std::int64_t memory_without_votes(std::int64_t batch, std::int64_t size, std::int64_t types, int threads);

} // namespace coulter::test
