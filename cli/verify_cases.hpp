#pragma once
/// Sizes at which a kernel is verified.

#include "size_finder.hpp"

namespace coulter::cli {

struct SizeCase {
    std::string name;
    std::map<std::string, std::int64_t> extents; ///< of every dim
};

/// Sizes that the kernel accepts and the interpreter can do: ones, odd numbers, primes, beside vectors, the estimates
/// made small, zeros, then random ones up to `count` (0: the fixed ones). Where the schedule has variants, and parts of
/// it are reached by none of these, sizes that reach them come first.
[[nodiscard]] std::vector<SizeCase> size_cases(const Work& work, std::size_t count, std::uint64_t seed);

/// \throws Failure for a dim, given to `option`, whose extent no call of any of the kernels chooses.
void check_size_names(const std::vector<Work>& work, const std::map<std::string, std::int64_t>& given,
                      const std::string& option = "--sizes");

/// The given sizes, completed by the estimates. \throws Failure for a dim that no call chooses or that lacks a size.
[[nodiscard]] std::map<std::string, std::int64_t> complete_sizes(const Work& work,
                                                                 const std::map<std::string, std::int64_t>& given);

} // namespace coulter::cli
