#pragma once
/// Calls a kernel of a shared library through its C function.

#include "coulter/array.hpp"
#include "coulter/dlpack.h"
#include "coulter/runtime.h"
#include "inputs.hpp"
#include "variants.hpp"

#include <memory>

namespace coulter::cli {

/// C for the library, exporting a function that takes the arguments of `kernel`'s own as an array: types of scalars are
/// known only here, and the call is the one that a C program would make.
[[nodiscard]] std::string call_source(const ir::Kernel& kernel, const Sizes& sizes);

/// An open library. \throws Failure [B009] when it cannot be opened.
class KernelLibrary {
public:
    KernelLibrary(const std::filesystem::path& path, const std::string& kernel);

    [[nodiscard]] const coulter_kernel_info& info() const { return *info_; }

    /// A context of the library's own runtime. \throws Failure.
    [[nodiscard]] std::shared_ptr<coulter_context> make_context(int threads) const;
    [[nodiscard]] int call(coulter_context* context, void* const* arguments) const { return call_(context, arguments); }
    [[nodiscard]] std::string last_error(coulter_context* context) const { return last_error_(context); }
    [[nodiscard]] coulter_memory memory(coulter_context* context) const;
    void reset_peak(coulter_context* context) const { reset_peak_(context); }

private:
    std::shared_ptr<void> handle_;
    const coulter_kernel_info* info_ = nullptr;
    int (*call_)(coulter_context*, void* const*) = nullptr;
    const char* (*last_error_)(const coulter_context*) = nullptr;
    int (*create_)(int, coulter_context**) = nullptr;
    int (*destroy_)(coulter_context*) = nullptr;
    int (*set_threads_)(coulter_context*, int) = nullptr;
    int (*memory_)(const coulter_context*, coulter_memory*) = nullptr;
    int (*reset_peak_)(coulter_context*) = nullptr;
};

/// How a tensor lies in memory.
enum class Layout { compact, padded };

/// A tensor in memory of its own, with a band of known bytes before, after and between its elements.
class Tensor {
public:
    /// `alignment`: of the first element of a compact one; a power of two.
    Tensor(Type type, const std::vector<std::int64_t>& shape, Layout layout, std::int64_t alignment = 64);

    void fill(const Array& values);
    [[nodiscard]] Array values() const;
    /// Whether everything that is no element still has its known value.
    [[nodiscard]] bool margins_intact() const;
    /// For the C function; points into this object.
    [[nodiscard]] DLTensor* dl() { return &tensor_; }
    /// Whether it lies as a compact one, and the largest power of two up to 4096 that divides its address.
    [[nodiscard]] Tensors condition() const;

private:
    template <class Visit>
    void each_element(const Visit& visit) const;

    Type type_;
    std::vector<std::int64_t> shape_;
    std::vector<std::int64_t> strides_;
    std::vector<std::byte> memory_;
    std::byte* first_ = nullptr;
    DLTensor tensor_{};
};

/// Random values in a range that suits the kernel's operations; the same for a seed everywhere.
[[nodiscard]] std::map<std::string, Array>
random_inputs(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents, std::uint64_t seed);

/// `inputs` with each f32 and f64 rounded to the next number up or down, but for whole ones, which kernels compare: what a
/// result owes to rounding shows in how far it moves.
[[nodiscard]] std::map<std::string, Array> rounded_otherwise(std::map<std::string, Array> inputs, std::uint64_t seed);

/// Shape of a tensor of the kernel.
[[nodiscard]] std::vector<std::int64_t> shape_of(const ir::Kernel& kernel, const std::string& tensor,
                                                 const std::map<std::string, std::int64_t>& extents);

} // namespace coulter::cli
