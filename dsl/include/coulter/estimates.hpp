#pragma once
/// Sizes, floating point operations and bytes of a kernel at given extents.

#include "coulter/sizes.hpp"

namespace coulter {

struct TensorEstimate {
    std::string name;
    std::int64_t elements = 0;
    std::int64_t bytes = 0;
    double flops = 0; ///< of its definition: one per arithmetic operation, two for fma, per element and reduced index
};

struct KernelEstimate {
    std::vector<TensorEstimate> tensors; ///< inputs, consts, definitions
    double flops = 0;
    std::int64_t argument_bytes = 0; ///< inputs and outputs once
};

/// \pre `extents` has every dim (resolve_extents).
[[nodiscard]] KernelEstimate estimate(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents);

} // namespace coulter
