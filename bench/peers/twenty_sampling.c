/* Interpolation of the twenty kernels and its gradients as any C programmer writes it: the C rows of bench/peers.py.
 * Places run in parallel, the innermost loop runs along the channels. A gradient by an image is scattered, into a copy
 * of it for each thread. Arrays are row-major, sizes come first. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The four elements around a place, their weights, 0 outside, and the weights' derivatives by y and x. */
struct four {
    int64_t at[4];
    float weight[4], by_y[4], by_x[4];
};

static inline struct four around(float y, float x, int64_t ny, int64_t nx) {
    const int64_t low_y = floorf(y), low_x = floorf(x);
    const float fy = y - low_y, fx = x - low_x;
    struct four four;
    for (int corner = 0; corner < 4; corner++) {
        const int64_t sy = low_y + corner / 2, sx = low_x + corner % 2;
        const int is_inside = sy >= 0 && sy < ny && sx >= 0 && sx < nx;
        const float wy = corner / 2 ? fy : 1 - fy, wx = corner % 2 ? fx : 1 - fx;
        four.at[corner] = is_inside ? sy * nx + sx : 0;
        four.weight[corner] = is_inside ? wy * wx : 0;
        four.by_y[corner] = is_inside ? (corner / 2 ? wx : -wx) : 0;
        four.by_x[corner] = is_inside ? (corner % 2 ? wy : -wy) : 0;
    }
    return four;
}

static inline void sampled(struct four four, int64_t channels, const float* restrict image, float factor,
                           float* restrict r) {
    const float *a = image + four.at[0] * channels, *b = image + four.at[1] * channels;
    const float *c = image + four.at[2] * channels, *d = image + four.at[3] * channels;
    for (int64_t i = 0; i < channels; i++)
        r[i] = factor * (four.weight[0] * a[i] + four.weight[1] * b[i] + four.weight[2] * c[i] + four.weight[3] * d[i]);
}

/* Of a derivative g by a sample: into the image's, and by the place. Returns the sample times g. */
static inline float sampled_grad(struct four four, int64_t channels, const float* restrict image,
                                 const float* restrict g, float factor, float* restrict d_image, float* of_y,
                                 float* of_x) {
    float value = 0, y = 0, x = 0;
    for (int corner = 0; corner < 4; corner++) {
        const float* p = image + four.at[corner] * channels;
        float* restrict d = d_image + four.at[corner] * channels, dot = 0;
        for (int64_t i = 0; i < channels; i++) {
            dot += p[i] * g[i];
            d[i] += factor * four.weight[corner] * g[i];
        }
        value += four.weight[corner] * dot;
        y += four.by_y[corner] * dot;
        x += four.by_x[corner] * dot;
    }
    *of_y = factor * y;
    *of_x = factor * x;
    return value;
}

/* image[batch][iy][ix][channels], grid[batch][y][x][2] -> result[batch][y][x][channels] */
void grid_sample(int64_t batch, int64_t iy, int64_t ix, int64_t y, int64_t x, int64_t channels,
                 const float* restrict image, const float* restrict grid, float* restrict result) {
#pragma omp parallel for
    for (int64_t p = 0; p < batch * y * x; p++) {
        const float at_y = ((grid[2 * p + 1] + 1) * iy - 1) / 2, at_x = ((grid[2 * p] + 1) * ix - 1) / 2;
        sampled(around(at_y, at_x, iy, ix), channels, image + p / (y * x) * iy * ix * channels, 1,
                result + p * channels);
    }
}

void grid_sample_grad(int64_t batch, int64_t iy, int64_t ix, int64_t y, int64_t x, int64_t channels,
                      const float* restrict image, const float* restrict grid, const float* restrict d_result,
                      float* restrict d_image, float* restrict d_grid) {
    const int64_t size = batch * iy * ix * channels;
    memset(d_image, 0, size * sizeof(float));
#pragma omp parallel
    {
        float* own = calloc(size, sizeof(float));
#pragma omp for
        for (int64_t p = 0; p < batch * y * x; p++) {
            const int64_t first = p / (y * x) * iy * ix * channels;
            const float at_y = ((grid[2 * p + 1] + 1) * iy - 1) / 2, at_x = ((grid[2 * p] + 1) * ix - 1) / 2;
            float of_y, of_x;
            sampled_grad(around(at_y, at_x, iy, ix), channels, image + first, d_result + p * channels, 1, own + first,
                         &of_y, &of_x);
            d_grid[2 * p] = of_x * ix / 2;
            d_grid[2 * p + 1] = of_y * iy / 2;
        }
#pragma omp critical
        for (int64_t e = 0; e < size; e++) d_image[e] += own[e];
        free(own);
    }
}

static inline struct four of_tap(const float* offset, int64_t tap, int64_t y, int64_t x, int64_t ny, int64_t nx) {
    return around(y + tap / 3 - 1 + offset[2 * tap], x + tap % 3 - 1 + offset[2 * tap + 1], ny, nx);
}

