#include "coulter/schedule/target.hpp"

#include <array>
#include <fmt/core.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace coulter::schedule {
namespace {

struct Row {
    const char* name;
    int vector_bytes;
    int vector_registers;
    const char* features;
};

// Each row has all features of the rows above it.
constexpr std::array<Row, 6> rows{
    {{"x86-64", 16, 16, ""},
     {"x86-64-sse41", 16, 16, "-sse41"},
     {"x86-64-avx2", 32, 16, "-sse41-avx-f16c-fma-avx2"},
     {"x86-64-avx512", 64, 32, "-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake"},
     {"x86-64-avx512_zen4", 64, 32, "-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake-avx512_cannonlake-avx512_zen4"},
     {"x86-64-avx512_sapphirerapids", 64, 32,
      "-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake-avx512_cannonlake-avx512_zen4-"
      "avxvnni-avx512_sapphirerapids"}}};

#if defined(__x86_64__)
// What Sapphire Rapids has beyond Zen 4, and neither __builtin_cpu_supports nor every compiler knows by name.
bool has_sapphire_rapids_extensions() {
    constexpr unsigned avx_vnni = 1U << 4;     // leaf 7, subleaf 1, eax
    constexpr unsigned avx512_fp16 = 1U << 23; // leaf 7, subleaf 0, edx
    constexpr unsigned amx_tile = 1U << 24;
    unsigned a = 0;
    unsigned b = 0;
    unsigned c = 0;
    unsigned d = 0;
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (d & avx512_fp16) == 0 || (d & amx_tile) == 0) {
        return false;
    }
    return __get_cpuid_count(7, 1, &a, &b, &c, &d) != 0 && (a & avx_vnni) != 0;
}
#endif

std::size_t host_row() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    // Halide's Zen 4 set; other processors have it too.
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi") &&
        __builtin_cpu_supports("avx512vbmi2") && __builtin_cpu_supports("avx512bitalg") &&
        __builtin_cpu_supports("avx512vpopcntdq")) {
        return has_sapphire_rapids_extensions() ? 5 : 4;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq")) {
        return 3;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return 2;
    }
    if (__builtin_cpu_supports("sse4.1")) {
        return 1;
    }
#endif
    return 0;
}

std::optional<std::size_t> find_row(const std::string& name) {
    if (name == "host") {
        return host_row();
    }
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (name == rows[i].name) {
            return i;
        }
    }
    return std::nullopt;
}

struct DeviceRow {
    Device device;
    std::string_view suffix;
    const char* features;
};

// PTX for compute capability 7.0 is translated by the driver for every later device.
constexpr std::array<DeviceRow, 2> devices{
    {{Device::opencl, "-opencl", "-opencl"}, {Device::cuda, "-cuda", "-cuda-cuda_capability_70"}}};

const DeviceRow* find_device(std::string_view name) {
    for (const DeviceRow& row : devices) {
        if (name.ends_with(row.suffix)) {
            return &row;
        }
    }
    return nullptr;
}

std::string without_device(const std::string& name) {
    const DeviceRow* const device = find_device(name);
    return device == nullptr ? name : name.substr(0, name.size() - device->suffix.size());
}

} // namespace

std::optional<Target> find_target(const std::string& name) {
    const auto row = find_row(without_device(name));
    if (!row) {
        return std::nullopt;
    }
    const Row& found = rows[*row];
    Target target{found.name, found.vector_bytes, found.vector_registers, std::string("x86-64-linux") + found.features,
                  Device::none};
    if (const DeviceRow* const device = find_device(name)) {
        target.name += device->suffix;
        target.halide += device->features;
        target.device = device->device;
    }
    return target;
}

std::vector<std::string> device_suffixes() {
    std::vector<std::string> suffixes;
    for (const DeviceRow& row : devices) {
        suffixes.emplace_back(row.suffix);
    }
    return suffixes;
}

Device device_of(std::string_view name) {
    const DeviceRow* const device = find_device(name);
    return device == nullptr ? Device::none : device->device;
}

std::string target_choices(const std::string& given, const std::string& what) {
    const std::string close = closest_match(without_device(given), target_names());
    const DeviceRow* const device = find_device(given);
    const std::string likely =
        close.empty() ? "" : fmt::format("did you mean `{}{}`? ", close, device == nullptr ? "" : device->suffix);
    return fmt::format("{}{} {}; `{}` or `{}` may be appended", likely, what, quoted_list(target_names()),
                       devices[0].suffix, devices[1].suffix);
}

std::vector<std::string> target_names() {
    std::vector<std::string> names{"host"};
    for (const Row& row : rows) {
        names.emplace_back(row.name);
    }
    return names;
}

Target variant_target(const Condition& when, const Target& library) {
    const DeviceRow* const device = find_device(library.name);
    const auto own = when.target.empty()
                         ? std::nullopt
                         : find_target(when.target + std::string(device == nullptr ? "" : device->suffix));
    return own ? *own : library;
}

std::string target_object(const std::string& object, const Target& target, const Target& library) {
    return target.name == library.name ? object : object + '.' + target.name;
}

bool target_matches(const std::string& wanted, const std::string& given) {
    const auto want = find_row(without_device(wanted));
    const auto have = find_row(without_device(given));
    const Device device = device_of(wanted);
    return want && have && *want <= *have && (device == Device::none || device == device_of(given));
}

} // namespace coulter::schedule
