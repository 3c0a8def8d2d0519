/* The kernels of models/ as any C programmer writes them, for gcc -O3 -march=native -ffast-math -fopenmp: the C rows of
 * bench/peers.py, as far as bench/loops.c and bench/em_loops.c have them not. Loops over rows, positions or images run in
 * parallel, the innermost loop runs along the memory, and nothing is blocked. Arrays are row-major, sizes come first. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "layers.h"

/* image[batch][iy][ix][groups][in], weight[3][3][groups][in][out] -> result[batch][ny][nx][groups][out] */
static inline void conv(int64_t batch, int64_t iy, int64_t ix, int64_t ny, int64_t nx, int64_t groups, int64_t in,
                        int64_t out, int64_t stride, int64_t dilation, int64_t padding, const float *restrict image,
                        const float *restrict weight, const float *restrict bias, float *restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++)
                for (int64_t g = 0; g < groups; g++) {
                    float *r = result + (((n * ny + y) * nx + x) * groups + g) * out;
                    for (int64_t o = 0; o < out; o++) r[o] = bias[g * out + o];
                    for (int ky = 0; ky < 3; ky++)
                        for (int kx = 0; kx < 3; kx++) {
                            const int64_t sy = stride * y + dilation * ky - padding;
                            const int64_t sx = stride * x + dilation * kx - padding;
                            if (sy < 0 || sy >= iy || sx < 0 || sx >= ix) continue;
                            const float *p = image + (((n * iy + sy) * ix + sx) * groups + g) * in;
                            const float *w = weight + ((ky * 3 + kx) * groups + g) * in * out;
                            for (int64_t i = 0; i < in; i++)
                                for (int64_t o = 0; o < out; o++) r[o] += p[i] * w[i * out + o];
                        }
                }
}

void conv2d_strided(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out, const float *image,
                    const float *weight, const float *bias, float *result) {
    conv(batch, iy, ix, (iy - 1) / 2 + 1, (ix - 1) / 2 + 1, 1, in, out, 2, 1, 1, image, weight, bias, result);
}

void conv2d_dilated(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out, const float *image,
                    const float *weight, const float *bias, float *result) {
    conv(batch, iy, ix, iy, ix, 1, in, out, 1, 2, 2, image, weight, bias, result);
}

void conv2d_valid(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out, const float *image,
                  const float *weight, const float *bias, float *result) {
    conv(batch, iy, ix, iy - 2, ix - 2, 1, in, out, 1, 1, 0, image, weight, bias, result);
}

void conv2d_grouped(int64_t batch, int64_t iy, int64_t ix, int64_t groups, int64_t in, int64_t out, const float *image,
                    const float *weight, const float *bias, float *result) {
    conv(batch, iy, ix, iy, ix, groups, in, out, 1, 1, 1, image, weight, bias, result);
}

/* Windows of size x size with stride 2; what lies outside counts for nothing, in the average's divisor neither. */
static inline void pool(int64_t batch, int64_t iy, int64_t ix, int64_t channels, int size, int padding, int average,
                        const float *restrict image, float *restrict result) {
    const int64_t ny = (iy + 2 * padding - size) / 2 + 1, nx = (ix + 2 * padding - size) / 2 + 1;
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++) {
                float *r = result + ((n * ny + y) * nx + x) * channels;
                int count = 0;
                for (int64_t c = 0; c < channels; c++) r[c] = average ? 0 : -INFINITY;
                for (int ky = 0; ky < size; ky++)
                    for (int kx = 0; kx < size; kx++) {
                        const int64_t sy = 2 * y + ky - padding, sx = 2 * x + kx - padding;
                        if (sy < 0 || sy >= iy || sx < 0 || sx >= ix) continue;
                        const float *p = image + ((n * iy + sy) * ix + sx) * channels;
                        count++;
                        for (int64_t c = 0; c < channels; c++)
                            r[c] = average ? r[c] + p[c] : r[c] > p[c] ? r[c] : p[c];
                    }
                if (average)
                    for (int64_t c = 0; c < channels; c++) r[c] *= 1.0f / count;
            }
}

void max_pool2d(int64_t batch, int64_t iy, int64_t ix, int64_t channels, const float *image, float *result) {
    pool(batch, iy, ix, channels, 2, 0, 0, image, result);
}

void max_pool2d_padded(int64_t batch, int64_t iy, int64_t ix, int64_t channels, const float *image, float *result) {
    pool(batch, iy, ix, channels, 3, 1, 0, image, result);
}

void avg_pool2d(int64_t batch, int64_t iy, int64_t ix, int64_t channels, const float *image, float *result) {
    pool(batch, iy, ix, channels, 2, 0, 1, image, result);
}

void avg_pool2d_padded(int64_t batch, int64_t iy, int64_t ix, int64_t channels, const float *image, float *result) {
    pool(batch, iy, ix, channels, 3, 1, 1, image, result);
}

void gelu(int64_t n, const float *restrict x, float *restrict y) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++) y[i] = 0.5f * x[i] * (1 + erff(x[i] * 0.70710678f));
}

void gelu_tanh(int64_t n, const float *restrict x, float *restrict y) {
#pragma omp parallel for
    for (int64_t i = 0; i < n; i++)
        y[i] = 0.5f * x[i] * (1 + tanhf(0.79788456f * (x[i] + 0.044715f * x[i] * x[i] * x[i])));
}

