/* The roofs of this machine, measured in the same run as the kernels:
 *     gcc -O2 -march=native -fopenmp
 * Each returns operations or bytes per second over `threads` threads. */
#include <omp.h>
#include <stdint.h>
#include <stdlib.h>

#if defined(__AVX512F__)
#define LANES 16
#elif defined(__AVX__)
#define LANES 8
#else
#define LANES 4
#endif
typedef float vector __attribute__((vector_size(4 * LANES)));

/* Twelve independent chains: more than the eight that two units of latency 4 need, and few enough for the 16 registers of
 * AVX2. The empty assembly keeps each value in a register: operands in memory would measure the load ports. */
#define EACH(F) F(0) F(1) F(2) F(3) F(4) F(5) F(6) F(7) F(8) F(9) F(10) F(11)
#define DECLARE(i) vector a##i = b * (float)(i);
#define STEP(i) a##i = a##i * m + b;
#define HOLD(i) __asm__ volatile("" : "+x"(a##i));
#define ADD(i) total += a##i;

double fma_flops(int threads, int64_t rounds) {
    double begin = 0, end = 0;
    float sink = 0;
#pragma omp parallel num_threads(threads) reduction(+ : sink)
    {
        vector m = {0}, b = {0}, total = {0};
        for (int l = 0; l < LANES; l++) m[l] = 0.999f, b[l] = 0.001f;
        __asm__ volatile("" : "+x"(m), "+x"(b));
        EACH(DECLARE)
#pragma omp barrier
#pragma omp master
        begin = omp_get_wtime();
        for (int64_t r = 0; r < rounds; r++) {
            EACH(STEP)
            EACH(HOLD)
        }
#pragma omp barrier
#pragma omp master
        end = omp_get_wtime();
        EACH(ADD)
        for (int l = 0; l < LANES; l++) sink += total[l];
    }
    volatile float keep = sink;
    (void)keep;
    return 2.0 * LANES * 12 * (double)rounds * threads / (end - begin);
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
