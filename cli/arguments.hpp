#pragma once
/// The arguments of one call of a kernel.

#include "kernel_call.hpp"

namespace coulter::cli {

/// Compact tensors with the given inputs, and outputs of the right shapes.
class Arguments {
public:
    Arguments(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents,
              std::map<std::string, Array> inputs);

    /// As KernelLibrary::call() takes them; points into this object.
    [[nodiscard]] void* const* data() const { return pointers_.data(); }
    [[nodiscard]] Array output(const std::string& name) const { return outputs_.at(name)->values(); }
    /// The tensor around which memory was written, or nothing.
    [[nodiscard]] std::string overwritten() const;
    /// What variants may ask of all tensors.
    [[nodiscard]] Tensors condition() const;

private:
    std::map<std::string, Array> values_; ///< of inputs: scalars are passed from here
    std::map<std::string, std::unique_ptr<Tensor>> inputs_;
    std::map<std::string, std::unique_ptr<Tensor>> outputs_;
    std::vector<void*> pointers_;
};

} // namespace coulter::cli
