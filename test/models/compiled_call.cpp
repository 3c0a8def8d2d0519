// Calls with arguments whose surroundings are watched.

#include "models/compiled_kernels.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace coulter::test {
namespace {

constexpr auto unwritten = std::byte{0xee};
constexpr std::int64_t gap = 3; // elements

DLDataType dl_type_of(Type type) {
    const auto bits_of_type = static_cast<std::uint8_t>(bits(type));
    if (is_float(type)) {
        return {kDLFloat, bits_of_type, 1};
    }
    if (is_signed_integer(type)) {
        return {kDLInt, bits_of_type, 1};
    }
    return {kDLUInt, bits_of_type, 1};
}

/// A tensor in memory of its own, between two pages that may not be accessed.
class GuardedTensor {
public:
    GuardedTensor(Type type, std::vector<std::int64_t> shape, Placement placement)
        : type_(type), shape_(std::move(shape)) {
        std::int64_t step = 1;
        strides_.resize(shape_.size());
        for (std::size_t d = shape_.size(); d-- > 0;) {
            strides_[d] = step;
            step = step * shape_[d] + (placement == Placement::strided ? gap : 0);
        }
        std::int64_t span = 1; // from the first element to behind the last
        for (std::size_t d = 0; d < shape_.size(); ++d) {
            span += (shape_[d] - 1) * strides_[d];
        }
        span = std::find(shape_.begin(), shape_.end(), 0) == shape_.end() ? span : 0;
        bytes_ = static_cast<std::size_t>(span * coulter::bytes(type));
        page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        mapped_ = (bytes_ + page_ - 1) / page_ * page_ + 2 * page_;
        void* const memory = mmap(nullptr, mapped_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            throw std::runtime_error("mmap failed");
        }
        memory_ = static_cast<std::byte*>(memory);
        if (mprotect(memory_ + page_, mapped_ - 2 * page_, PROT_READ | PROT_WRITE) != 0) {
            throw std::runtime_error("mprotect failed");
        }
        std::memset(memory_ + page_, static_cast<int>(unwritten), mapped_ - 2 * page_);
        data_ = placement == Placement::after_guard ? memory_ + page_ : memory_ + mapped_ - page_ - bytes_;
        tensor_ = {data_,
                   {kDLCPU, 0},
                   static_cast<std::int32_t>(shape_.size()),
                   dl_type_of(type_),
                   shape_.data(),
                   strides_.data(),
                   0};
    }
    ~GuardedTensor() { munmap(memory_, mapped_); }
    GuardedTensor(const GuardedTensor&) = delete;
    GuardedTensor& operator=(const GuardedTensor&) = delete;

    [[nodiscard]] DLTensor* dl() { return &tensor_; }

    void fill(const Array& values) {
        for_each([&](std::byte* element, std::size_t compact) {
            std::memcpy(element, values.data.data() + compact, static_cast<std::size_t>(coulter::bytes(type_)));
        });
    }

    [[nodiscard]] Array copy() {
        Array result(type_, shape_);
        for_each([&](const std::byte* element, std::size_t compact) {
            std::memcpy(result.data.data() + compact, element, static_cast<std::size_t>(coulter::bytes(type_)));
        });
        return result;
    }

    /// Whether all bytes around the elements, and between them, are as before the call.
    [[nodiscard]] bool is_untouched_outside() {
        for_each([](std::byte* element, std::size_t) { std::memset(element, static_cast<int>(unwritten), 1); }, true);
        for (std::byte* at = memory_ + page_; at != memory_ + mapped_ - page_; ++at) {
            if (*at != unwritten) {
                return false;
            }
        }
        return true;
    }

private:
    /// Visits each element, or with `each_byte` each byte of it, with its offset in a compact array.
    template <class F>
    void for_each(const F& visit, bool each_byte = false) {
        std::int64_t count = 1;
        for (const std::int64_t extent : shape_) {
            count *= extent;
        }
        const auto size = static_cast<std::size_t>(coulter::bytes(type_));
        for (std::int64_t i = 0; i < count; ++i) {
            std::int64_t rest = i;
            std::int64_t offset = 0;
            for (std::size_t d = shape_.size(); d-- > 0;) {
                offset += rest % shape_[d] * strides_[d];
                rest /= shape_[d];
            }
            std::byte* const element = data_ + static_cast<std::size_t>(offset) * size;
            for (std::size_t b = 0; b < (each_byte ? size : 1); ++b) {
                visit(element + b, static_cast<std::size_t>(i) * size + b);
            }
        }
    }

    Type type_;
    std::vector<std::int64_t> shape_;
    std::vector<std::int64_t> strides_;
    std::size_t bytes_ = 0;
    std::size_t page_ = 0;
    std::size_t mapped_ = 0;
    std::byte* memory_ = nullptr;
    std::byte* data_ = nullptr;
    DLTensor tensor_{};
};

Type type_of(const coulter_argument& argument) {
    const std::string text = (argument.type_code == kDLFloat ? "f"
                              : argument.type_code == kDLInt ? "i"
                                                             : "u") +
                             std::to_string(argument.type_bits);
    return type_from_name(text).value();
}

} // namespace

CallResult call(const CompiledKernel& kernel, const std::map<std::string, Array>& inputs,
                const std::map<std::string, std::vector<std::int64_t>>& output_shapes, Placement placement) {
    std::vector<std::shared_ptr<GuardedTensor>> tensors;
    std::vector<DLTensor*> arguments;
    for (std::int64_t i = 0; i < kernel.info->argument_count; ++i) {
        const coulter_argument& argument = kernel.info->arguments[i];
        if (placement == Placement::in_place && argument.alias >= 0) {
            tensors.push_back(tensors[static_cast<std::size_t>(argument.alias)]);
        } else if ((argument.flags & COULTER_ARGUMENT_OUTPUT) != 0) {
            tensors.push_back(
                std::make_shared<GuardedTensor>(type_of(argument), output_shapes.at(argument.name), placement));
        } else {
            const Array& input = inputs.at(argument.name);
            tensors.push_back(std::make_shared<GuardedTensor>(input.type, input.shape, placement));
            tensors.back()->fill(input);
        }
        arguments.push_back(tensors.back()->dl());
    }
    CallResult result;
    coulter_context* context = nullptr;
    if (coulter_context_create(COULTER_ABI, &context) != COULTER_OK) {
        throw std::runtime_error("cannot create a context");
    }
    result.code = kernel.call(context, arguments);
    if (result.code != COULTER_OK) {
        result.message = coulter_context_last_error(context);
    }
    coulter_context_destroy(context);
    for (std::int64_t i = 0; i < kernel.info->argument_count; ++i) {
        const coulter_argument& argument = kernel.info->arguments[i];
        if ((argument.flags & COULTER_ARGUMENT_OUTPUT) != 0) {
            result.outputs[argument.name] = tensors[static_cast<std::size_t>(i)]->copy();
        }
    }
    for (const std::shared_ptr<GuardedTensor>& tensor : tensors) {
        result.gaps_untouched = result.gaps_untouched && tensor->is_untouched_outside(); // this overwrites it
    }
    return result;
}

} // namespace coulter::test
