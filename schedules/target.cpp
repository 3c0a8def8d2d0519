#include "coulter/schedule/target.hpp"

#include <array>

namespace coulter::schedule {
namespace {

struct Row {
    const char* name;
    int vector_bytes;
    int vector_registers;
    const char* features;
};

// Each row has all features of the rows above it.
constexpr std::array<Row, 5> rows{{{"x86-64", 16, 16, ""},
                                   {"x86-64-sse41", 16, 16, "-sse41"},
                                   {"x86-64-avx2", 32, 16, "-sse41-avx-f16c-fma-avx2"},
                                   {"x86-64-avx512", 64, 32, "-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake"},
                                   {"x86-64-avx512_sapphirerapids", 64, 32,
                                    "-sse41-avx-f16c-fma-avx2-avx512-avx512_skylake-avx512_cannonlake-avxvnni-"
                                    "avx512_sapphirerapids"}}};

std::size_t host_row() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    // `avx512bf16` and `avx512vnni` with the Cannon Lake set are what Halide means by Sapphire Rapids on the CPU side;
    // AMX tiles are asked for by name only.
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni") &&
        __builtin_cpu_supports("avx512ifma") && __builtin_cpu_supports("avx512vbmi")) {
        return 4;
    }
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq")) {
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

bool target_matches(const std::string& wanted, const std::string& given) {
    const auto want = find_row(wanted);
    const auto have = find_row(given);
    return want && have && *want <= *have;
}

} // namespace coulter::schedule
