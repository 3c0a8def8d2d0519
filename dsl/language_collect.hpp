#pragma once
// What the outputs of a kernel need, with every mistake on the way.

#include "language_nodes.hpp"

namespace coulter::detail {

/// All Dims of one name.
struct DimInfo {
    std::string name;
    std::optional<std::int64_t> size;
    NodeRef extent;
    SourceLoc loc; ///< the declaration that says the extent, else the first
};

struct Collected {
    std::vector<TensorRef> order;     ///< definitions, producers before users, in textual order otherwise
    std::vector<TensorRef> arguments; ///< Inputs and Consts in order of declaration
    std::vector<DimInfo> dims;        ///< in order of first use
    std::vector<TensorRef> outputs;
    std::vector<std::pair<TensorRef, TensorRef>> updates;
    std::map<std::string, std::int64_t> estimates;
    std::vector<Diagnostic> problems;
};

[[nodiscard]] Collected collect(const std::string& kernel, const std::vector<Tensor>& outputs,
                                const std::vector<const KernelOption*>& options, SourceLoc loc);

} // namespace coulter::detail
