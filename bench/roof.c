/* The roofs of this machine, measured in the same run as the kernels:
 *     gcc -O2 -march=native -fopenmp
 * Each returns operations or bytes per second over `threads` threads. */
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__AVX512F__)
#define LANES 16
#define ACCUMULATORS 24
#elif defined(__AVX__)
#define LANES 8
#define ACCUMULATORS 12
#else
#define LANES 4
#define ACCUMULATORS 12
#endif
typedef float vector __attribute__((vector_size(4 * LANES)));

/* Independent multiply-adds, enough of them in flight to hide the latency. */
double fma_flops(int threads, int64_t rounds) {
    double begin = 0, end = 0;
    float sink = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    {
        vector a[ACCUMULATORS], m, b;
        for (int l = 0; l < LANES; l++) m[l] = 0.999f, b[l] = 0.001f;
#pragma GCC unroll 24
        for (int i = 0; i < ACCUMULATORS; i++) a[i] = b * (float)i;
#pragma omp barrier
#pragma omp master
        begin = omp_get_wtime();
        for (int64_t r = 0; r < rounds; r++) {
#pragma GCC unroll 24
            for (int i = 0; i < ACCUMULATORS; i++) a[i] = a[i] * m + b;
        }
#pragma omp barrier
#pragma omp master
        end = omp_get_wtime();
#pragma GCC unroll 24
        for (int i = 1; i < ACCUMULATORS; i++) a[0] += a[i];
        for (int l = 0; l < LANES; l++) sink += a[0][l];
    }
    volatile float keep = sink;
    (void)keep;
    return 2.0 * LANES * ACCUMULATORS * (double)rounds * threads / (end - begin);
}

/* y[i] = x[i] * s over arrays of `bytes` each: bytes read and written per second. */
double copy_bandwidth(int threads, int64_t bytes, int64_t rounds) {
    const int64_t n = bytes / 4;
    float *x = aligned_alloc(64, bytes), *y = aligned_alloc(64, bytes);
#pragma omp parallel for num_threads(threads)
    for (int64_t i = 0; i < n; i++) x[i] = 1, y[i] = 0;
    const double begin = omp_get_wtime();
    for (int64_t r = 0; r < rounds; r++) {
#pragma omp parallel for num_threads(threads)
        for (int64_t i = 0; i < n; i++) y[i] = x[i] * 1.5f;
        __asm__ volatile("" ::"r"(y) : "memory");
    }
    const double end = omp_get_wtime();
    free(x);
    free(y);
    return 2.0 * bytes * rounds / (end - begin);
}
