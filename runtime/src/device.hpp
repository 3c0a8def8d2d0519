#pragma once

#include <HalideRuntime.h>

#include <string>
#include <string_view>
#include <vector>

#include "arguments.hpp"
#include "hooks.hpp"

namespace coulter::runtime {

/// Which device a plan or one of its variants runs kernels on.
enum class Device { none, opencl, cuda };

Device device_of(const coulter_variant& variant) noexcept;
/// Of the first variant that has one.
Device device_of(const coulter_plan& plan) noexcept;

/// What DLPack calls memory of the device.
DLDeviceType memory_of(Device device) noexcept;

/// The buffers of one call of a variant that runs on a device: what the caller's tensors are to Halide, and what of
/// them has to be undone.
///
/// Tensors on the host get memory on the device for the call, to which Halide copies what kernels read; finish() copies
/// outputs back. Tensors on the device are used where they are.
class DeviceBuffers {
public:
    /// \throws Failure when there is no device, without having written anything.
    DeviceBuffers(Device device, Call& call, ScratchPool& scratch);
    /// Frees what the call took on the device.
    ~DeviceBuffers();
    DeviceBuffers(const DeviceBuffers&) = delete;
    DeviceBuffers& operator=(const DeviceBuffers&) = delete;

    /// `buffer` describes the argument on the host; from here on also on the device. Must stay where it is.
    void add(const Argument& argument, halide_buffer_t& buffer);

    /// Packed data, which are on the host.
    void add_packed(halide_buffer_t& buffer);

    /// Outputs on the host have their values, and what runs on the device has ended unless the caller's stream orders
    /// it.
    void finish();

private:
    void check(int result, std::string_view doing);
    void compact(const Argument& argument, halide_buffer_t& buffer);
    void give_an_element(halide_buffer_t& buffer);

    const halide_device_interface_t* interface_;
    Device device_;
    Call& call_;
    ScratchPool& scratch_;
    struct Entry {
        halide_buffer_t* buffer;
        bool wrapped;
        bool output;
        bool borrowed; ///< its device memory is that of `element_`
    };
    std::vector<Entry> entries_;
    std::vector<void*> copies_; ///< of inputs, in scratch memory
    std::byte host_element_[16]{};
    halide_buffer_t element_{}; ///< device memory that empty tensors show, as a device has no memory of no bytes
};

/// Does nothing: it makes the linker take opencl.o, and with it our choice of a context, out of the archive.
void use_own_opencl_context() noexcept;

/// Turns what Halide's runtime reported about a device into a Failure.
[[noreturn]] void throw_device_failure(const std::string& message);

} // namespace coulter::runtime
