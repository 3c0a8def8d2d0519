/* Sums under windows of the twenty kernels, group norm, and their gradients as any C programmer writes them: the C rows
 * of bench/peers.py. Positions run in parallel, the innermost loop runs along the channels; the gradient by an image
 * gathers from the positions whose windows have an element, the one by shared weights has a copy per thread. Arrays are
 * row-major, sizes come first. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline int is_inside(int64_t at, int64_t size) {
    return at >= 0 && at < size;
}

/* image[batch][ny][nx][in], weight[ny][nx][3][3][in][out] -> result[batch][ny][nx][out] */
void locally_connected(int64_t batch, int64_t ny, int64_t nx, int64_t in, int64_t out, const float* restrict image,
                       const float* restrict weight, float* restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            for (int64_t n = 0; n < batch; n++) memset(result + ((n * ny + y) * nx + x) * out, 0, out * sizeof(float));
            for (int64_t tap = 0; tap < 9; tap++) {
                const int64_t sy = y + tap / 3 - 1, sx = x + tap % 3 - 1;
                if (!is_inside(sy, ny) || !is_inside(sx, nx)) continue;
                for (int64_t i = 0; i < in; i++) {
                    const float* w = weight + (((y * nx + x) * 9 + tap) * in + i) * out;
                    for (int64_t n = 0; n < batch; n++) {
                        const float p = image[((n * ny + sy) * nx + sx) * in + i];
                        float* restrict r = result + ((n * ny + y) * nx + x) * out;
                        for (int64_t o = 0; o < out; o++) r[o] += p * w[o];
                    }
                }
            }
        }
}

void locally_connected_grad(int64_t batch, int64_t ny, int64_t nx, int64_t in, int64_t out, const float* restrict image,
                            const float* restrict weight, const float* restrict d_result, float* restrict d_image,
                            float* restrict d_weight) {
#pragma omp parallel
    {
#pragma omp for collapse(2) nowait
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++)
                for (int64_t tap = 0; tap < 9; tap++) {
                    const int64_t sy = y + tap / 3 - 1, sx = x + tap % 3 - 1;
                    float* restrict w = d_weight + ((y * nx + x) * 9 + tap) * in * out;
                    memset(w, 0, in * out * sizeof(float));
                    if (!is_inside(sy, ny) || !is_inside(sx, nx)) continue;
                    for (int64_t i = 0; i < in; i++)
                        for (int64_t n = 0; n < batch; n++) {
                            const float p = image[((n * ny + sy) * nx + sx) * in + i];
                            const float* g = d_result + ((n * ny + y) * nx + x) * out;
                            for (int64_t o = 0; o < out; o++) w[i * out + o] += p * g[o];
                        }
                }
#pragma omp for collapse(2)
        for (int64_t sy = 0; sy < ny; sy++)
            for (int64_t sx = 0; sx < nx; sx++) {
                for (int64_t n = 0; n < batch; n++)
                    memset(d_image + ((n * ny + sy) * nx + sx) * in, 0, in * sizeof(float));
                for (int64_t tap = 0; tap < 9; tap++) {
                    const int64_t y = sy - tap / 3 + 1, x = sx - tap % 3 + 1;
                    if (!is_inside(y, ny) || !is_inside(x, nx)) continue;
                    for (int64_t i = 0; i < in; i++) {
                        const float* w = weight + (((y * nx + x) * 9 + tap) * in + i) * out;
                        for (int64_t n = 0; n < batch; n++) {
                            const float* g = d_result + ((n * ny + y) * nx + x) * out;
                            float sum = 0;
                            for (int64_t o = 0; o < out; o++) sum += w[o] * g[o];
                            d_image[((n * ny + sy) * nx + sx) * in + i] += sum;
                        }
                    }
                }
            }
    }
}