/* image[batch][ny][nx][in], offset[batch][ny][nx][9][2], mask[batch][ny][nx][9], weight[9][in][out] ->
 * result[batch][ny][nx][out] */
void deformable_conv(int64_t batch, int64_t ny, int64_t nx, int64_t in, int64_t out, const float* restrict image,
                     const float* restrict offset, const float* restrict mask, const float* restrict weight,
                     float* restrict result) {
#pragma omp parallel
    {
        float* samples = malloc(in * sizeof(float));
#pragma omp for
        for (int64_t p = 0; p < batch * ny * nx; p++) {
            const float* own = image + p / (ny * nx) * ny * nx * in;
            float* restrict r = result + p * out;
            memset(r, 0, out * sizeof(float));
            for (int64_t tap = 0; tap < 9; tap++) {
                const struct four four = of_tap(offset + p * 18, tap, p / nx % ny, p % nx, ny, nx);
                sampled(four, in, own, mask[p * 9 + tap], samples);
                for (int64_t i = 0; i < in; i++)
                    for (int64_t o = 0; o < out; o++) r[o] += samples[i] * weight[(tap * in + i) * out + o];
            }
        }
        free(samples);
    }
}

void deformable_conv_grad(int64_t batch, int64_t ny, int64_t nx, int64_t in, int64_t out, const float* restrict image,
                          const float* restrict offset, const float* restrict mask, const float* restrict weight,
                          const float* restrict d_result, float* restrict d_image, float* restrict d_offset,
                          float* restrict d_mask, float* restrict d_weight) {
    const int64_t size = batch * ny * nx * in, weights = 9 * in * out;
    memset(d_image, 0, size * sizeof(float));
    memset(d_weight, 0, weights * sizeof(float));
#pragma omp parallel
    {
        float *samples = malloc(2 * in * sizeof(float)), *of_samples = samples + in;
        float *own_image = calloc(size, sizeof(float)), *own_weight = calloc(weights, sizeof(float));
#pragma omp for
        for (int64_t p = 0; p < batch * ny * nx; p++) {
            const int64_t first = p / (ny * nx) * ny * nx * in;
            const float* g = d_result + p * out;
            for (int64_t tap = 0; tap < 9; tap++) {
                const struct four four = of_tap(offset + p * 18, tap, p / nx % ny, p % nx, ny, nx);
                sampled(four, in, image + first, mask[p * 9 + tap], samples);
                for (int64_t i = 0; i < in; i++) {
                    const float* w = weight + (tap * in + i) * out;
                    float* restrict d = own_weight + (tap * in + i) * out, sum = 0;
                    for (int64_t o = 0; o < out; o++) {
                        sum += w[o] * g[o];
                        d[o] += samples[i] * g[o];
                    }
                    of_samples[i] = sum;
                }
                float* of_place = d_offset + p * 18 + tap * 2;
                d_mask[p * 9 + tap] = sampled_grad(four, in, image + first, of_samples, mask[p * 9 + tap],
                                                   own_image + first, of_place, of_place + 1);
            }
        }
#pragma omp critical
        {
            for (int64_t e = 0; e < size; e++) d_image[e] += own_image[e];
            for (int64_t e = 0; e < weights; e++) d_weight[e] += own_weight[e];
        }
        free(samples);
        free(own_image);
        free(own_weight);
    }
}

enum { CELL = 16, BINS = 8 };

/* grid[gy][gx][bins][2] along the axis whose elements lie `step` floats apart, `n` of them */
static void blur(int64_t size, int64_t n, int64_t step, const float* restrict from, float* restrict to) {
    static const float shares[5] = {0.0625f, 0.25f, 0.375f, 0.25f, 0.0625f};
#pragma omp parallel for
    for (int64_t e = 0; e < size; e++) {
        float sum = 0;
        for (int64_t tap = -2; tap <= 2; tap++) {
            const int64_t at = e / step % n + tap;
            if (at >= 0 && at < n) sum += shares[tap + 2] * from[e + tap * step];
        }
        to[e] = sum;
    }
}

static void blur_all(int64_t gy, int64_t gx, float* grid, float* other) {
    const int64_t size = gy * gx * BINS * 2;
    blur(size, BINS, 2, grid, other);
    blur(size, gy, gx * BINS * 2, other, grid);
    blur(size, gx, BINS * 2, grid, other);
    memcpy(grid, other, size * sizeof(float));
}

/* The weighed values and weights of the pixels around each corner of a cell. */
static void splat(int64_t ny, int64_t nx, int64_t gy, int64_t gx, const float* restrict value,
                  const float* restrict guide, float* restrict grid) {
    memset(grid, 0, gy * gx * BINS * 2 * sizeof(float));
#pragma omp parallel for
    for (int64_t cy = 0; cy < gy; cy++)
        for (int64_t y = cy * CELL - CELL / 2; y < cy * CELL + CELL / 2; y++)
            for (int64_t x = 0; y >= 0 && y < ny && x < nx; x++) {
                const float at = guide[y * nx + x] * (BINS - 1);
                const int64_t low = fminf(at, BINS - 2);
                float* cell = grid + ((cy * gx + (x + CELL / 2) / CELL) * BINS + low) * 2;
                cell[0] += (1 - (at - low)) * value[y * nx + x];
                cell[1] += 1 - (at - low);
                cell[2] += (at - low) * value[y * nx + x];
                cell[3] += at - low;
            }
}

