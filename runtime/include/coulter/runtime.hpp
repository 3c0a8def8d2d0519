#pragma once

/// \file
/// C++20 over the C interface: contexts and tensors as values, failures as exceptions.
///
/// The generated header of a kernel has an inline function of this form, whose arguments convert from `Tensor`:
///
///     inline void NAME(Context& context, const TensorView<const float>& pose, float scale, const TensorView<float>&
///     votes) {
///         const DLTensor pose_tensor = pose.dl(), votes_tensor = votes.dl();
///         check(context, ::NAME(context.get(), &pose_tensor, scale, &votes_tensor));
///     }

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "coulter/half.hpp"
#include "coulter/runtime.h"

namespace coulter {

/// A refused or failed call. `what()` is the message, `code()` the coulter_error.
class Error : public std::runtime_error {
public:
    Error(int code, const std::string& text) : std::runtime_error(text), code_(code) {}
    int code() const noexcept { return code_; }

private:
    int code_;
};

/// Owns a coulter_context. Moved-from contexts may only be assigned to or destroyed.
class Context {
public:
    Context() {
        coulter_context* made = nullptr;
        if (const int code = coulter_context_create(COULTER_ABI, &made); code != COULTER_OK) {
            throw Error(code, std::string("cannot create a context: ") + coulter_error_name(code));
        }
        handle_.reset(made);
    }

    coulter_context* get() const noexcept { return handle_.get(); }

    void set_threads(int threads) { check(coulter_context_set_threads(get(), threads)); }
    void set_stream(void* stream) { check(coulter_context_set_stream(get(), stream)); }
    void set_opencl(void* cl_context, void* cl_command_queue) {
        check(coulter_context_set_opencl(get(), cl_context, cl_command_queue));
    }
    void set_allocator(coulter_allocate allocate, coulter_release release, void* user) {
        check(coulter_context_set_allocator(get(), allocate, release, user));
    }
    void forget(const void* data = nullptr) { check(coulter_context_forget(get(), data)); }
    void trim() { check(coulter_context_trim(get())); }
    void reset_peak() { check(coulter_context_reset_peak(get())); }
    coulter_memory memory() const {
        coulter_memory result{};
        check(coulter_context_memory(get(), &result));
        return result;
    }

    /// \throws Error with the context's last message, unless `code` is 0.
    void check(int code) const {
        if (code != COULTER_OK) {
            throw Error(code, coulter_context_last_error(get()));
        }
    }

private:
    struct Destroy {
        void operator()(coulter_context* context) const noexcept { coulter_context_destroy(context); }
    };
    std::unique_ptr<coulter_context, Destroy> handle_;
};

/// \throws Error with the context's last message, unless `code` is 0.
inline void check(const Context& context, int code) {
    context.check(code);
}

namespace detail {

template <typename T>
constexpr DLDataType dl_type() {
    constexpr auto bits = static_cast<uint8_t>(8 * sizeof(T));
    if constexpr (std::same_as<T, bool>) {
        return {kDLBool, 8, 1};
    } else if constexpr (std::same_as<T, bfloat16>) {
        return {kDLBfloat, 16, 1};
    } else if constexpr (std::same_as<T, float16> || std::floating_point<T>) {
        return {kDLFloat, bits, 1};
    } else if constexpr (std::signed_integral<T>) {
        return {kDLInt, bits, 1};
    } else {
        static_assert(std::unsigned_integral<T>, "an element is bool, an integer, a float, float16 or bfloat16");
        return {kDLUInt, bits, 1};
    }
}

/// Product of extents. \throws Error when an extent is negative or the product is beyond 64 bits.
inline int64_t element_count(std::span<const int64_t> shape) {
    int64_t count = 1;
    bool empty = false;
    for (const int64_t extent : shape) {
        if (extent < 0) {
            throw Error(COULTER_ERROR_EXTENT, "a tensor cannot have extent " + std::to_string(extent));
        }
        empty = empty || extent == 0;
        if (extent != 0 && __builtin_mul_overflow(count, extent, &count)) {
            throw Error(COULTER_ERROR_TOO_LARGE, "the number of elements of a tensor is beyond 64 bits");
        }
    }
    return empty ? 0 : count;
}

} // namespace detail

/// The DLPack type of elements of type T: bool, integers, float, double, float16, bfloat16.
template <typename T>
inline constexpr DLDataType dl_type = detail::dl_type<std::remove_const_t<T>>();

/// Most dims of a tensor in the C++ wrapper.
inline constexpr size_t max_rank = 16;

/// A tensor that somebody else owns, with extents and strides (in elements) outermost first. `TensorView<const T>` is
/// for inputs; a `TensorView<T>` converts to it. Copies are shallow.
template <typename T>
class TensorView {
public:
    /// A compact tensor. \throws Error when the rank is above `max_rank` or an extent is negative.
    TensorView(T* data, std::span<const int64_t> shape) : data_(data) {
        set_shape(shape);
        int64_t stride = 1;
        for (size_t i = rank_; i-- > 0;) {
            strides_[i] = stride;
            stride *= std::max<int64_t>(shape_[i], 1);
        }
    }
    TensorView(T* data, std::initializer_list<int64_t> shape)
        : TensorView(data, std::span<const int64_t>(shape.begin(), shape.size())) {}

