#pragma once
/// Runs kernels on random inputs, to compare one before and after a rewrite.

#include "coulter/interpreter.hpp"

#include <cstdint>

namespace coulter::test {

using Extents = std::map<std::string, std::int64_t>;
using Arrays = std::map<std::string, Array>;

/// Small whole numbers, negative ones included, so that sums of floats are exact in any order.
[[nodiscard]] Arrays random_inputs(const ir::Kernel& kernel, const Extents& extents, std::uint64_t seed);

/// An empty text when the two hold the same: integers exactly, floats within `tolerance` times the largest magnitude,
/// NaN with NaN and infinities with themselves; else the first difference.
[[nodiscard]] std::string difference(const Arrays& expected, const Arrays& actual, double tolerance);

/// The codes and messages of ir::validate, or nothing.
[[nodiscard]] std::string problems(const ir::Kernel& kernel);

} // namespace coulter::test
