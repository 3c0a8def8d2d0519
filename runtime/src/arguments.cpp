#include "arguments.hpp"

#include <algorithm>
#include <array>
#include <limits>

#include "failure.hpp"
#include "overlap.hpp"
#include "programs.hpp"

namespace coulter::runtime {

namespace {

constexpr int64_t most_elements = std::numeric_limits<int32_t>::max();

/// What the data pointer of an empty tensor is replaced with: Halide takes a null host pointer for a bounds query.
alignas(128) std::array<std::byte, 128> nothing{};

std::string number(int64_t value) {
    return std::to_string(value);
}

std::string device_name(DLDevice device) {
    switch (device.device_type) {
    case kDLCPU: return "cpu";
    case kDLCUDA: return "cuda:" + number(device.device_id);
    case kDLOpenCL: return "opencl:" + number(device.device_id);
    default: return "of type " + number(device.device_type) + ":" + number(device.device_id);
    }
}

} // namespace

std::string type_name(int64_t code, int64_t bits, int64_t lanes) {
    std::string name;
    switch (code) {
    case kDLInt: name = "i" + number(bits); break;
    case kDLUInt: name = "u" + number(bits); break;
    case kDLFloat: name = "f" + number(bits); break;
    case kDLBfloat: name = "bf" + number(bits); break;
    case kDLBool: name = bits == 8 ? "bool" : "bool" + number(bits); break;
    default: name = "code " + number(code) + " with " + number(bits) + " bits"; break;
    }
    return lanes == 1 ? name : name + "x" + number(lanes);
}

std::string fill_in(const char* text, int64_t first, int64_t second) {
    std::string result;
    for (const char* at = text; *at != '\0'; ++at) {
        if (at[0] == '{' && (at[1] == '0' || at[1] == '1') && at[2] == '}') {
            result += number(at[1] == '0' ? first : second);
            at += 2;
        } else {
            result += *at;
        }
    }
    return result;
}

Arguments::Arguments(const coulter_signature& signature, const void* const* args, DLDeviceType device_memory,
                     std::pmr::memory_resource& memory)
    : signature_(signature), info_(*signature.info), device_memory_(device_memory), arguments_(&memory),
      strides_(&memory), extents_(static_cast<size_t>(info_.dim_count), unknown_extent, &memory) {
    if (args == nullptr && info_.argument_count > 0) {
        throw Failure{COULTER_ERROR_NULL_ARGUMENT, "the argument array is null"};
    }
    size_t dims = 0;
    for (int64_t i = 0; i < info_.argument_count; ++i) {
        dims += static_cast<size_t>(info_.arguments[i].ndim);
    }
    strides_.resize(dims);
    arguments_.resize(static_cast<size_t>(info_.argument_count));
    size_t used = 0;
    for (size_t i = 0; i < arguments_.size(); ++i) {
        Argument& argument = arguments_[i];
        argument.declared = &info_.arguments[i];
        argument.strides = std::span(strides_).subspan(used, static_cast<size_t>(argument.declared->ndim));
        used += argument.strides.size();
        if (argument.is_scalar()) {
            argument.scalar = args[i];
        } else {
            argument.given = static_cast<const DLTensor*>(args[i]);
        }
        check_form(argument);
    }
    find_extents();
    for (const Argument& argument : arguments_) {
        check_extents(argument);
    }
    run_checks();
    for (Argument& argument : arguments_) {
        check_memory(argument);
    }
    check_overlaps();
}

std::string Arguments::quoted(const Argument& argument) const {
    return (argument.is_output() ? "output `" : "argument `") + std::string(argument.declared->name) + "`";
}

std::string Arguments::dim_name(const Argument& argument, size_t position) const {
    return "`" + std::string(info_.dims[argument.declared->dims[position]].name) + "`";
}

void Arguments::check_form(Argument& argument) const {
    const coulter_argument& declared = *argument.declared;
    if (argument.given == nullptr && argument.scalar == nullptr) {
        throw Failure{COULTER_ERROR_NULL_ARGUMENT, quoted(argument) + " is null"};
    }
    if (argument.is_scalar()) {
        return;
    }
    const DLTensor& given = *argument.given;
    if (given.dtype.code != declared.type_code || given.dtype.bits != declared.type_bits || given.dtype.lanes != 1) {
        throw Failure{COULTER_ERROR_TYPE, quoted(argument) + " has type " +
                                              type_name(given.dtype.code, given.dtype.bits, given.dtype.lanes) +
                                              ", wanted " + type_name(declared.type_code, declared.type_bits, 1)};
    }
    argument.element_bytes = (declared.type_bits + 7) / 8;
    if (given.ndim != declared.ndim) {
        std::string names;
        for (size_t i = 0; i < argument.strides.size(); ++i) {
            names += (i == 0 ? " (" : ", ") + std::string(info_.dims[declared.dims[i]].name);
        }
        throw Failure{COULTER_ERROR_RANK, quoted(argument) + " has " + number(given.ndim) + " dims, wanted " +
                                              number(declared.ndim) + names + (names.empty() ? "" : ")")};
    }
    if (given.device.device_type != kDLCPU && given.device.device_type != device_memory_) {
        throw Failure{COULTER_ERROR_DEVICE,
                      quoted(argument) + " is on device " + device_name(given.device) + ", wanted cpu" +
                          (device_memory_ == kDLCPU ? "" : " or " + device_name({device_memory_, 0}))};
    }
    if (argument.on_device() && given.device.device_id != 0) {
        throw Failure{COULTER_ERROR_DEVICE, quoted(argument) + " is on device " + device_name(given.device) +
                                                ", and kernels run on " + device_name({device_memory_, 0})};
    }
    if (argument.on_device() && given.device.device_type == kDLOpenCL && given.byte_offset != 0) {
        throw Failure{COULTER_ERROR_DEVICE, quoted(argument) + " has byte offset " + std::to_string(given.byte_offset) +
                                                " in OpenCL's memory, where a kernel takes none; make a sub-buffer"};
    }
    if (argument.on_device() && given.device.device_type == kDLCUDA) {
        throw Failure{COULTER_ERROR_DEVICE,
                      quoted(argument) + " is on device " + device_name(given.device) +
                          ", and using CUDA's memory where it is is not built yet; give it in the host's memory"};
    }
    if (given.ndim > 0 && given.shape == nullptr) {
        throw Failure{COULTER_ERROR_NULL_ARGUMENT, quoted(argument) + " has a null shape"};
    }
    for (size_t i = 0; i < argument.strides.size(); ++i) {
        if (given.shape[i] < 0) {
            throw Failure{COULTER_ERROR_EXTENT, quoted(argument) + " has extent " + number(given.shape[i]) +
                                                    " in dim " + dim_name(argument, i) + ", wanted 0 or more"};
        }
        if (given.shape[i] > most_elements) {
            throw Failure{COULTER_ERROR_TOO_LARGE, quoted(argument) + " has extent " + number(given.shape[i]) +
                                                       " in dim " + dim_name(argument, i) + ", more than 2147483647"};
        }
    }
}

/// The argument whose extent of `dim` counts: the first input that has it, else the first output.
const coulter_argument* Arguments::first_with(int64_t dim) const noexcept {
    for (const bool output : {false, true}) {
        for (const Argument& argument : arguments_) {
            const std::span dims(argument.declared->dims, argument.strides.size());
            if (argument.is_output() == output && std::find(dims.begin(), dims.end(), dim) != dims.end()) {
                return argument.declared;
            }
        }
    }
    return nullptr;
}

void Arguments::find_extents() {
    for (size_t dim = 0; dim < extents_.size(); ++dim) {
        extents_[dim] = info_.dims[dim].extent;
    }
    for (const bool output : {false, true}) {
        for (const Argument& argument : arguments_) {
            for (size_t i = 0; i < argument.strides.size() && argument.is_output() == output; ++i) {
                const int64_t dim = argument.declared->dims[i];
                if (extents_[dim] == unknown_extent && info_.dims[dim].program < 0) {
                    extents_[dim] = argument.given->shape[i];
                }
            }
        }
    }
    for (size_t i = 0; i < extents_.size(); ++i) {
        const size_t dim = signature_.order == nullptr ? i : static_cast<size_t>(signature_.order[i]);
        if (dim >= extents_.size()) {
            throw Failure{COULTER_ERROR_INVALID, "the kernel's descriptor refers to a dim that is not there"};
        }
        if (extents_[dim] != unknown_extent) {
            continue;
        }
        const int64_t program = info_.dims[dim].program;
        if (program < 0 || program >= signature_.program_count) {
            throw Failure{COULTER_ERROR_INVALID, "the kernel's descriptor does not say the extent of dim `" +
                                                     std::string(info_.dims[dim].name) + "`"};
        }
        const auto value = evaluate(signature_.programs[program], extents_);
        if (!value || *value < 0 || *value > most_elements) {
            throw Failure{COULTER_ERROR_SIZE, "the extent of dim `" + std::string(info_.dims[dim].name) +
                                                  "` would be " + (value ? number(*value) : "beyond 64 bits") +
                                                  ", wanted 0 to 2147483647"};
        }
        extents_[dim] = *value;
    }
}

void Arguments::check_extents(const Argument& argument) const {
    for (size_t i = 0; i < argument.strides.size(); ++i) {
        const int64_t dim = argument.declared->dims[i];
        const int64_t extent = argument.given->shape[i];
        if (extent == extents_[dim]) {
            continue;
        }
        std::string wanted = ", wanted " + number(extents_[dim]);
        if (info_.dims[dim].extent < 0 && info_.dims[dim].program >= 0) {
            wanted += ", which follows from other extents";
        } else if (info_.dims[dim].extent < 0) {
            const coulter_argument* const other = first_with(dim);
            wanted = other == argument.declared
                         ? wanted + " as in its other dim of that name"
                         : ", but " +
                               std::string((other->flags & COULTER_ARGUMENT_OUTPUT) != 0 ? "output" : "argument") +
                               " `" + other->name + "` has " + number(extents_[dim]);
        }
        throw Failure{COULTER_ERROR_EXTENT,
                      quoted(argument) + " has extent " + number(extent) + " in dim " + dim_name(argument, i) + wanted};
    }
}

void Arguments::run_checks() const {
    for (const coulter_check& check : std::span(signature_.checks, static_cast<size_t>(signature_.check_count))) {
        const std::span guards(check.guards, static_cast<size_t>(check.guard_count));
        if (std::any_of(guards.begin(), guards.end(), [this](int64_t dim) { return extents_[dim] == 0; })) {
            continue;
        }
        const auto value_of = [&](int64_t program) {
            if (program < 0 || program >= signature_.program_count) {
                throw Failure{COULTER_ERROR_INVALID, "the kernel's descriptor has a malformed check"};
            }
            const auto value = evaluate(signature_.programs[program], extents_);
            if (!value) {
                throw Failure{COULTER_ERROR_SIZE,
                              "a size in the condition `" + std::string(check.text) + "` is beyond 64 bits"};
            }
            return *value;
        };
        const int64_t lhs = value_of(check.lhs);
        const int64_t rhs = check.kind == COULTER_CHECK_NONZERO ? 0 : value_of(check.rhs);
        const bool holds = check.kind == COULTER_CHECK_EQ   ? lhs == rhs
                           : check.kind == COULTER_CHECK_LE ? lhs <= rhs
                                                            : lhs != 0;
        if (!holds) {
            throw Failure{static_cast<int>(check.code), fill_in(check.text, lhs, rhs)};
        }
    }
}

void Arguments::check_memory(Argument& argument) const {
    if (argument.is_scalar()) {
        return;
    }
    const DLTensor& given = *argument.given;
    const std::span<const int64_t> extents = argument.extents();
    argument.empty = std::find(extents.begin(), extents.end(), 0) != extents.end();
    const bool is_handle = given.device.device_type == kDLOpenCL;

    // Innermost first, as Halide multiplies them: it refuses a partial product beyond 31 bits even if the next extent
    // is 0.
    argument.compact = true;
    int64_t elements = 1;
    int64_t below = 0; // Elements before and after the first that the tensor spans.
    int64_t above = 0;
    for (size_t i = extents.size(); i-- > 0;) {
        const bool innermost = i + 1 == extents.size();
        int64_t stride = given.strides == nullptr ? elements : given.strides[i];
        if (extents[i] <= 1 || argument.empty) {
            stride = innermost ? 1 : elements;
        } else if (innermost && stride != 1) {
            throw Failure{COULTER_ERROR_STRIDE, quoted(argument) + " has stride " + number(stride) +
                                                    " in its innermost dim " + dim_name(argument, i) + ", wanted 1"};
        } else if (argument.is_output() && stride <= 0) {
            throw Failure{COULTER_ERROR_STRIDE, quoted(argument) + " has stride " + number(stride) + " in dim " +
                                                    dim_name(argument, i) + ", wanted a positive one"};
        } else if (argument.on_device() && stride < 0) {
            throw Failure{COULTER_ERROR_STRIDE, quoted(argument) + " has stride " + number(stride) + " in dim " +
                                                    dim_name(argument, i) + ", wanted 0 or more on a device"};
        }
        argument.compact = argument.compact && stride == elements;
        int64_t steps = 0;
        const bool overflow =
            __builtin_mul_overflow(stride, extents[i], &steps) || steps > most_elements || steps < -most_elements;
        elements *= extents[i];
        if (!overflow && !argument.empty) {
            (stride < 0 ? below : above) += stride * (extents[i] - 1);
        }
        if (overflow || elements > most_elements || above - below >= most_elements) {
            throw Failure{COULTER_ERROR_TOO_LARGE, quoted(argument) + " spans more than 2147483647 elements (extent " +
                                                       number(extents[i]) + ", stride " + number(stride) + " in dim " +
                                                       dim_name(argument, i) + ")"};
        }
        argument.strides[i] = stride;
    }
    if (argument.empty) {
        argument.data = nothing.data();
        return;
    }
    if (given.data == nullptr) {
        throw Failure{COULTER_ERROR_NULL_DATA, quoted(argument) + " has null data, but " + number(elements) +
                                                   (elements == 1 ? " element" : " elements")};
    }
    const auto address = reinterpret_cast<uintptr_t>(given.data);
    uintptr_t first = 0;
    constexpr uintptr_t reach = uintptr_t{1} << 36; // More than 2^31 elements of 8 bytes on either side.
    if (__builtin_add_overflow(address, given.byte_offset, &first) ||
        first > static_cast<uintptr_t>(std::numeric_limits<int64_t>::max()) - reach) {
        throw Failure{COULTER_ERROR_TOO_LARGE, quoted(argument) + " has byte offset " +
                                                   std::to_string(given.byte_offset) +
                                                   ", which leaves the address space"};
    }
    if (!is_handle && first % static_cast<uintptr_t>(argument.element_bytes) != 0) {
        throw Failure{COULTER_ERROR_ALIGNMENT, quoted(argument) + " is not aligned to its elements of " +
                                                   number(argument.element_bytes) + " bytes"};
    }
    argument.data = static_cast<std::byte*>(given.data) + given.byte_offset;
}

void Arguments::check_overlaps() const {
    const auto region = [](const Argument& argument) {
        return Region{static_cast<int64_t>(reinterpret_cast<uintptr_t>(argument.data)), argument.element_bytes,
                      argument.extents(), argument.strides};
    };
    for (size_t i = 0; i < arguments_.size(); ++i) {
        const Argument& output = arguments_[i];
        if (!output.is_output() || output.empty) {
            continue;
        }
        // By ascending stride each dim must step past all that the smaller ones span. The next dim in that order is
        // found by search: there are few.
        int64_t spanned = 1;
        int64_t previous = 0;
        for (size_t done = 0; done < output.strides.size();) {
            int64_t smallest = std::numeric_limits<int64_t>::max();
            for (size_t k = 0; k < output.strides.size(); ++k) {
                if (output.given->shape[k] > 1 && output.strides[k] > previous) {
                    smallest = std::min(smallest, output.strides[k]);
                }
            }
            for (size_t k = 0; k < output.strides.size(); ++k) {
                if (output.given->shape[k] > 1 && output.strides[k] == smallest) {
                    if (smallest < spanned) {
                        throw Failure{COULTER_ERROR_OVERLAP, quoted(output) + " overlaps itself: stride " +
                                                                 number(smallest) + " in dim " + dim_name(output, k) +
                                                                 " is less than the " + number(spanned) +
                                                                 " elements that the dims with smaller strides span"};
                    }
                    spanned += smallest * (output.given->shape[k] - 1);
                }
            }
            if (smallest == std::numeric_limits<int64_t>::max()) {
                break;
            }
            previous = smallest;
            ++done;
        }
        for (size_t k = 0; k < arguments_.size(); ++k) {
            const Argument& other = arguments_[k];
            // A pair of outputs is looked at once, from the later one.
            if (k == i || other.is_scalar() || other.empty || (other.is_output() && k > i)) {
                continue;
            }
            const bool same =
                output.declared->alias == static_cast<int64_t>(k) && output.data == other.data &&
                std::equal(output.extents().begin(), output.extents().end(), other.extents().begin(),
                           other.extents().end()) &&
                std::equal(output.strides.begin(), output.strides.end(), other.strides.begin(), other.strides.end());
            // Memory of a device is not the host's, and of OpenCL's a handle tells only whether it is the same.
            const bool apart = output.on_device() != other.on_device() ||
                               (output.given->device.device_type == kDLOpenCL && output.data != other.data);
            if (!same && !apart && may_overlap(region(output), region(other))) {
                throw Failure{COULTER_ERROR_OVERLAP, quoted(output) + " overlaps " + quoted(other)};
            }
        }
    }
}

bool Arguments::all_compact() const noexcept {
    return std::all_of(arguments_.begin(), arguments_.end(),
                       [](const Argument& argument) { return argument.is_scalar() || argument.compact; });
}

bool Arguments::aligned_to(int64_t bytes) const noexcept {
    return bytes <= 1 || std::all_of(arguments_.begin(), arguments_.end(), [bytes](const Argument& argument) {
               return argument.is_scalar() || argument.on_device() ||
                      reinterpret_cast<uintptr_t>(argument.data) % static_cast<uintptr_t>(bytes) == 0;
           });
}

bool Arguments::any_on_device() const noexcept {
    return std::any_of(arguments_.begin(), arguments_.end(),
                       [](const Argument& argument) { return argument.on_device() && !argument.empty; });
}

bool Arguments::outputs_empty() const noexcept {
    return std::all_of(arguments_.begin(), arguments_.end(),
                       [](const Argument& argument) { return !argument.is_output() || argument.empty; });
}

} // namespace coulter::runtime