/* image[batch][ny][nx][groups][channels], weight[batch][ny][nx][size][size][groups] -> result as image */
void involution(int64_t batch, int64_t ny, int64_t nx, int64_t groups, int64_t channels, int64_t size,
                const float* restrict image, const float* restrict weight, float* restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++) {
                const int64_t at = (n * ny + y) * nx + x;
                float* restrict r = result + at * groups * channels;
                memset(r, 0, groups * channels * sizeof(float));
                for (int64_t tap = 0; tap < size * size; tap++) {
                    const int64_t sy = y + tap / size - size / 2, sx = x + tap % size - size / 2;
                    if (!is_inside(sy, ny) || !is_inside(sx, nx)) continue;
                    const float* p = image + ((n * ny + sy) * nx + sx) * groups * channels;
                    const float* w = weight + (at * size * size + tap) * groups;
                    for (int64_t g = 0; g < groups; g++)
                        for (int64_t c = 0; c < channels; c++) r[g * channels + c] += w[g] * p[g * channels + c];
                }
            }
}

void involution_grad(int64_t batch, int64_t ny, int64_t nx, int64_t groups, int64_t channels, int64_t size,
                     const float* restrict image, const float* restrict weight, const float* restrict d_result,
                     float* restrict d_image, float* restrict d_weight) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++) {
                const int64_t at = (n * ny + y) * nx + x;
                const float* own = d_result + at * groups * channels;
                float* restrict d = d_image + at * groups * channels;
                memset(d, 0, groups * channels * sizeof(float));
                for (int64_t tap = 0; tap < size * size; tap++) {
                    const int64_t dy = tap / size - size / 2, dx = tap % size - size / 2;
                    float* restrict of_weight = d_weight + (at * size * size + tap) * groups;
                    const int is_read = is_inside(y + dy, ny) && is_inside(x + dx, nx);
                    const float* p = image + ((n * ny + y + dy) * nx + x + dx) * groups * channels;
                    for (int64_t g = 0; g < groups; g++) {
                        float sum = 0;
                        if (is_read)
                            for (int64_t c = 0; c < channels; c++) sum += p[g * channels + c] * own[g * channels + c];
                        of_weight[g] = sum;
                    }
                    if (!is_inside(y - dy, ny) || !is_inside(x - dx, nx)) continue;
                    const int64_t reader = (n * ny + y - dy) * nx + x - dx;
                    const float* w = weight + (reader * size * size + tap) * groups;
                    const float* g_of = d_result + reader * groups * channels;
                    for (int64_t g = 0; g < groups; g++)
                        for (int64_t c = 0; c < channels; c++) d[g * channels + c] += w[g] * g_of[g * channels + c];
                }
            }
}

/* image[batch][nz][ny][nx][channels], weight[3][3][3][channels] -> result as image; `way` -1: windows turned round. */
static inline void depthwise(int64_t batch, int64_t nz, int64_t ny, int64_t nx, int64_t channels, int64_t way,
                             const float* restrict image, const float* restrict weight, float* restrict result) {
#pragma omp parallel for collapse(3)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t z = 0; z < nz; z++)
            for (int64_t y = 0; y < ny; y++)
                for (int64_t x = 0; x < nx; x++) {
                    float* restrict r = result + (((n * nz + z) * ny + y) * nx + x) * channels;
                    memset(r, 0, channels * sizeof(float));
                    for (int64_t tap = 0; tap < 27; tap++) {
                        const int64_t sz = z + way * (tap / 9 - 1), sy = y + way * (tap / 3 % 3 - 1),
                                      sx = x + way * (tap % 3 - 1);
                        if (!is_inside(sz, nz) || !is_inside(sy, ny) || !is_inside(sx, nx)) continue;
                        const float* p = image + (((n * nz + sz) * ny + sy) * nx + sx) * channels;
                        for (int64_t c = 0; c < channels; c++) r[c] += p[c] * weight[tap * channels + c];
                    }
                }
}

