/* What loops.c and networks.c share. */
#pragma once

#include <math.h>
#include <stdint.h>

static inline float relu(float x) { return x > 0 ? x : 0; }
static inline float sigmoid(float x) { return 1 / (1 + expf(-x)); }

/* y[rows][out] = f(x[rows][in] * weight[in][out] + bias[out]) */
static inline void dense(int64_t rows, int64_t in, int64_t out, const float *restrict x, const float *restrict weight,
                         const float *restrict bias, float (*f)(float), float *restrict y) {
#pragma omp parallel for
    for (int64_t n = 0; n < rows; n++) {
        float *r = y + n * out;
        for (int64_t o = 0; o < out; o++) r[o] = bias[o];
        for (int64_t i = 0; i < in; i++)
            for (int64_t o = 0; o < out; o++) r[o] += x[n * in + i] * weight[i * out + o];
        for (int64_t o = 0; o < out; o++) r[o] = f(r[o]);
    }
}