/* value, guide[ny][nx] -> result; guides lie between 0 and 1. */
void bilateral_grid(int64_t ny, int64_t nx, int64_t gy, int64_t gx, const float* restrict value,
                    const float* restrict guide, float* restrict result) {
    float* grid = malloc(2 * gy * gx * BINS * 2 * sizeof(float));
    splat(ny, nx, gy, gx, value, guide, grid);
    blur_all(gy, gx, grid, grid + gy * gx * BINS * 2);
#pragma omp parallel for
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            const float at = guide[y * nx + x] * (BINS - 1);
            const int64_t z = fminf(at, BINS - 2);
            const float f[3] = {(float)(y % CELL) / CELL, (float)(x % CELL) / CELL, at - z};
            float sums[2] = {0, 0};
            for (int corner = 0; corner < 8; corner++) {
                const float* p =
                    grid + (((y / CELL + corner / 4) * gx + x / CELL + corner / 2 % 2) * BINS + z + corner % 2) * 2;
                const float share = (corner / 4 ? f[0] : 1 - f[0]) * (corner / 2 % 2 ? f[1] : 1 - f[1]) *
                                    (corner % 2 ? f[2] : 1 - f[2]);
                sums[0] += share * p[0];
                sums[1] += share * p[1];
            }
            result[y * nx + x] = sums[0] / sums[1];
        }
    free(grid);
}

/* The blur is its own adjoint; that of the slice is a scatter into the grid, that of the splat a gather from it. */
void bilateral_grid_grad(int64_t ny, int64_t nx, int64_t gy, int64_t gx, const float* restrict value,
                         const float* restrict guide, const float* restrict d_result, float* restrict d_value,
                         float* restrict d_guide) {
    const int64_t size = gy * gx * BINS * 2;
    float *grid = malloc(2 * size * sizeof(float)), *other = grid + size, *d_grid = calloc(size, sizeof(float));
    splat(ny, nx, gy, gx, value, guide, grid);
    blur_all(gy, gx, grid, other);
#pragma omp parallel
    {
        float* own = calloc(size, sizeof(float));
#pragma omp for
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++) {
                const float at = guide[y * nx + x] * (BINS - 1);
                const int64_t z = fminf(at, BINS - 2);
                const float f[3] = {(float)(y % CELL) / CELL, (float)(x % CELL) / CELL, at - z};
                float sums[2] = {0, 0}, slopes[2] = {0, 0}, shares[8];
                int64_t places[8];
                for (int corner = 0; corner < 8; corner++) {
                    const float plane = (corner / 4 ? f[0] : 1 - f[0]) * (corner / 2 % 2 ? f[1] : 1 - f[1]);
                    places[corner] =
                        (((y / CELL + corner / 4) * gx + x / CELL + corner / 2 % 2) * BINS + z + corner % 2) * 2;
                    shares[corner] = plane * (corner % 2 ? f[2] : 1 - f[2]);
                    for (int k = 0; k < 2; k++) {
                        sums[k] += shares[corner] * grid[places[corner] + k];
                        slopes[k] += (corner % 2 ? plane : -plane) * grid[places[corner] + k];
                    }
                }
                const float of_sum = d_result[y * nx + x] / sums[1], of_weight = -of_sum * sums[0] / sums[1];
                for (int corner = 0; corner < 8; corner++) {
                    own[places[corner]] += shares[corner] * of_sum;
                    own[places[corner] + 1] += shares[corner] * of_weight;
                }
                d_guide[y * nx + x] = (BINS - 1) * (of_sum * slopes[0] + of_weight * slopes[1]);
            }
#pragma omp critical
        for (int64_t e = 0; e < size; e++) d_grid[e] += own[e];
        free(own);
    }
    blur_all(gy, gx, d_grid, other);
#pragma omp parallel for
    for (int64_t y = 0; y < ny; y++)
        for (int64_t x = 0; x < nx; x++) {
            const float at = guide[y * nx + x] * (BINS - 1), v = value[y * nx + x];
            const int64_t low = fminf(at, BINS - 2);
            const float* cell = d_grid + (((y + CELL / 2) / CELL * gx + (x + CELL / 2) / CELL) * BINS + low) * 2;
            d_value[y * nx + x] = (1 - (at - low)) * cell[0] + (at - low) * cell[2];
            d_guide[y * nx + x] += (BINS - 1) * (v * (cell[2] - cell[0]) + cell[3] - cell[1]);
        }
    free(grid);
    free(d_grid);
}