void depthwise_conv3d(int64_t batch, int64_t nz, int64_t ny, int64_t nx, int64_t channels, const float* image,
                      const float* weight, float* result) {
    depthwise(batch, nz, ny, nx, channels, 1, image, weight, result);
}

void depthwise_conv3d_grad(int64_t batch, int64_t nz, int64_t ny, int64_t nx, int64_t channels,
                           const float* restrict image, const float* restrict weight, const float* restrict d_result,
                           float* restrict d_image, float* restrict d_weight) {
    depthwise(batch, nz, ny, nx, channels, -1, d_result, weight, d_image);
    memset(d_weight, 0, 27 * channels * sizeof(float));
#pragma omp parallel
    {
        float* restrict own = calloc(27 * channels, sizeof(float));
#pragma omp for collapse(3)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t z = 0; z < nz; z++)
                for (int64_t y = 0; y < ny; y++)
                    for (int64_t x = 0; x < nx; x++) {
                        const float* g = d_result + (((n * nz + z) * ny + y) * nx + x) * channels;
                        for (int64_t tap = 0; tap < 27; tap++) {
                            const int64_t sz = z + tap / 9 - 1, sy = y + tap / 3 % 3 - 1, sx = x + tap % 3 - 1;
                            if (!is_inside(sz, nz) || !is_inside(sy, ny) || !is_inside(sx, nx)) continue;
                            const float* p = image + (((n * nz + sz) * ny + sy) * nx + sx) * channels;
                            for (int64_t c = 0; c < channels; c++) own[tap * channels + c] += p[c] * g[c];
                        }
                    }
#pragma omp critical
        for (int64_t e = 0; e < 27 * channels; e++) d_weight[e] += own[e];
        free(own);
    }
}

/* a[batch][ny][nx][channels], b[batch][by][bx][channels] -> result[batch][ny][nx][taps][taps], two elements between
 * taps */
void correlation(int64_t batch, int64_t ny, int64_t nx, int64_t by, int64_t bx, int64_t channels, int64_t taps,
                 const float* restrict a, const float* restrict b, float* restrict result) {
#pragma omp parallel for collapse(3)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++)
                for (int64_t tap = 0; tap < taps * taps; tap++) {
                    const int64_t sy = y + 2 * (tap / taps) - (taps - 1), sx = x + 2 * (tap % taps) - (taps - 1);
                    const float *p = a + ((n * ny + y) * nx + x) * channels,
                                *q = b + ((n * by + sy) * bx + sx) * channels;
                    float sum = 0;
                    if (is_inside(sy, by) && is_inside(sx, bx))
                        for (int64_t c = 0; c < channels; c++) sum += p[c] * q[c];
                    result[((n * ny + y) * nx + x) * taps * taps + tap] = sum;
                }
}

void correlation_grad(int64_t batch, int64_t ny, int64_t nx, int64_t by, int64_t bx, int64_t channels, int64_t taps,
                      const float* restrict a, const float* restrict b, const float* restrict d_result,
                      float* restrict d_a, float* restrict d_b) {
#pragma omp parallel
    {
#pragma omp for collapse(3) nowait
        for (int64_t n = 0; n < batch; n++)
            for (int64_t y = 0; y < ny; y++)
                for (int64_t x = 0; x < nx; x++) {
                    const int64_t at = (n * ny + y) * nx + x;
                    memset(d_a + at * channels, 0, channels * sizeof(float));
                    for (int64_t tap = 0; tap < taps * taps; tap++) {
                        const int64_t sy = y + 2 * (tap / taps) - (taps - 1), sx = x + 2 * (tap % taps) - (taps - 1);
                        if (!is_inside(sy, by) || !is_inside(sx, bx)) continue;
                        const float g = d_result[at * taps * taps + tap], *q = b + ((n * by + sy) * bx + sx) * channels;
                        for (int64_t c = 0; c < channels; c++) d_a[at * channels + c] += g * q[c];
                    }
                }
#pragma omp for collapse(3)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t sy = 0; sy < by; sy++)
                for (int64_t sx = 0; sx < bx; sx++) {
                    float* restrict d = d_b + ((n * by + sy) * bx + sx) * channels;
                    memset(d, 0, channels * sizeof(float));
                    for (int64_t tap = 0; tap < taps * taps; tap++) {
                        const int64_t y = sy - 2 * (tap / taps) + (taps - 1), x = sx - 2 * (tap % taps) + (taps - 1);
                        if (!is_inside(y, ny) || !is_inside(x, nx)) continue;
                        const int64_t at = (n * ny + y) * nx + x;
                        const float g = d_result[at * taps * taps + tap];
                        for (int64_t c = 0; c < channels; c++) d[c] += g * a[at * channels + c];
                    }
                }
    }
}

