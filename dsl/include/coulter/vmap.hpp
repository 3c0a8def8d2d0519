#pragma once
/// Kernels from kernels: another dim for all that some inputs influence.

#include "coulter/ir.hpp"
#include "coulter/kernel.hpp"

namespace coulter {

struct VmapOptions {
    /// Layouts, outermost dim first, of inputs and outputs that get the dim: their own with the new dim anywhere in it.
    /// Others have it outermost.
    std::map<std::string, std::vector<std::string>> layouts;
    /// Constant extent of the dim. Empty: it follows from the inputs.
    std::optional<std::int64_t> size;
    /// Typical extent, for tuning.
    std::optional<std::int64_t> estimate;
};

/// The kernel that computes `kernel` for each index of a new dim `dim` that each of `inputs` gets; the other inputs are
/// the same for all of its indices. Every definition that one of `inputs` influences has the dim too, and so have the
/// outputs among them. Tensors keep their names, and stages the fingerprints that schedules know them by. Gradient
/// rules of functions are lifted with them.
///
/// The result is called `<kernel>.vmap`.
///
/// \throws LanguageError: G020 a dim of that name exists, G021 an input is none, is named twice, or there is none,
/// G022 a layout is not the tensor's own with the dim in it, G023 an output would be written to an input that has not
/// got the dim.
[[nodiscard]] ir::Kernel vmap(const ir::Kernel& kernel, const std::string& dim, const std::vector<std::string>& inputs,
                              const VmapOptions& options = {});

/// The same for a kernel of the language: `vmap(layer(), "batch", {"pose"})`.
[[nodiscard]] Kernel vmap(const Kernel& kernel, const std::string& dim, const std::vector<std::string>& inputs,
                          const VmapOptions& options = {});

} // namespace coulter