    TensorView(T* data, std::span<const int64_t> shape, std::span<const int64_t> strides) : data_(data) {
        set_shape(shape);
        if (strides.size() != shape.size()) {
            throw Error(COULTER_ERROR_RANK, "a tensor has " + std::to_string(shape.size()) + " extents and " +
                                                std::to_string(strides.size()) + " strides");
        }
        std::copy(strides.begin(), strides.end(), strides_.begin());
    }
    TensorView(T* data, std::initializer_list<int64_t> shape, std::initializer_list<int64_t> strides)
        : TensorView(data, std::span<const int64_t>(shape.begin(), shape.size()),
                     std::span<const int64_t>(strides.begin(), strides.size())) {}

    /// A compact tensor in a vector. \throws Error when the vector has another number of elements.
    TensorView(std::vector<std::remove_const_t<T>>& values,
               std::span<const int64_t> shape) requires(!std::same_as<std::remove_const_t<T>, bool>)
        : TensorView(values.data(), shape) {
        require_count(values.size());
    }
    TensorView(std::vector<std::remove_const_t<T>>& values,
               std::initializer_list<int64_t> shape) requires(!std::same_as<std::remove_const_t<T>, bool>)
        : TensorView(values, std::span<const int64_t>(shape.begin(), shape.size())) {}
    TensorView(const std::vector<std::remove_const_t<T>>& values,
               std::initializer_list<int64_t> shape) requires(std::is_const_v<T> &&
                                                              !std::same_as<std::remove_const_t<T>, bool>)
        : TensorView(values.data(), shape) {
        require_count(values.size());
    }

    /// A tensor of any library. The view borrows: the tensor must outlive it.
    /// \throws Error when the element type is not T's.
    explicit TensorView(const DLTensor& tensor) : device_(tensor.device) {
        const DLDataType wanted = dl_type<T>;
        if (tensor.dtype.code != wanted.code || tensor.dtype.bits != wanted.bits || tensor.dtype.lanes != 1) {
            throw Error(COULTER_ERROR_TYPE, "a DLPack tensor has type code " + std::to_string(tensor.dtype.code) +
                                                " and " + std::to_string(tensor.dtype.bits) + " bits, wanted code " +
                                                std::to_string(wanted.code) + " and " + std::to_string(wanted.bits));
        }
        if (tensor.ndim < 0 || (tensor.ndim > 0 && tensor.shape == nullptr)) {
            throw Error(COULTER_ERROR_RANK, "a DLPack tensor has a negative rank or no shape");
        }
        T* const data = tensor.data == nullptr
                            ? nullptr
                            : reinterpret_cast<T*>(static_cast<std::byte*>(tensor.data) + tensor.byte_offset);
        const std::span<const int64_t> shape(tensor.shape, static_cast<size_t>(tensor.ndim));
        *this = tensor.strides == nullptr
                    ? TensorView(data, shape)
                    : TensorView(data, shape, std::span<const int64_t>(tensor.strides, shape.size()));
        device_ = tensor.device;
    }

    /// As above. \throws Error also when the version's major number is not ours, or when the tensor is read-only and T
    /// is not const.
    explicit TensorView(const DLManagedTensorVersioned& managed) : TensorView(accept(managed)) {}
    explicit TensorView(const DLManagedTensor& managed) : TensorView(managed.dl_tensor) {}

    /// A view for writing may be read.
    template <typename U>
    requires(std::same_as<const U, T> && !std::same_as<U, T>)
        TensorView(const TensorView<U>& other) // NOLINT(google-explicit-constructor)
        : TensorView(other.data(), other.shape(), other.strides()) {
        device_ = other.device();
    }

    T* data() const noexcept { return data_; }
    size_t rank() const noexcept { return rank_; }
    std::span<const int64_t> shape() const noexcept { return {shape_.data(), rank_}; }
    std::span<const int64_t> strides() const noexcept { return {strides_.data(), rank_}; }
    int64_t size() const { return detail::element_count(shape()); }
    DLDevice device() const noexcept { return device_; }

    /// The element at an index per dim, outermost first. Nothing is checked.
    template <std::integral... I>
    T& operator()(I... index) const {
        int64_t offset = 0;
        size_t dim = 0;
        ((offset += static_cast<int64_t>(index) * strides_[dim++]), ...);
        return data_[offset];
    }

    /// For the C interface. It points into this view and must not outlive it. DLPack's fields are not const; kernels
    /// write to outputs only.
    DLTensor dl() const noexcept {
        return {const_cast<void*>(static_cast<const void*>(data_)),
                device_,
                static_cast<int32_t>(rank_),
                dl_type<T>,
                const_cast<int64_t*>(shape_.data()),
                const_cast<int64_t*>(strides_.data()),
                0};
    }

private:
    void set_shape(std::span<const int64_t> shape) {
        if (shape.size() > max_rank) {
            throw Error(COULTER_ERROR_RANK, "a tensor has " + std::to_string(shape.size()) + " dims, more than 16");
        }
        detail::element_count(shape);
        rank_ = shape.size();
        std::copy(shape.begin(), shape.end(), shape_.begin());
    }

