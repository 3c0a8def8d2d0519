#pragma once
/// Gradients against central differences. The interpreter evaluates both in f64; nothing else is shared.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace coulter::test {

struct GradientCase {
    ir::Kernel kernel;
    std::vector<std::string> wrt;                ///< empty: all inputs of a float type
    std::map<std::string, std::int64_t> extents; ///< of the dims of inputs, and of outputs that nothing else sizes
    std::uint64_t seed = 1;
    std::map<std::string, Array> inputs = {}; ///< in place of random ones
    double low = -1, high = 1;                ///< of random floats
    std::int64_t highest_integer = 5;         ///< of random integers, from 0
    int elements = 60;                        ///< of an input that are moved one by one; all is moved at once besides
    bool any_kinks = false;                   ///< leave out what two steps do not agree on: a kink may lie between
};

/// The largest error over the largest magnitude, of all elements that were compared; or what went wrong.
struct GradientResult {
    double error = 0;
    std::string message;
    int compared = 0; ///< directions
    int left_out = 0;
};
[[nodiscard]] GradientResult check_gradient(const GradientCase& test);

/// Inputs of a float type.
[[nodiscard]] std::vector<std::string> float_inputs(const ir::Kernel& kernel);

/// Random inputs in f64 (integers in their type), as `check_gradient` draws them.
[[nodiscard]] std::map<std::string, Array> gradient_inputs(const GradientCase& test);

} // namespace coulter::test
