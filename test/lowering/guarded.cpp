#include "guarded.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <sys/mman.h>
#include <unistd.h>

namespace coulter::test {
namespace {

halide_type_t element_type(Type type) {
    const auto width = static_cast<std::uint8_t>(bits(type));
    switch (type) {
    case Type::boolean: return {halide_type_uint, 1, 1};
    case Type::bf16: return {halide_type_bfloat, 16, 1};
    default: break;
    }
    return {is_float(type)            ? halide_type_float
            : is_signed_integer(type) ? halide_type_int
                                      : halide_type_uint,
            width, 1};
}

} // namespace

std::vector<std::int64_t> compact_strides(const std::vector<std::int64_t>& shape) {
    std::vector<std::int64_t> strides(shape.size());
    std::int64_t stride = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        strides[i] = stride;
        stride *= shape[i];
    }
    return strides;
}

Guarded::Guarded(const Array& array, Placement placement)
    : type_(array.type), shape_(array.shape), placement_(std::move(placement)) {
    allocate();
    const auto size = static_cast<std::size_t>(bytes(type_));
    for (std::int64_t i = 0; i < array.size(); ++i) {
        std::memcpy(element(i), array.data.data() + static_cast<std::size_t>(i) * size, size);
    }
    if (mprotect(pages_ + page_, inner_, PROT_READ) != 0) {
        throw std::runtime_error("mprotect");
    }
}

Guarded::Guarded(Type type, std::vector<std::int64_t> shape, Placement placement)
    : type_(type), shape_(std::move(shape)), placement_(std::move(placement)) {
    allocate();
}

Guarded::~Guarded() {
    munmap(pages_, inner_ + 2 * page_);
}

void Guarded::allocate() {
    if (placement_.strides.empty()) {
        placement_.strides = compact_strides(shape_);
    }
    const auto size = static_cast<std::size_t>(bytes(type_));
    std::int64_t low = 0; // of the elements' offsets
    std::int64_t high = 0;
    bool is_empty = false;
    for (std::size_t i = 0; i < shape_.size(); ++i) {
        is_empty = is_empty || shape_[i] == 0;
        const std::int64_t reach = std::max<std::int64_t>(shape_[i] - 1, 0) * placement_.strides[i];
        (reach < 0 ? low : high) += reach;
    }
    const std::size_t used = is_empty ? 0 : static_cast<std::size_t>(high - low + 1) * size;
    page_ = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    inner_ = std::max<std::size_t>((used + page_ - 1) / page_, 1) * page_;
    void* memory = mmap(nullptr, inner_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        throw std::runtime_error("mmap");
    }
    pages_ = static_cast<std::byte*>(memory);
    if (mprotect(pages_ + page_, inner_, PROT_READ | PROT_WRITE) != 0) {
        throw std::runtime_error("mprotect");
    }
    std::memset(pages_ + page_, 0xff, inner_);
    host_ = pages_ + page_ + (placement_.at_end ? inner_ - used : 0) - low * static_cast<std::int64_t>(size);
    for (std::size_t i = shape_.size(); i-- > 0;) {
        dims_.emplace_back(0, static_cast<std::int32_t>(shape_[i]), static_cast<std::int32_t>(placement_.strides[i]));
    }
    buffer_.host = reinterpret_cast<std::uint8_t*>(host_);
    buffer_.type = element_type(type_);
    buffer_.dimensions = static_cast<std::int32_t>(dims_.size());
    buffer_.dim = dims_.data();
}

std::byte* Guarded::element(std::int64_t i) const {
    std::int64_t offset = 0;
    for (std::size_t d = shape_.size(); d-- > 0;) {
        offset += i % shape_[d] * placement_.strides[d];
        i /= shape_[d];
    }
    return host_ + offset * bytes(type_);
}

Array Guarded::array() const {
    Array array(type_, shape_);
    const auto size = static_cast<std::size_t>(bytes(type_));
    for (std::int64_t i = 0; i < array.size(); ++i) {
        std::memcpy(array.data.data() + static_cast<std::size_t>(i) * size, element(i), size);
    }
    return array;
}

std::string Guarded::written_outside() const {
    const auto size = static_cast<std::size_t>(bytes(type_));
    std::vector<bool> owned(inner_);
    const std::int64_t count = Array(type_, shape_).size();
    for (std::int64_t i = 0; i < count; ++i) {
        const auto at = static_cast<std::size_t>(element(i) - (pages_ + page_));
        std::fill_n(owned.begin() + static_cast<std::ptrdiff_t>(at), size, true);
    }
    for (std::size_t i = 0; i < inner_; ++i) {
        if (!owned[i] && pages_[page_ + i] != std::byte{0xff}) {
            const std::ptrdiff_t from_host = pages_ + page_ + i - host_;
            return "written outside of its elements, at byte " + std::to_string(from_host);
        }
    }
    return {};
}

} // namespace coulter::test
