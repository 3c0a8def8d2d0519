#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>
#include <span>
#include <string>
#include <vector>

#include "coulter/descriptor.h"

namespace coulter::runtime {

/// An argument that was checked and may be handed to a kernel.
struct Argument {
    const coulter_argument* declared = nullptr;
    const void* scalar = nullptr; ///< The value of a scalar; the rest is for tensors.
    const DLTensor* given = nullptr;
    std::byte* data =
        nullptr; ///< With the byte offset; of OpenCL's memory the cl_mem. Not null, also when the tensor is empty.
    std::span<int64_t> strides{}; ///< Those of dims with fewer than two elements are replaced, see descriptor.h.
    int64_t element_bytes = 0;
    bool empty = false;
    bool compact = false;

    bool on_device() const noexcept { return given != nullptr && given->device.device_type != kDLCPU; }
    bool is_output() const noexcept { return (declared->flags & COULTER_ARGUMENT_OUTPUT) != 0; }
    bool is_scalar() const noexcept { return (declared->flags & COULTER_ARGUMENT_SCALAR) != 0; }
    std::span<const int64_t> extents() const noexcept { return {given->shape, strides.size()}; }
};

/// The arguments of one call, checked against a signature.
class Arguments {
public:
    /// Checks everything that descriptor.h promises of `coulter_call`, in this order: each argument by itself, the
    /// extents, the signature's checks, the memory of each tensor, overlaps.
    ///
    /// Beside the host's memory, tensors may be in `device_memory`.
    ///
    /// \throws Failure without having written anything.
    Arguments(const coulter_signature& signature, const void* const* args, DLDeviceType device_memory,
              std::pmr::memory_resource& memory);

    std::span<const Argument> all() const noexcept { return arguments_; }
    /// The extents of the kernel's dims, in the order of the dim table.
    std::span<const int64_t> extents() const noexcept { return extents_; }
    bool all_compact() const noexcept;
    bool aligned_to(int64_t bytes) const noexcept;
    /// Whether a tensor is on a device.
    bool any_on_device() const noexcept;
    /// Whether there is no element to write.
    bool outputs_empty() const noexcept;

private:
    void check_form(Argument& argument) const;
    void find_extents();
    void check_extents(const Argument& argument) const;
    void run_checks() const;
    void check_memory(Argument& argument) const;
    void check_overlaps() const;

    const coulter_argument* first_with(int64_t dim) const noexcept;
    std::string quoted(const Argument& argument) const;
    std::string dim_name(const Argument& argument, size_t position) const;

    const coulter_signature& signature_;
    const coulter_kernel_info& info_;
    DLDeviceType device_memory_;
    std::pmr::vector<Argument> arguments_;
    std::pmr::vector<int64_t> strides_;
    std::pmr::vector<int64_t> extents_;
};

/// "f32", "bf16x4", "bool", or "code 5 with 64 bits" for a type that has no short name.
std::string type_name(int64_t code, int64_t bits, int64_t lanes);

/// Puts the values in the places of {0} and {1}.
std::string fill_in(const char* text, int64_t first, int64_t second);

} // namespace coulter::runtime
