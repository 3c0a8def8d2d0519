#include "kernel_call.hpp"

#include "coulter/schedule/emit.hpp"
#include "coulter/schedule/symbols.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <fmt/core.h>
#include <limits>
#include <random>

namespace coulter::cli {
namespace {

constexpr std::byte margin{0xa5};
constexpr std::size_t margin_bytes = 256;

std::string c_scalar(Type type) {
    switch (type) {
    case Type::f64: return "double";
    case Type::f32: return "float";
    case Type::f16:
    case Type::bf16: return "uint16_t";
    case Type::boolean: return "bool";
    default: return fmt::format("{}int{}_t", is_unsigned_integer(type) ? "u" : "", bits(type));
    }
}

template <class Function>
void find(void* handle, const std::string& name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(handle, name.c_str()));
    if (function == nullptr) {
        throw failure(environment, "B009", fmt::format("the library that was built has no `{}`", name));
    }
}

DLDataType dl_type(Type type) {
    const auto width = static_cast<std::uint8_t>(bits(type));
    if (type == Type::boolean) {
        return {kDLBool, 8, 1};
    }
    if (type == Type::bf16) {
        return {kDLBfloat, 16, 1};
    }
    const auto code = is_float(type) ? kDLFloat : is_unsigned_integer(type) ? kDLUInt : kDLInt;
    return {static_cast<std::uint8_t>(code), width, 1};
}

// Whether negative operands would mostly give NaN, or quotients that are too large to compare.
bool wants_positive(const ir::Kernel& kernel) {
    for (const ir::Definition& definition : kernel.definitions) {
        for (const ir::Node* node : ir::postorder(ir::roots(definition))) {
            const bool of_floats = is_float(node->type);
            if (of_floats && (node->op == ir::Op::log || node->op == ir::Op::sqrt || node->op == ir::Op::log1p ||
                              node->op == ir::Op::pow || node->op == ir::Op::div)) {
                return true;
            }
        }
    }
    return false;
}

} // namespace

std::string call_source(const ir::Kernel& kernel, const Sizes& sizes) {
    std::string arguments;
    std::size_t count = 0;
    for (const ir::Input& input : kernel.inputs) {
        arguments += input.dims.empty() ? fmt::format(", *(const {}*)arguments[{}]", c_scalar(input.type), count)
                                        : fmt::format(", (const DLTensor*)arguments[{}]", count);
        ++count;
    }
    for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
        arguments += fmt::format(", (DLTensor*)arguments[{}]", count++);
    }
    return schedule::c_header(kernel, sizes) +
           fmt::format("\nint coulter_cli_call(coulter_context* context, void* const* arguments);\n"
                       "int coulter_cli_call(coulter_context* context, void* const* arguments) {{\n"
                       "    return {}(context{});\n}}\n",
                       schedule::c_name(kernel.name), arguments);
}

