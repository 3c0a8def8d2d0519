#pragma once
/// A kernel with variants as a shared library, built as `coulter build` does it, but from plans made in the test.

#include "coulter/array.hpp"
#include "coulter/dlpack.h"
#include "coulter/runtime.h"
#include "coulter/schedule/check.hpp"
#include "coulter/schedule/target.hpp"

#include <filesystem>
#include <memory>

namespace coulter::test {

/// How a call gives its tensors.
struct Given {
    std::int64_t row_gap = 0;     ///< elements between the end of a row and the next
    std::size_t misalignment = 0; ///< bytes past a multiple of 256
};

struct Called {
    int code = 0;
    std::string error;
    std::string part; ///< the variant that ran, `common`, or empty
    Array result;
};

class VariantLibrary {
public:
    /// `target` is that of the common part. \throws std::runtime_error when a tool fails.
    VariantLibrary(const ir::Kernel& kernel, const schedule::Plan& common,
                   const std::vector<schedule::Variant>& variants, const std::string& target);
    ~VariantLibrary();
    VariantLibrary(const VariantLibrary&) = delete;
    VariantLibrary& operator=(const VariantLibrary&) = delete;

    /// Calls the kernel on tensors with copies of `inputs`; the kernel has one output, of shape `shape`.
    [[nodiscard]] Called call(const std::vector<Array>& inputs, const std::vector<std::int64_t>& shape,
                              const Given& given = {});
    /// The same with the inputs where they are, for frozen ones.
    [[nodiscard]] Called call_on(const std::vector<DLTensor*>& inputs, const std::vector<std::int64_t>& shape,
                                 const Given& given = {});

    /// Bytes of packed copies that the context keeps.
    [[nodiscard]] std::int64_t packed_bytes() const;
    [[nodiscard]] const coulter_kernel_info& info() const { return *info_; }

private:
    std::filesystem::path folder_;
    std::vector<std::string> parts_;
    void* handle_ = nullptr;
    const coulter_kernel_info* info_ = nullptr;
    coulter_context* context_ = nullptr;
};

/// A tensor of f32 in memory of its own.
class Floats {
public:
    Floats(const std::vector<std::int64_t>& shape, const Given& given);
    void fill(const Array& values);
    [[nodiscard]] Array values() const;
    [[nodiscard]] DLTensor* dl() { return &tensor_; }

private:
    [[nodiscard]] float* element(std::int64_t flat) const;

    std::vector<std::int64_t> shape_;
    std::vector<std::int64_t> strides_;
    std::vector<std::byte> memory_;
    std::byte* first_ = nullptr;
    DLTensor tensor_{};
};

} // namespace coulter::test
