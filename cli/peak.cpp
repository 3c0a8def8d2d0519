#include "peak.hpp"

#include "all_threads.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace coulter::cli {
namespace {

// Results go here, so that no loop is without effect.
std::atomic<float> sink{0};

// Chains of multiply-adds that do not wait for each other: more of them than latency times units (4 * 2), and few
// enough for the registers.
constexpr int chains = 12;

#if defined(__x86_64__)
__attribute__((target("avx512f"))) double fma_avx512(std::int64_t rounds) {
    // One name each: an array would have to be unrolled to stay in registers.
    __m512 s0 = _mm512_set1_ps(0.0F), s1 = _mm512_set1_ps(1.0F), s2 = _mm512_set1_ps(2.0F), s3 = _mm512_set1_ps(3.0F),
           s4 = _mm512_set1_ps(4.0F), s5 = _mm512_set1_ps(5.0F);
    __m512 s6 = _mm512_set1_ps(6.0F), s7 = _mm512_set1_ps(7.0F), s8 = _mm512_set1_ps(8.0F), s9 = _mm512_set1_ps(9.0F),
           s10 = _mm512_set1_ps(10.0F), s11 = _mm512_set1_ps(11.0F);
    const __m512 a = _mm512_set1_ps(0.999F);
    const __m512 b = _mm512_set1_ps(0.001F);
    for (std::int64_t round = 0; round < rounds; ++round) {
        s0 = _mm512_fmadd_ps(s0, a, b);
        s1 = _mm512_fmadd_ps(s1, a, b);
        s2 = _mm512_fmadd_ps(s2, a, b);
        s3 = _mm512_fmadd_ps(s3, a, b);
        s4 = _mm512_fmadd_ps(s4, a, b);
        s5 = _mm512_fmadd_ps(s5, a, b);
        s6 = _mm512_fmadd_ps(s6, a, b);
        s7 = _mm512_fmadd_ps(s7, a, b);
        s8 = _mm512_fmadd_ps(s8, a, b);
        s9 = _mm512_fmadd_ps(s9, a, b);
        s10 = _mm512_fmadd_ps(s10, a, b);
        s11 = _mm512_fmadd_ps(s11, a, b);
    }
    const __m512 sums[chains] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11};
    __m512 total = sums[0];
    for (int i = 1; i < chains; ++i) {
        total = _mm512_add_ps(total, sums[i]);
    }
    alignas(64) float lanes[16];
    _mm512_store_ps(lanes, total);
    sink = lanes[0] + lanes[15];
    return static_cast<double>(rounds) * chains * 16 * 2;
}

__attribute__((target("avx2,fma"))) double fma_avx2(std::int64_t rounds) {
    // One name each: an array would have to be unrolled to stay in registers.
    __m256 s0 = _mm256_set1_ps(0.0F), s1 = _mm256_set1_ps(1.0F), s2 = _mm256_set1_ps(2.0F), s3 = _mm256_set1_ps(3.0F),
           s4 = _mm256_set1_ps(4.0F), s5 = _mm256_set1_ps(5.0F);
    __m256 s6 = _mm256_set1_ps(6.0F), s7 = _mm256_set1_ps(7.0F), s8 = _mm256_set1_ps(8.0F), s9 = _mm256_set1_ps(9.0F),
           s10 = _mm256_set1_ps(10.0F), s11 = _mm256_set1_ps(11.0F);
    const __m256 a = _mm256_set1_ps(0.999F);
    const __m256 b = _mm256_set1_ps(0.001F);
    for (std::int64_t round = 0; round < rounds; ++round) {
        s0 = _mm256_fmadd_ps(s0, a, b);
        s1 = _mm256_fmadd_ps(s1, a, b);
        s2 = _mm256_fmadd_ps(s2, a, b);
        s3 = _mm256_fmadd_ps(s3, a, b);
        s4 = _mm256_fmadd_ps(s4, a, b);
        s5 = _mm256_fmadd_ps(s5, a, b);
        s6 = _mm256_fmadd_ps(s6, a, b);
        s7 = _mm256_fmadd_ps(s7, a, b);
        s8 = _mm256_fmadd_ps(s8, a, b);
        s9 = _mm256_fmadd_ps(s9, a, b);
        s10 = _mm256_fmadd_ps(s10, a, b);
        s11 = _mm256_fmadd_ps(s11, a, b);
    }
    const __m256 sums[chains] = {s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11};
    __m256 total = sums[0];
    for (int i = 1; i < chains; ++i) {
        total = _mm256_add_ps(total, sums[i]);
    }
    alignas(32) float lanes[8];
    _mm256_store_ps(lanes, total);
    sink = lanes[0] + lanes[7];
    return static_cast<double>(rounds) * chains * 8 * 2;
}
#endif

