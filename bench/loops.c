/* The peers that any programmer can write: straightforward loops for
 *     gcc -O3 -march=native -ffast-math -fopenmp
 * with the layouts of models/. They are the C rows of bench/compare.py. */
#include <math.h>
#include <stdint.h>

/* votes[n][y][x][o][r][c] = sum pose[n][2y+ky][2x+kx][i][r][k] * weight[ky][kx][i][o][k][c] */
void conv_capsules(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out, const float *restrict pose,
                   const float *restrict weight, float *restrict votes) {
    const int64_t ny = (iy - 3) / 2 + 1, nx = (ix - 3) / 2 + 1;
#pragma omp parallel for collapse(3)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++) {
                float *v = votes + ((n * ny + y) * nx + x) * out * 16;
                for (int64_t o = 0; o < out; o++) {
                    float acc[16] = {0};
                    for (int ky = 0; ky < 3; ky++)
                        for (int kx = 0; kx < 3; kx++)
                            for (int64_t i = 0; i < in; i++) {
                                const float *p = pose + (((n * iy + 2 * y + ky) * ix + 2 * x + kx) * in + i) * 16;
                                const float *w = weight + (((ky * 3 + kx) * in + i) * out + o) * 16;
                                for (int r = 0; r < 4; r++)
                                    for (int c = 0; c < 4; c++)
                                        for (int k = 0; k < 4; k++)
                                            acc[r * 4 + c] += p[r * 4 + k] * w[k * 4 + c];
                            }
                    for (int e = 0; e < 16; e++) v[o * 16 + e] = acc[e];
                }
            }
}

void matmul(int64_t m, int64_t n, int64_t depth, const float *restrict a, const float *restrict b, float *restrict c) {
#pragma omp parallel for
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) c[i * n + j] = 0;
        for (int64_t k = 0; k < depth; k++)
            for (int64_t j = 0; j < n; j++) c[i * n + j] += a[i * depth + k] * b[k * n + j];
    }
}

/* 3x3, padded 1, bias, ReLU; image[batch][y][x][in], weight[ky][kx][in][out] */
void conv2d(int64_t batch, int64_t ny, int64_t nx, int64_t in, int64_t out, const float *restrict image,
            const float *restrict weight, const float *restrict bias, float *restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++) {
                float *r = result + ((n * ny + y) * nx + x) * out;
                for (int64_t o = 0; o < out; o++) r[o] = bias[o];
                for (int ky = 0; ky < 3; ky++)
                    for (int kx = 0; kx < 3; kx++) {
                        const int64_t sy = y + ky - 1, sx = x + kx - 1;
                        if (sy < 0 || sy >= ny || sx < 0 || sx >= nx) continue;
                        const float *p = image + ((n * ny + sy) * nx + sx) * in;
                        const float *w = weight + (ky * 3 + kx) * in * out;
                        for (int64_t i = 0; i < in; i++)
                            for (int64_t o = 0; o < out; o++) r[o] += p[i] * w[i * out + o];
                    }
                for (int64_t o = 0; o < out; o++) r[o] = r[o] > 0 ? r[o] : 0;
            }
}

void softmax(int64_t rows, int64_t cols, const float *restrict x, float *restrict y) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) {
        const float *p = x + i * cols;
        float *q = y + i * cols;
        float highest = -INFINITY, total = 0;
        for (int64_t j = 0; j < cols; j++) highest = p[j] > highest ? p[j] : highest;
        for (int64_t j = 0; j < cols; j++) total += q[j] = expf(p[j] - highest);
        const float scale = 1 / total;
        for (int64_t j = 0; j < cols; j++) q[j] *= scale;
    }
}

void layer_norm(int64_t rows, int64_t cols, const float *restrict x, const float *restrict gamma,
                const float *restrict beta, float *restrict y) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) {
        const float *p = x + i * cols;
        float *q = y + i * cols;
        float mean = 0, variance = 0;
        for (int64_t j = 0; j < cols; j++) mean += p[j];
        mean /= cols;
        for (int64_t j = 0; j < cols; j++) variance += (p[j] - mean) * (p[j] - mean);
        const float scale = 1 / sqrtf(variance / cols + 1e-5f);
        for (int64_t j = 0; j < cols; j++) q[j] = (p[j] - mean) * scale * gamma[j] + beta[j];
    }
}