KernelLibrary::KernelLibrary(const std::filesystem::path& path, const std::string& kernel) {
    void* const opened = dlopen(std::filesystem::absolute(path).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (opened == nullptr) {
        throw failure(environment, "B009", fmt::format("the library that was built cannot be opened: {}", dlerror()));
    }
    handle_ = std::shared_ptr<void>(opened, dlclose);
    const coulter_kernel_info* (*get_info)() = nullptr;
    find(opened, schedule::c_name(kernel) + "_info", get_info);
    info_ = get_info();
    find(opened, "coulter_cli_call", call_);
    find(opened, "coulter_context_last_error", last_error_);
    find(opened, "coulter_context_create", create_);
    find(opened, "coulter_context_destroy", destroy_);
    find(opened, "coulter_context_set_threads", set_threads_);
    find(opened, "coulter_context_memory", memory_);
    find(opened, "coulter_context_reset_peak", reset_peak_);
}

std::shared_ptr<coulter_context> KernelLibrary::make_context(int threads) const {
    coulter_context* made = nullptr;
    if (create_(COULTER_ABI, &made) != COULTER_OK || set_threads_(made, threads) != COULTER_OK) {
        throw Failure(environment, "error: a context of the runtime cannot be made\n");
    }
    const auto handle = handle_;
    const auto destroy = destroy_;
    return {made, [handle, destroy](coulter_context* context) { destroy(context); }};
}

coulter_memory KernelLibrary::memory(coulter_context* context) const {
    coulter_memory result{};
    memory_(context, &result);
    return result;
}

Tensor::Tensor(Type type, const std::vector<std::int64_t>& shape, Layout layout, std::int64_t alignment)
    : type_(type), shape_(shape), strides_(shape.size()) {
    std::int64_t span = 1;
    for (std::size_t i = shape.size(); i-- > 0;) {
        strides_[i] = span;
        span *= std::max<std::int64_t>(shape[i], 1);
        // Rows that do not follow each other, at distances that no vector divides.
        span += layout == Layout::padded ? 3 : 0;
    }
    const auto element = static_cast<std::size_t>(bytes(type));
    // Padded tensors begin where only an element is aligned.
    const std::size_t offset = margin_bytes + (layout == Layout::padded ? element : 0);
    const auto boundary = static_cast<std::size_t>(alignment);
    memory_.assign(offset + static_cast<std::size_t>(span) * element + margin_bytes + boundary, margin);
    const std::size_t misaligned = (reinterpret_cast<std::uintptr_t>(memory_.data()) + margin_bytes) % boundary;
    first_ = memory_.data() + offset + (misaligned == 0 ? 0 : boundary - misaligned);
    tensor_ = {
        first_, {kDLCPU, 0}, static_cast<std::int32_t>(shape_.size()), dl_type(type), shape_.data(), strides_.data(),
        0};
}

template <class Visit>
void Tensor::each_element(const Visit& visit) const {
    const auto element = static_cast<std::size_t>(bytes(type_));
    std::int64_t count = 1;
    for (const std::int64_t extent : shape_) {
        count *= extent;
    }
    std::vector<std::int64_t> index(shape_.size());
    std::int64_t offset = 0;
    for (std::int64_t i = 0; i < count; ++i) {
        visit(static_cast<std::size_t>(i) * element, first_ + offset * static_cast<std::int64_t>(element));
        for (std::size_t d = shape_.size(); d-- > 0;) {
            offset += strides_[d];
            if (++index[d] < shape_[d]) {
                break;
            }
            offset -= strides_[d] * shape_[d];
            index[d] = 0;
        }
    }
}

Tensors Tensor::condition() const {
    Tensors result;
    std::int64_t elements = 1;
    for (std::size_t i = shape_.size(); i-- > 0;) {
        result.compact = result.compact && (shape_[i] <= 1 || strides_[i] == elements);
        elements *= shape_[i];
    }
    if (elements == 0) {
        return {};
    }
    while (reinterpret_cast<std::uintptr_t>(first_) % static_cast<std::uintptr_t>(result.alignment) != 0) {
        result.alignment /= 2;
    }
    return result;
}

void Tensor::fill(const Array& values) {
    const auto element = static_cast<std::size_t>(bytes(type_));
    each_element([&](std::size_t from, std::byte* to) { std::memcpy(to, values.data.data() + from, element); });
}

Array Tensor::values() const {
    Array result(type_, shape_);
    const auto element = static_cast<std::size_t>(bytes(type_));
    each_element([&](std::size_t to, const std::byte* from) { std::memcpy(result.data.data() + to, from, element); });
    return result;
}

bool Tensor::margins_intact() const {
    std::vector<std::byte> rest = memory_;
    const auto element = static_cast<std::size_t>(bytes(type_));
    each_element(
        [&](std::size_t, const std::byte* at) { std::fill_n(rest.begin() + (at - memory_.data()), element, margin); });
    return std::ranges::all_of(rest, [](std::byte each) { return each == margin; });
}

std::map<std::string, Array> random_inputs(const ir::Kernel& kernel, const std::map<std::string, std::int64_t>& extents,
                                           std::uint64_t seed) {
    std::map<std::string, Array> inputs;
    const double low = wants_positive(kernel) ? 0.1 : -1.0;
    std::uint64_t number = 0;
    for (const ir::Input& input : kernel.inputs) {
        std::mt19937_64 random(seed * 1000003 + number++);
        Array array(input.type, shape_of(kernel, input.name, extents));
        for (std::int64_t i = 0; i < array.size(); ++i) {
            const std::uint64_t bits = random();
            if (is_float(input.type)) {
                array.set_real(i, low + (1.1 - low) * static_cast<double>(bits >> 11) * 0x1p-53);
            } else if (input.type == Type::boolean) {
                array.set_integer(i, static_cast<std::int64_t>(bits >> 63));
            } else {
                array.set_integer(i, static_cast<std::int64_t>((bits >> 32) % 9) -
                                         (is_signed_integer(input.type) ? 4 : 0));
            }
        }
        inputs.emplace(input.name, std::move(array));
    }
    return inputs;
}

std::map<std::string, Array> rounded_otherwise(std::map<std::string, Array> inputs, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const double infinity = std::numeric_limits<double>::infinity();
    for (auto& [name, array] : inputs) {
        if (array.type != Type::f32 && array.type != Type::f64) {
            continue;
        }
        for (std::int64_t i = 0; i < array.size(); ++i) {
            const double value = array.real(i);
            if (value == std::trunc(value)) {
                continue;
            }
            const double towards = random() >> 63 == 0 ? -infinity : infinity;
            array.set_real(i, array.type == Type::f64
                                  ? std::nextafter(value, towards)
                                  : std::nextafter(static_cast<float>(value), static_cast<float>(towards)));
        }
    }
    return inputs;
}

std::vector<std::int64_t> shape_of(const ir::Kernel& kernel, const std::string& tensor,
                                   const std::map<std::string, std::int64_t>& extents) {
    std::vector<std::int64_t> shape;
    for (const std::string& dim : kernel.dims_of(tensor)) {
        shape.push_back(extents.at(dim));
    }
    return shape;
}

} // namespace coulter::cli