void reductions(int64_t rows, int64_t cols, const float *restrict x, float *restrict sum, float *restrict product,
                float *restrict lowest, float *restrict highest, int32_t *restrict lowest_at,
                int32_t *restrict highest_at, float *restrict logsumexp, float *restrict mean,
                float *restrict variance) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) {
        const float *p = x + i * cols;
        float total = 0, times = 1, low = INFINITY, high = -INFINITY;
        for (int64_t j = 0; j < cols; j++) {
            total += p[j];
            times *= p[j];
            low = p[j] < low ? p[j] : low;
            high = p[j] > high ? p[j] : high;
        }
        int32_t low_at = 0, high_at = 0;
        while (p[low_at] != low) low_at++;
        while (p[high_at] != high) high_at++;
        const float average = total / cols;
        float powers = 0, squares = 0;
        for (int64_t j = 0; j < cols; j++) {
            powers += expf(p[j] - high);
            squares += (p[j] - average) * (p[j] - average);
        }
        sum[i] = total;
        product[i] = times;
        lowest[i] = low;
        highest[i] = high;
        lowest_at[i] = low_at;
        highest_at[i] = high_at;
        logsumexp[i] = high + logf(powers);
        mean[i] = average;
        variance[i] = squares / cols;
    }
}

enum { POSE = 16, PARTS = 8, ITERATIONS = 3 };

static inline float squash(float *restrict s) {
    float squares = 0;
    for (int d = 0; d < POSE; d++) squares += s[d] * s[d];
    const float scale = squares / ((1 + squares) * sqrtf(squares + 1e-7f));
    for (int d = 0; d < POSE; d++) s[d] *= scale;
    return squares * scale * scale;
}

/* u[batch][in][8], weight[in][out][8][16] -> v[batch][out][16], length[batch][out]. Predictions of one image are stored. */
void dynamic_routing(int64_t batch, int64_t in, int64_t out, const float *restrict u, const float *restrict weight,
                     float *restrict v, float *restrict length) {
#pragma omp parallel
    {
        float *predictions = malloc(in * out * POSE * sizeof(float)), *logits = malloc(in * out * sizeof(float));
#pragma omp for
        for (int64_t n = 0; n < batch; n++) {
            float *parents = v + n * out * POSE;
            for (int64_t i = 0; i < in; i++)
                for (int64_t o = 0; o < out; o++) {
                    float *p = predictions + (i * out + o) * POSE;
                    for (int d = 0; d < POSE; d++) p[d] = 0;
                    for (int k = 0; k < PARTS; k++)
                        for (int d = 0; d < POSE; d++)
                            p[d] += u[(n * in + i) * PARTS + k] * weight[((i * out + o) * PARTS + k) * POSE + d];
                    logits[i * out + o] = 0;
                }
            for (int t = 0; t < ITERATIONS; t++) {
                for (int64_t e = 0; e < out * POSE; e++) parents[e] = 0;
                for (int64_t i = 0; i < in; i++) {
                    const float *l = logits + i * out;
                    float highest = -INFINITY, total = 0, coupling[out];
                    for (int64_t o = 0; o < out; o++) highest = l[o] > highest ? l[o] : highest;
                    for (int64_t o = 0; o < out; o++) total += coupling[o] = expf(l[o] - highest);
                    for (int64_t o = 0; o < out; o++)
                        for (int d = 0; d < POSE; d++)
                            parents[o * POSE + d] += coupling[o] / total * predictions[(i * out + o) * POSE + d];
                }
                for (int64_t o = 0; o < out; o++) length[n * out + o] = sqrtf(squash(parents + o * POSE));
                if (t + 1 == ITERATIONS) break;
                for (int64_t e = 0; e < in * out; e++)
                    for (int d = 0; d < POSE; d++)
                        logits[e] += predictions[e * POSE + d] * parents[e % out * POSE + d];
            }
        }
        free(predictions);
        free(logits);
    }
}

/* Of v[batch][digit][16] only the chosen digit's capsule is not zero, so the first layer reads only its weights. */
void capsule_decoder(int64_t batch, int64_t digits, int64_t hidden1, int64_t hidden2, int64_t pixels,
                     const float *restrict v, const int32_t *restrict chosen, const float *restrict weight1,
                     const float *restrict bias1, const float *restrict weight2, const float *restrict bias2,
                     const float *restrict weight3, const float *restrict bias3, float *restrict image) {
    float *act1 = malloc(batch * hidden1 * sizeof(float)), *act2 = malloc(batch * hidden2 * sizeof(float));
#pragma omp parallel for
    for (int64_t n = 0; n < batch; n++) {
        float *r = act1 + n * hidden1;
        for (int64_t h = 0; h < hidden1; h++) r[h] = bias1[h];
        if (chosen[n] >= 0 && chosen[n] < digits)
            for (int d = 0; d < POSE; d++)
                for (int64_t h = 0; h < hidden1; h++)
                    r[h] += v[(n * digits + chosen[n]) * POSE + d] * weight1[(chosen[n] * POSE + d) * hidden1 + h];
        for (int64_t h = 0; h < hidden1; h++) r[h] = relu(r[h]);
    }
    dense(batch, hidden1, hidden2, act1, weight2, bias2, relu, act2);
    dense(batch, hidden2, pixels, act2, weight3, bias3, sigmoid, image);
    free(act1);
    free(act2);
}
