#include "device.hpp"

#include <HalideRuntimeCuda.h>
#include <HalideRuntimeOpenCL.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "failure.hpp"

namespace coulter::runtime {

namespace {

bool has_feature(const coulter_variant& variant, int bit) noexcept {
    return bit / 64 < variant.feature_words && (variant.features[bit / 64] >> (bit % 64) & 1) != 0;
}

const halide_device_interface_t* interface_of(Device device) noexcept {
    return device == Device::opencl ? halide_opencl_device_interface() : halide_cuda_device_interface();
}

std::string_view name_of(Device device) noexcept {
    return device == Device::opencl ? "OpenCL" : "CUDA";
}

/// Copies the elements of dims [0, dims) of `buffer`, outermost last, to dense memory.
std::byte* gather(const halide_buffer_t& buffer, int dims, const std::byte* from, std::byte* to) noexcept {
    const auto element = static_cast<size_t>(buffer.type.bytes());
    if (dims == 0) {
        std::memcpy(to, from, element);
        return to + element;
    }
    const halide_dimension_t& outer = buffer.dim[dims - 1];
    for (int32_t i = 0; i < outer.extent; ++i) {
        to = gather(buffer, dims - 1, from + int64_t{i} * outer.stride * static_cast<int64_t>(element), to);
    }
    return to;
}

} // namespace

Device device_of(const coulter_variant& variant) noexcept {
    return has_feature(variant, halide_target_feature_opencl) ? Device::opencl
           : has_feature(variant, halide_target_feature_cuda) ? Device::cuda
                                                              : Device::none;
}

Device device_of(const coulter_plan& plan) noexcept {
    for (const coulter_variant& variant : std::span(plan.variants, static_cast<size_t>(plan.variant_count))) {
        if (const Device device = device_of(variant); device != Device::none) {
            return device;
        }
    }
    return Device::none;
}

DLDeviceType memory_of(Device device) noexcept {
    return device == Device::opencl ? kDLOpenCL : device == Device::cuda ? kDLCUDA : kDLCPU;
}

void throw_device_failure(const std::string& message) {
    const bool memory = message.find("CL_MEM_OBJECT_ALLOCATION_FAILURE") != std::string::npos ||
                        message.find("CUDA_ERROR_OUT_OF_MEMORY") != std::string::npos;
    throw Failure{memory ? COULTER_ERROR_MEMORY : COULTER_ERROR_DEVICE_FAILED, message};
}

DeviceBuffers::DeviceBuffers(Device device, Call& call, ScratchPool& scratch)
    : interface_(interface_of(device)), device_(device), call_(call), scratch_(scratch) {
    use_own_opencl_context();
    // The first use finds the driver and makes the device's context.
    if (halide_device_sync_global(&call_, interface_) != halide_error_code_success) {
        throw Failure{COULTER_ERROR_NO_DEVICE,
                      "no " + std::string(name_of(device)) + " device was found: " +
                          (call_.error().empty() ? "its driver does not answer" : call_.error())};
    }
}

DeviceBuffers::~DeviceBuffers() {
    // What fails here has failed before, and was reported.
    for (const Entry& entry : entries_) {
        if (entry.borrowed) {
            entry.buffer->device = 0;
            entry.buffer->device_interface = nullptr;
        } else if (entry.wrapped) {
            static_cast<void>(halide_device_detach_native(&call_, entry.buffer));
        } else if (entry.buffer->device != 0) {
            static_cast<void>(halide_device_free(&call_, entry.buffer));
        }
    }
    if (element_.device != 0) {
        static_cast<void>(halide_device_free(&call_, &element_));
    }
    for (void* const copy : copies_) {
        scratch_.release(copy);
    }
}

void DeviceBuffers::check(int result, std::string_view doing) {
    if (result != halide_error_code_success) {
        throw_device_failure(
            std::string(doing) + ": " +
            (call_.error().empty() ? "the device reports error " + std::to_string(result) : call_.error()));
    }
}

void DeviceBuffers::add(const Argument& argument, halide_buffer_t& buffer) {
    entries_.push_back({&buffer, false, argument.is_output(), false});
    Entry& entry = entries_.back();
    if (argument.empty) {
        give_an_element(buffer);
        entry.borrowed = true;
        return;
    }
    if (argument.on_device()) {
        buffer.host = nullptr;
        check(halide_device_wrap_native(&call_, &buffer, reinterpret_cast<uintptr_t>(argument.data), interface_),
              "taking `" + std::string(argument.declared->name) + "` where it is");
        entry.wrapped = true;
        return;
    }
    if (!argument.is_output()) {
        compact(argument, buffer);
        buffer.set_host_dirty();
    }
}

void DeviceBuffers::add_packed(halide_buffer_t& buffer) {
    const bool empty = std::any_of(buffer.dim, buffer.dim + buffer.dimensions,
                                   [](const halide_dimension_t& dim) { return dim.extent == 0; });
    entries_.push_back({&buffer, false, false, empty});
    if (empty) {
        give_an_element(buffer);
    } else {
        buffer.set_host_dirty();
    }
}

/// Halide has no copies to a device with negative strides.
void DeviceBuffers::compact(const Argument& argument, halide_buffer_t& buffer) {
    const std::span<halide_dimension_t> dims(buffer.dim, static_cast<size_t>(buffer.dimensions));
    if (std::none_of(dims.begin(), dims.end(), [](const halide_dimension_t& dim) { return dim.stride < 0; })) {
        return;
    }
    size_t bytes = static_cast<size_t>(buffer.type.bytes());
    for (const halide_dimension_t& dim : dims) {
        bytes *= static_cast<size_t>(dim.extent);
    }
    void* const copy = scratch_.allocate(bytes);
    if (copy == nullptr) {
        throw Failure{COULTER_ERROR_MEMORY, "out of memory: wanted " + std::to_string(bytes) +
                                                " bytes for a copy of `" + std::string(argument.declared->name) + "`"};
    }
    copies_.push_back(copy);
    gather(buffer, buffer.dimensions, reinterpret_cast<const std::byte*>(buffer.host), static_cast<std::byte*>(copy));
    int32_t stride = 1;
    for (halide_dimension_t& dim : dims) {
        dim.stride = stride;
        stride *= dim.extent;
    }
    buffer.host = static_cast<uint8_t*>(copy);
}

void DeviceBuffers::give_an_element(halide_buffer_t& buffer) {
    if (element_.device == 0) {
        element_.host = reinterpret_cast<uint8_t*>(host_element_);
        element_.type = {halide_type_uint, 8};
        check(halide_device_malloc(&call_, &element_, interface_), "taking memory of the device");
    }
    buffer.device = element_.device;
    buffer.device_interface = element_.device_interface;
}

void DeviceBuffers::finish() {
    bool resident = false;
    for (const Entry& entry : entries_) {
        if (entry.output && !entry.wrapped && !entry.borrowed && entry.buffer->device_dirty()) {
            check(halide_copy_to_host(&call_, entry.buffer), "copying an output to the host");
        }
        resident = resident || entry.wrapped;
    }
    // Whoever gave a stream orders by it what comes next.
    if (resident && !(device_ == Device::cuda && call_.context().stream != nullptr)) {
        check(halide_device_sync_global(&call_, interface_), "waiting for the device");
    }
}

} // namespace coulter::runtime