// Vectors of SSE, which every x86-64 has: a multiplication and an addition.
double fma_scalar(std::int64_t rounds) {
    float sums[4 * chains];
    for (int i = 0; i < 4 * chains; ++i) {
        sums[i] = static_cast<float>(i);
    }
    for (std::int64_t round = 0; round < rounds; ++round) {
        for (float& sum : sums) {
            sum = sum * 0.999F + 0.001F;
        }
    }
    float total = 0;
    for (const float sum : sums) {
        total += sum;
    }
    sink = total;
    return static_cast<double>(rounds) * 4 * chains * 2;
}

double measure_flops(int threads, double (*loop)(std::int64_t)) {
    std::int64_t rounds = 1 << 14;
    double operations = 0;
    double seconds = 0;
    // Rounds for some 15 ms, after the processor has changed its clock for wide vectors.
    do {
        rounds *= 2;
        const auto start = Clock::now();
        operations = loop(rounds);
        seconds = seconds_since(start);
    } while (seconds < 0.015);
    double best = 0;
    for (int sample = 0; sample < 9; ++sample) {
        const double time = run_all(threads, [&](int) { loop(rounds); });
        best = std::max(best, operations * threads / time);
    }
    return best;
}

// The arrays of one thread: 3 x 32 MiB shared out among threads would stay in large caches, so each thread has its own.
double measure_bytes(int threads) {
    constexpr std::size_t elements = std::size_t{8} << 20;
    std::vector<std::vector<float>> arrays(static_cast<std::size_t>(threads) * 3);
    run_all(threads, [&](int thread) {
        for (std::size_t i = 0; i < 3; ++i) {
            arrays[static_cast<std::size_t>(thread) * 3 + i].assign(elements, 1.0F);
        }
    });
    double best = 0;
    for (int sample = 0; sample < 5; ++sample) {
        const double time = run_all(threads, [&](int thread) {
            const std::size_t first = static_cast<std::size_t>(thread) * 3;
            float* const __restrict a = arrays[first].data();
            const float* const __restrict b = arrays[first + 1].data();
            const float* const __restrict c = arrays[first + 2].data();
            for (std::size_t i = 0; i < elements; ++i) {
                a[i] = b[i] + 3.0F * c[i];
            }
        });
        best = std::max(best, 3.0 * sizeof(float) * static_cast<double>(elements) * threads / time);
    }
    sink = arrays[0][elements / 2];
    return best;
}

} // namespace

Peak measure_peak(int threads, int vector_bytes) {
    Peak peak;
    double (*loop)(std::int64_t) = fma_scalar;
    peak.vectors = "scalar";
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (vector_bytes >= 64 && __builtin_cpu_supports("avx512f")) {
        loop = fma_avx512;
        peak.vectors = "avx512";
    } else if (vector_bytes >= 32 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        loop = fma_avx2;
        peak.vectors = "avx2";
    }
#endif
    peak.flops = measure_flops(threads, loop);
    peak.bytes = measure_bytes(threads);
    return peak;
}

} // namespace coulter::cli