    void require_count(size_t count) const {
        if (static_cast<int64_t>(count) != size()) {
            throw Error(COULTER_ERROR_EXTENT, "a vector of " + std::to_string(count) +
                                                  " elements cannot be a tensor of " + std::to_string(size()));
        }
    }

    static const DLTensor& accept(const DLManagedTensorVersioned& managed) {
        if (managed.version.major != DLPACK_MAJOR_VERSION) {
            throw Error(COULTER_ERROR_ABI, "a DLPack tensor has version " + std::to_string(managed.version.major) +
                                               ", wanted " + std::to_string(DLPACK_MAJOR_VERSION));
        }
        if (!std::is_const_v<T> && (managed.flags & DLPACK_FLAG_BITMASK_READ_ONLY) != 0) {
            throw Error(COULTER_ERROR_READ_ONLY, "a read-only DLPack tensor cannot be written");
        }
        return managed.dl_tensor;
    }

    T* data_ = nullptr;
    size_t rank_ = 0;
    DLDevice device_{kDLCPU, 0};
    std::array<int64_t, max_rank> shape_{};
    std::array<int64_t, max_rank> strides_{};
};

/// A compact tensor that owns its memory (aligned to 64 bytes, zero at first), or one that it took over from a DLPack
/// producer. Can be moved, not copied.
template <typename T>
class Tensor {
    static_assert(!std::is_const_v<T>, "a tensor owns elements that can be written; views may be const");

public:
    explicit Tensor(std::span<const int64_t> shape) : Tensor(allocate(detail::element_count(shape)), shape) {}
    Tensor(std::initializer_list<int64_t> shape) : Tensor(std::span<const int64_t>(shape.begin(), shape.size())) {}

    /// A copy of `values` in row-major order. \throws Error when the number of values is another than the shape's.
    Tensor(std::initializer_list<int64_t> shape, std::initializer_list<T> values) : Tensor(shape) {
        if (static_cast<int64_t>(values.size()) != size()) {
            throw Error(COULTER_ERROR_EXTENT,
                        std::to_string(values.size()) + " values cannot fill a tensor of " + std::to_string(size()));
        }
        std::copy(values.begin(), values.end(), data());
    }

    /// Takes the tensor over: its deleter is called when the Tensor goes, and at once when it is refused with an Error.
    static Tensor adopt(DLManagedTensorVersioned* managed) {
        auto owner = std::shared_ptr<DLManagedTensorVersioned>(managed, [](DLManagedTensorVersioned* tensor) {
            if (tensor != nullptr && tensor->deleter != nullptr) {
                tensor->deleter(tensor);
            }
        });
        if (managed == nullptr) {
            throw Error(COULTER_ERROR_NULL_ARGUMENT, "a DLPack tensor is null");
        }
        return Tensor(std::move(owner), TensorView<T>(*managed));
    }

    Tensor(Tensor&&) noexcept = default;
    Tensor& operator=(Tensor&&) noexcept = default;
    Tensor(const Tensor&) = delete;
    Tensor& operator=(const Tensor&) = delete;

    operator const TensorView<T>&() const noexcept { return view_; } // NOLINT(google-explicit-constructor)
    operator TensorView<const T>() const { return view_; }           // NOLINT(google-explicit-constructor)

    const TensorView<T>& view() const noexcept { return view_; }
    T* data() const noexcept { return view_.data(); }
    std::span<const int64_t> shape() const noexcept { return view_.shape(); }
    std::span<const int64_t> strides() const noexcept { return view_.strides(); }
    int64_t size() const { return view_.size(); }
    /// All elements. Only for tensors that are compact.
    std::span<T> values() const { return {data(), static_cast<size_t>(size())}; }
    void fill(T value) const { std::fill_n(data(), size(), value); }

    template <std::integral... I>
    T& operator()(I... index) const {
        return view_(index...);
    }

private:
    static constexpr std::align_val_t alignment{64};

    static std::shared_ptr<T> allocate(int64_t count) {
        if (count > std::numeric_limits<int64_t>::max() / static_cast<int64_t>(sizeof(T))) {
            throw Error(COULTER_ERROR_TOO_LARGE, "the bytes of a tensor are beyond 64 bits");
        }
        const size_t bytes = std::max<size_t>(static_cast<size_t>(count) * sizeof(T), 1);
        auto* const memory = static_cast<T*>(::operator new(bytes, alignment));
        std::shared_ptr<T> owner(memory, [](T* elements) { ::operator delete(elements, alignment); });
        std::uninitialized_value_construct_n(memory, count);
        return owner;
    }

    Tensor(const std::shared_ptr<T>& memory, std::span<const int64_t> shape)
        : owner_(memory), view_(memory.get(), shape) {}
    Tensor(std::shared_ptr<void> owner, const TensorView<T>& view) : owner_(std::move(owner)), view_(view) {}

    std::shared_ptr<void> owner_;
    TensorView<T> view_;
};

} // namespace coulter
