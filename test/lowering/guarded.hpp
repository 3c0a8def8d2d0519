#pragma once
/// Tensors in memory that notices accesses beyond their ends.

#include "coulter/array.hpp"

#include <Halide.h>

#include <cstdint>
#include <string>
#include <vector>

namespace coulter::test {

/// Where a tensor lies in its pages, and with which strides.
struct Placement {
    bool at_end =
        true; ///< the last element ends a page, and the next page may not be touched; else the first begins one
    /// In elements, outermost first, with the innermost 1; empty: compact. Zero and negative strides are for inputs.
    std::vector<std::int64_t> strides;
};

/// A tensor between two pages that cannot be read or written. Bytes around and between its elements are 0xff, which as
/// floats are NaN.
class Guarded {
public:
    /// An input: holds `array`, and its own pages are read only. \pre along a stride of 0 the elements are alike.
    Guarded(const Array& array, Placement placement);
    /// An output, filled with 0xff.
    Guarded(Type type, std::vector<std::int64_t> shape, Placement placement);
    ~Guarded();
    Guarded(const Guarded&) = delete;
    Guarded& operator=(const Guarded&) = delete;

    /// Dims innermost first, each min 0.
    [[nodiscard]] halide_buffer_t* buffer() { return &buffer_; }
    /// The elements as they are now.
    [[nodiscard]] Array array() const;
    /// What was written where no element is, or an empty text.
    [[nodiscard]] std::string written_outside() const;

private:
    void allocate();
    [[nodiscard]] std::byte* element(std::int64_t i) const;

    Type type_;
    std::vector<std::int64_t> shape_;
    Placement placement_;
    std::byte* pages_ = nullptr; ///< the first guard page
    std::size_t inner_ = 0;      ///< bytes between the guard pages
    std::size_t page_ = 0;
    std::byte* host_ = nullptr; ///< the element at index 0
    std::vector<halide_dimension_t> dims_;
    halide_buffer_t buffer_{};
};

/// Strides of a compact tensor, outermost first.
[[nodiscard]] std::vector<std::int64_t> compact_strides(const std::vector<std::int64_t>& shape);

} // namespace coulter::test
