#include "coulter/schedule/target.hpp"

#include <array>
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

} // namespace

std::optional<Target> find_target(const std::string& name) {
    const auto row = find_row(name);
    if (!row) {
        return std::nullopt;
    }
    const Row& found = rows[*row];
    return Target{found.name, found.vector_bytes, found.vector_registers, std::string("x86-64-linux") + found.features};
}

std::vector<std::string> target_names() {
    std::vector<std::string> names{"host"};
    for (const Row& row : rows) {
        names.emplace_back(row.name);
    }
    return names;
}

Target variant_target(const Condition& when, const Target& library) {
    const auto own = find_target(when.target);
    return own ? *own : library;
}

std::string target_object(const std::string& object, const Target& target, const Target& library) {
    return target.name == library.name ? object : object + '.' + target.name;
}

bool target_matches(const std::string& wanted, const std::string& given) {
    const auto want = find_row(wanted);
    const auto have = find_row(given);
    return want && have && *want <= *have;
}

} // namespace coulter::schedule
