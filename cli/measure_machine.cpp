#include "all_threads.hpp"
#include "machine_model.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace coulter::cli {
namespace {

std::atomic<float> sink{0}; // so that no loop is without effect

// All read `count` floats, a multiple of 64, from an aligned address.
float sum_plain(const float* data, std::size_t count) {
    float sums[8] = {};
    for (std::size_t i = 0; i < count; i += 8) {
        for (std::size_t j = 0; j < 8; ++j) {
            sums[j] += data[i + j];
        }
    }
    return sums[0] + sums[7];
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) float sum_avx2(const float* data, std::size_t count) {
    __m256 a = _mm256_setzero_ps(), b = a, c = a, d = a;
    for (std::size_t i = 0; i < count; i += 32) {
        a = _mm256_add_ps(a, _mm256_load_ps(data + i));
        b = _mm256_add_ps(b, _mm256_load_ps(data + i + 8));
        c = _mm256_add_ps(c, _mm256_load_ps(data + i + 16));
        d = _mm256_add_ps(d, _mm256_load_ps(data + i + 24));
    }
    alignas(32) float lanes[8];
    _mm256_store_ps(lanes, _mm256_add_ps(_mm256_add_ps(a, b), _mm256_add_ps(c, d)));
    return lanes[0] + lanes[7];
}

__attribute__((target("avx512f"))) float sum_avx512(const float* data, std::size_t count) {
    __m512 a = _mm512_setzero_ps(), b = a, c = a, d = a;
    for (std::size_t i = 0; i < count; i += 64) {
        a = _mm512_add_ps(a, _mm512_load_ps(data + i));
        b = _mm512_add_ps(b, _mm512_load_ps(data + i + 16));
        c = _mm512_add_ps(c, _mm512_load_ps(data + i + 32));
        d = _mm512_add_ps(d, _mm512_load_ps(data + i + 48));
    }
    alignas(64) float lanes[16];
    _mm512_store_ps(lanes, _mm512_add_ps(_mm512_add_ps(a, b), _mm512_add_ps(c, d)));
    return lanes[0] + lanes[15];
}
#endif

using Sum = float (*)(const float*, std::size_t);

Sum widest_sum() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f")) {
        return sum_avx512;
    }
    if (__builtin_cpu_supports("avx2")) {
        return sum_avx2;
    }
#endif
    return sum_plain;
}

/// Bytes per second that each of `threads` threads reads again and again from `bytes` of its own.
double read_rate(int threads, double bytes) {
    const Sum sum = widest_sum();
    const auto count = std::max<std::size_t>(64, static_cast<std::size_t>(bytes / sizeof(float)) / 64 * 64);
    const auto repeats = std::max<std::size_t>(1, (std::size_t{1} << 22) / count);
    std::vector<std::vector<float>> memory(static_cast<std::size_t>(threads));
    run_all(threads, [&](int thread) { memory[static_cast<std::size_t>(thread)].assign(count + 16, 1.0F); });
    double best = 0;
    const auto began = Clock::now();
    while (seconds_since(began) < 0.3) {
        const double seconds = run_all(threads, [&](int thread) {
            const float* data = memory[static_cast<std::size_t>(thread)].data();
            data += (64 - reinterpret_cast<std::uintptr_t>(data) % 64) % 64 / sizeof(float);
            for (std::size_t i = 0; i < repeats; ++i) {
                sink = sum(data, count);
            }
        });
        best = std::max(best, static_cast<double>(repeats * count * sizeof(float)) / seconds);
    }
    return best;
}

/// Size of a cache of data of the first processor. sysconf() counts last levels that other processors have.
std::optional<double> cache_bytes(int level) {
    for (int index = 0; index < 8; ++index) {
        const std::filesystem::path folder = "/sys/devices/system/cpu/cpu0/cache/index" + std::to_string(index);
        int found = 0;
        std::string type;
        double kilobytes = 0;
        char unit = 0;
        if (std::ifstream(folder / "level") >> found && found == level && std::ifstream(folder / "type") >> type &&
            type != "Instruction" && std::ifstream(folder / "size") >> kilobytes >> unit && kilobytes > 0) {
            return kilobytes * (unit == 'M' ? 1024 * 1024 : 1024);
        }
    }
    return std::nullopt;
}

} // namespace

// An addition that waits for the one before takes a cycle.
double clock_rate() {
    constexpr std::int64_t steps = std::int64_t{1} << 25;
    double best = 0;
    for (int sample = 0; sample < 5; ++sample) {
        const auto start = Clock::now();
        std::uint64_t value = 1;
        for (std::int64_t i = 0; i < steps; i += 8) {
            for (int j = 0; j < 8; ++j) {
                value += 3;
                asm volatile("" : "+r"(value)); // one at a time
            }
        }
        best = std::max(best, static_cast<double>(steps) / seconds_since(start));
    }
    return best;
}

schedule::Machine measure_machine(int threads, double* hertz) {
    schedule::Machine machine;
    machine.l1_bytes = cache_bytes(1).value_or(machine.l1_bytes);
    machine.l2_bytes = cache_bytes(2).value_or(machine.l2_bytes);
    machine.l3_bytes = cache_bytes(3).value_or(machine.l3_bytes);
    const double rate = clock_rate();
    if (hertz != nullptr) {
        *hertz = rate;
    }
    const double share = machine.l3_bytes / 2 / threads;
    machine.l1_rate = read_rate(threads, machine.l1_bytes / 2) / rate;
    machine.l2_rate = read_rate(threads, machine.l2_bytes / 2) / rate;
    machine.l3_rate = read_rate(threads, std::max(share, 2 * machine.l2_bytes)) / rate;
    machine.memory_rate = read_rate(threads, 6 * machine.l3_bytes / threads) / rate;
    return machine;
}

} // namespace coulter::cli
