#pragma once
/// Sizes at which a kernel is verified.

#include "inputs.hpp"

namespace coulter::cli {

struct SizeCase {
    std::string name;
    std::map<std::string, std::int64_t> extents; ///< of every dim
};

/// Dims whose extent a call chooses.
[[nodiscard]] std::vector<std::string> free_dims(const Work& work);

/// Sizes that the kernel accepts and the interpreter can do: ones, odd numbers, primes, beside vectors, the estimates
/// made small, zeros, then random ones up to `count` (0: the fixed ones).
[[nodiscard]] std::vector<SizeCase> size_cases(const Work& work, std::size_t count, std::uint64_t seed);

/// The given sizes, completed by the estimates. \throws Failure for a dim that no call chooses or that lacks a size.
[[nodiscard]] std::map<std::string, std::int64_t> complete_sizes(const Work& work,
                                                                 const std::map<std::string, std::int64_t>& given);

} // namespace coulter::cli
