/// The OpenCL context and queue that kernels run in: that of the coulter_context where the caller gave one, else one
/// that all contexts of the process share, on the first device that is found. Ours replace Halide's weak functions of
/// the same names, so that a process without a driver or a device gets a message that says so.
#include <HalideRuntimeOpenCL.h>
#include <dlfcn.h>

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "device.hpp"

namespace coulter::runtime {

namespace {

// What is needed of OpenCL 1.1, whose header is not needed to build this.
using cl_int = int32_t;
using cl_uint = uint32_t;
using cl_bits = uint64_t;
using Platform = void*;
using DeviceId = void*;
using ClContext = void*;
using Queue = void*;

constexpr cl_bits type_cpu = 2;
constexpr cl_bits type_gpu = 4;
constexpr cl_bits type_accelerator = 8;
constexpr cl_uint platform_name = 0x0902;

struct Driver {
    cl_int (*get_platforms)(cl_uint, Platform*, cl_uint*) = nullptr;
    cl_int (*get_platform_info)(Platform, cl_uint, size_t, void*, size_t*) = nullptr;
    cl_int (*get_devices)(Platform, cl_bits, cl_uint, DeviceId*, cl_uint*) = nullptr;
    ClContext (*create_context)(const intptr_t*, cl_uint, const DeviceId*, void*, void*, cl_int*) = nullptr;
    Queue (*create_queue)(ClContext, DeviceId, cl_bits, cl_int*) = nullptr;
};

template <class Function>
bool find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
    return function != nullptr;
}

/// The context of the process.
class Shared {
public:
    /// \returns what is missing; empty: `context` and `queue` are set.
    std::string open() {
        if (context != nullptr) {
            return {};
        }
        Driver driver;
        void* const library = dlopen("libOpenCL.so.1", RTLD_NOW | RTLD_LOCAL);
        if (library == nullptr) {
            return "libOpenCL.so.1 is not installed";
        }
        if (!find(library, "clGetPlatformIDs", driver.get_platforms) ||
            !find(library, "clGetPlatformInfo", driver.get_platform_info) ||
            !find(library, "clGetDeviceIDs", driver.get_devices) ||
            !find(library, "clCreateContext", driver.create_context) ||
            !find(library, "clCreateCommandQueue", driver.create_queue)) {
            return "libOpenCL.so.1 lacks functions of OpenCL 1.1";
        }
        return open(driver);
    }

    ClContext context = nullptr;
    Queue queue = nullptr;

private:
    std::string open(const Driver& driver) {
        cl_uint count = 0;
        if (driver.get_platforms(0, nullptr, &count) != 0 || count == 0) {
            return "no driver is installed";
        }
        std::vector<Platform> platforms(count);
        driver.get_platforms(count, platforms.data(), nullptr);
        // The variables that Halide reads.
        const std::string wanted_platform = halide_opencl_get_platform_name(nullptr);
        const std::string wanted_type = halide_opencl_get_device_type(nullptr);
        for (const auto& [type, name] : {std::pair{type_gpu, "gpu"}, {type_accelerator, "acc"}, {type_cpu, "cpu"}}) {
            if (!wanted_type.empty() && wanted_type.find(name) == std::string::npos) {
                continue;
            }
            for (Platform platform : platforms) {
                DeviceId device = nullptr;
                if (is_wanted(driver, platform, wanted_platform) &&
                    driver.get_devices(platform, type, 1, &device, nullptr) == 0 && device != nullptr) {
                    return open(driver, device);
                }
            }
        }
        return wanted_platform.empty() && wanted_type.empty()
                   ? "the drivers that are installed find no device"
                   : "the drivers that are installed find no device for HL_OCL_PLATFORM_NAME and HL_OCL_DEVICE_TYPE";
    }

    std::string open(const Driver& driver, DeviceId device) {
        cl_int error = 0;
        ClContext made = driver.create_context(nullptr, 1, &device, nullptr, nullptr, &error);
        if (made == nullptr || error != 0) {
            return "clCreateContext fails with error " + std::to_string(error);
        }
        queue = driver.create_queue(made, device, 0, &error);
        if (queue == nullptr || error != 0) {
            return "clCreateCommandQueue fails with error " + std::to_string(error);
        }
        context = made;
        return {};
    }

    static bool is_wanted(const Driver& driver, Platform platform, const std::string& wanted) {
        char name[256] = {};
        return wanted.empty() ||
               (driver.get_platform_info(platform, platform_name, sizeof name - 1, name, nullptr) == 0 &&
                std::string_view(name).find(wanted) != std::string_view::npos);
    }
};

Shared shared; // as long as the process: what it frees when, is the driver's business
std::mutex mutex;
thread_local bool holds = false; // Halide releases also what it could not acquire

} // namespace

void use_own_opencl_context() noexcept {}

} // namespace coulter::runtime

extern "C" {

int halide_acquire_cl_context(void* user_context, void** context, void** queue, bool create) {
    using namespace coulter::runtime;
    mutex.lock();
    if (Call* const call = Call::from(user_context); call != nullptr && call->context().opencl.context != nullptr) {
        *context = call->context().opencl.context;
        *queue = call->context().opencl.queue;
        holds = true;
        return halide_error_code_success;
    }
    const std::string missing = create ? shared.open() : std::string();
    if (!missing.empty()) {
        mutex.unlock();
        halide_error(user_context, missing.c_str());
        return halide_error_code_gpu_device_error;
    }
    *context = shared.context;
    *queue = shared.queue;
    holds = true;
    return halide_error_code_success;
}

int halide_release_cl_context(void*) {
    using namespace coulter::runtime;
    if (holds) {
        holds = false;
        mutex.unlock();
    }
    return halide_error_code_success;
}

/// Kernels are launched on the stream of their coulter_context.
int halide_cuda_get_stream(void* user_context, void*, void** stream) {
    using namespace coulter::runtime;
    Call* const call = Call::from(user_context);
    *stream = call == nullptr ? nullptr : call->context().stream;
    return halide_error_code_success;
}

} // extern "C"
