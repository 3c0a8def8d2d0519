#pragma once

/// \file
/// What the file readers return and the writers take.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "coulter/runtime.hpp"

namespace coulter {

/// A tensor of a file, whose element type is known at run time: compact, outermost dim first, little endian.
///
/// Types: bool, i8 to i64, u8 to u64, f16, f32, f64, bf16. `data` has the shape's number of elements times their size.
struct FileArray {
    DLDataType type{kDLFloat, 32, 1};
    std::vector<int64_t> shape;
    std::vector<std::byte> data;

    FileArray() = default;

    /// A copy of a compact tensor on the CPU.
    template <typename T>
    static FileArray copy_of(const TensorView<const T>& view) {
        FileArray result;
        result.type = dl_type<T>;
        result.shape.assign(view.shape().begin(), view.shape().end());
        result.data.resize(static_cast<size_t>(view.size()) * sizeof(T));
        int64_t stride = 1;
        for (size_t i = view.rank(); i-- > 0;) {
            if (view.shape()[i] > 1 && view.size() > 0 && view.strides()[i] != stride) {
                throw Error(COULTER_ERROR_STRIDE, "only compact tensors can be copied into an array");
            }
            stride *= view.shape()[i];
        }
        if (!result.data.empty()) {
            std::memcpy(result.data.data(), view.data(), result.data.size());
        }
        return result;
    }

    /// The elements. \throws Error when they are not of type T.
    template <typename T>
    TensorView<T> view() {
        DLTensor tensor{data.data(), {kDLCPU, 0}, static_cast<int32_t>(shape.size()), type, shape.data(), nullptr, 0};
        return TensorView<T>(tensor);
    }
};

/// A file that is malformed or holds something that is not supported. The message names the file and the byte.
class FormatError : public Error {
public:
    FormatError(uint64_t position, const std::string& text)
        : Error(COULTER_ERROR_FORMAT, "byte " + std::to_string(position) + ": " + text), position_(position),
          text_(text) {}
    /// The same with a file's name before it.
    FormatError(const std::string& file, const FormatError& error)
        : Error(COULTER_ERROR_FORMAT, file + ": " + error.what()), position_(error.position_), text_(error.text_) {}

    /// Offset in the file of the byte at which the reader gave up.
    uint64_t position() const noexcept { return position_; }
    const std::string& text() const noexcept { return text_; }

private:
    uint64_t position_;
    std::string text_;
};

} // namespace coulter
