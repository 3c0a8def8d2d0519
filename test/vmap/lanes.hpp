#pragma once
/// Arrays of lifted kernels, one index of the new dim at a time.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"
#include "coulter/sizes.hpp"
#include "support/array_compare.hpp"

#include <algorithm>
#include <cstring>
#include <map>

namespace coulter::test {

using Arrays = std::map<std::string, Array>;
using Extents = std::map<std::string, std::int64_t>;

/// Index `at` along axis `axis`.
[[nodiscard]] inline Array slice(const Array& whole, std::size_t axis, std::int64_t at) {
    std::vector<std::int64_t> shape = whole.shape;
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
    Array part(whole.type, shape);
    std::int64_t inner = 1;
    for (std::size_t i = axis + 1; i < whole.shape.size(); ++i) {
        inner *= whole.shape[i];
    }
    const std::size_t bytes = static_cast<std::size_t>(coulter::bytes(whole.type));
    for (std::int64_t i = 0; i < part.size(); ++i) {
        const std::int64_t from = (i / inner * whole.shape[axis] + at) * inner + i % inner;
        std::memcpy(part.data.data() + static_cast<std::size_t>(i) * bytes,
                    whole.data.data() + static_cast<std::size_t>(from) * bytes, bytes);
    }
    return part;
}

/// Where a dim stands; the number of dims where it does not.
[[nodiscard]] inline std::size_t axis_of(const std::vector<std::string>& dims, const std::string& dim) {
    return static_cast<std::size_t>(std::find(dims.begin(), dims.end(), dim) - dims.begin());
}

/// Random arrays for the inputs of a kernel, whose other extents follow from `extents`.
[[nodiscard]] inline Arrays random_arguments(const ir::Kernel& kernel, Extents extents, std::uint64_t seed) {
    std::vector<Diagnostic> ignored;
    extents.merge(resolve_extents(kernel, infer_sizes(kernel, ignored), extents));
    Arrays given;
    for (const ir::Input& input : kernel.inputs) {
        std::vector<std::int64_t> shape;
        for (const std::string& each : input.dims) {
            shape.push_back(extents.at(each));
        }
        given[input.name] = random_array(input.type, shape, seed += 17);
    }
    return given;
}

} // namespace coulter::test
