#include "device_there.hpp"

#include "child.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <dlfcn.h>
#include <string_view>

namespace coulter::cli {
namespace {

constexpr double most_seconds = 30; ///< that a driver may take to answer

/// A function of a driver; null where it lacks that.
template <class Function>
Function* find(void* library, const char* name) {
    return reinterpret_cast<Function*>(dlsym(library, name));
}

void* open_first(std::initializer_list<const char*> names) {
    for (const char* const name : names) {
        if (void* const library = dlopen(name, RTLD_NOW)) {
            return library;
        }
    }
    return nullptr;
}

bool has_cuda() {
    void* const driver = open_first({"libcuda.so.1", "libcuda.so"});
    if (driver == nullptr) {
        return false;
    }
    auto* const init = find<int(unsigned)>(driver, "cuInit");
    auto* const count_of = find<int(int*)>(driver, "cuDeviceGetCount");
    int count = 0;
    return init != nullptr && count_of != nullptr && init(0) == 0 && count_of(&count) == 0 && count > 0;
}

// Types and numbers of the OpenCL 1.2 interface.
constexpr std::uint64_t every_type = 0xFFFFFFFF;
constexpr std::uint32_t platform_name = 0x0902;

std::uint64_t wanted_type() {
    const char* const given = std::getenv("HL_OCL_DEVICE_TYPE");
    const std::string_view word = given == nullptr ? "" : given;
    return word == "cpu" ? 2 : word == "gpu" ? 4 : word == "acc" ? 8 : every_type;
}

bool has_opencl() {
    void* const driver = open_first({"libOpenCL.so", "libOpenCL.so.1"});
    if (driver == nullptr) {
        return false;
    }
    auto* const platforms_of = find<std::int32_t(std::uint32_t, void**, std::uint32_t*)>(driver, "clGetPlatformIDs");
    auto* const info_of =
        find<std::int32_t(void*, std::uint32_t, std::size_t, void*, std::size_t*)>(driver, "clGetPlatformInfo");
    auto* const devices_of =
        find<std::int32_t(void*, std::uint64_t, std::uint32_t, void**, std::uint32_t*)>(driver, "clGetDeviceIDs");
    std::array<void*, 16> platforms{};
    std::uint32_t count = 0;
    if (platforms_of == nullptr || info_of == nullptr || devices_of == nullptr ||
        platforms_of(static_cast<std::uint32_t>(platforms.size()), platforms.data(), &count) != 0) {
        return false;
    }
    const char* const wanted = std::getenv("HL_OCL_PLATFORM_NAME");
    for (std::uint32_t i = 0; i < count && i < platforms.size(); ++i) {
        std::array<char, 512> name{};
        const bool is_named = info_of(platforms[i], platform_name, name.size() - 1, name.data(), nullptr) == 0;
        if (wanted != nullptr && (!is_named || std::string_view(name.data()).find(wanted) == std::string_view::npos)) {
            continue;
        }
        std::uint32_t devices = 0;
        if (devices_of(platforms[i], wanted_type(), 0, nullptr, &devices) == 0 && devices > 0) {
            return true;
        }
    }
    return false;
}

} // namespace

bool is_there(schedule::Device device) {
    Limits limits;
    limits.memory_bytes = 0;
    limits.seconds = most_seconds;
    const bool cuda = device == schedule::Device::cuda;
    return run_forked([&](int) { return (cuda ? has_cuda() : has_opencl()) ? 0 : 1; }, limits).ok();
}

const char* name_of(schedule::Device device) {
    return device == schedule::Device::cuda ? "CUDA" : "OpenCL";
}

} // namespace coulter::cli
