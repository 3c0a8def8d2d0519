#pragma once
/// Random numbers as functions of a seed and of what they are for: a run that goes on draws what it would have drawn.

#include <array>
#include <cstdint>

namespace train {

/// Four random words from a counter of four and a key: Philox4x32 with 10 rounds, as models/random_numbers.hpp has it.
/// Source: J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011, section 3.3.
[[nodiscard]] std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::uint64_t seed);

/// What a counter's last word says the numbers are for.
enum class Purpose : std::uint32_t { parameters = 0, batches = 1 };

/// Element `element` of parameter number `parameter`, normally distributed with deviation 1. Elements 2 i and 2 i + 1
/// take words 0, 1 and 2, 3 of the block {i, parameter, 0, 0}: with u = (word + 1) / 2^32 of the first and v = word /
/// 2^32 of the second, sqrt(-2 log u) cos(2 pi v). Source: G. Box, M. Muller, A note on the generation of random normal
/// deviates, 1958.
[[nodiscard]] double normal(std::uint64_t seed, std::uint32_t parameter, std::uint32_t element);

} // namespace train