static inline void moments(int64_t count, const float* restrict x, float* mean, float* scale) {
    float sum = 0, squares = 0;
    for (int64_t e = 0; e < count; e++) sum += x[e];
    *mean = sum / count;
    for (int64_t e = 0; e < count; e++) squares += (x[e] - *mean) * (x[e] - *mean);
    *scale = 1 / sqrtf(squares / count + 1e-5f);
}

/* x[batch][groups][channels][pixels], gamma, beta[groups][channels] -> result as x, of SiLU */
void group_norm(int64_t batch, int64_t groups, int64_t channels, int64_t pixels, const float* restrict x,
                const float* restrict gamma, const float* restrict beta, float* restrict result) {
#pragma omp parallel for
    for (int64_t n = 0; n < batch * groups; n++) {
        float mean, scale;
        moments(channels * pixels, x + n * channels * pixels, &mean, &scale);
        for (int64_t c = 0; c < channels; c++) {
            const float factor = gamma[n % groups * channels + c] * scale, offset = beta[n % groups * channels + c];
            const int64_t first = (n * channels + c) * pixels;
            for (int64_t p = first; p < first + pixels; p++) {
                const float normal = (x[p] - mean) * factor + offset;
                result[p] = normal / (1 + expf(-normal));
            }
        }
    }
}

/* The derivative by what is normalised is kept in d_x until the sums over its group are known. */
void group_norm_grad(int64_t batch, int64_t groups, int64_t channels, int64_t pixels, const float* restrict x,
                     const float* restrict gamma, const float* restrict beta, const float* restrict d_result,
                     float* restrict d_x, float* restrict d_gamma, float* restrict d_beta) {
    memset(d_gamma, 0, groups * channels * sizeof(float));
    memset(d_beta, 0, groups * channels * sizeof(float));
#pragma omp parallel for
    for (int64_t g = 0; g < groups; g++)
        for (int64_t n = g; n < batch * groups; n += groups) {
            float mean, scale, total = 0, along = 0;
            moments(channels * pixels, x + n * channels * pixels, &mean, &scale);
            for (int64_t c = 0; c < channels; c++) {
                const float factor = gamma[g * channels + c], offset = beta[g * channels + c];
                const int64_t first = (n * channels + c) * pixels;
                float sum = 0, products = 0;
                for (int64_t p = first; p < first + pixels; p++) {
                    const float normal = (x[p] - mean) * scale, y = normal * factor + offset, s = 1 / (1 + expf(-y));
                    const float d = d_result[p] * s * (1 + y * (1 - s));
                    sum += d;
                    products += d * normal;
                    d_x[p] = d * factor;
                }
                d_beta[g * channels + c] += sum;
                d_gamma[g * channels + c] += products;
                total += factor * sum;
                along += factor * products;
            }
            total /= channels * pixels;
            along /= channels * pixels;
            for (int64_t p = n * channels * pixels; p < (n + 1) * channels * pixels; p++)
                d_x[p] = scale * (d_x[p] - total - (x[p] - mean) * scale * along);
        }
}
