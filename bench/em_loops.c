/* EM routing as straightforward loops for gcc -O3 -march=native -ffast-math -fopenmp, with the layouts of models/: the C
 * rows of bench/compare_em.py. Votes are computed once and stored, as are the assignments. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

enum { K = 3, S = 2, H = 16 };

/* The floats that em_routing_in keeps its intermediate results in. */
int64_t em_workspace(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out) {
    const int64_t positions = batch * ((iy - K) / S + 1) * ((ix - K) / S + 1);
    return positions * out * (K * K * in * (H + 1) + H) + 2 * batch * iy * ix * in;
}

/* pose[batch][iy][ix][in][4][4], activation[batch][iy][ix][in], weight[3][3][in][out][4][4], beta_u[out], beta_a[out]
 * -> mean[batch][y][x][out][16], active[batch][y][x][out] */
void em_routing_in(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out, const float *restrict pose,
                   const float *restrict activation, const float *restrict weight, const float *restrict beta_u,
                   const float *restrict beta_a, float *restrict mean, float *restrict active,
                   float *restrict workspace) {
    const int64_t ny = (iy - K) / S + 1, nx = (ix - K) / S + 1, children = K * K * in;
    const int64_t pairs = batch * ny * nx * children * out;
    float *restrict votes = workspace, *restrict r = votes + pairs * H, *restrict variance = r + pairs;
    float *restrict highest = variance + batch * ny * nx * out * H, *restrict total = highest + batch * iy * ix * in;

#pragma omp parallel for collapse(3)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < ny; y++)
            for (int64_t x = 0; x < nx; x++)
                for (int64_t c = 0; c < children; c++) {
                    const int64_t ky = c / in / K, kx = c / in % K, i = c % in;
                    const int64_t cy = S * y + ky, cx = S * x + kx;
                    const float *p = pose + (((n * iy + cy) * ix + cx) * in + i) * 16;
                    const float *w = weight + ((ky * K + kx) * in + i) * out * 16;
                    const int64_t at = (((n * ny + y) * nx + x) * children + c) * out;
                    int64_t parents_y = 0, parents_x = 0;
                    for (int64_t q = 0; q < ny; q++) parents_y += cy >= S * q && cy < S * q + K;
                    for (int64_t q = 0; q < nx; q++) parents_x += cx >= S * q && cx < S * q + K;
                    const float share = activation[((n * iy + cy) * ix + cx) * in + i] / (parents_y * parents_x * out);
                    for (int64_t o = 0; o < out; o++) {
                        float *v = votes + (at + o) * H;
                        for (int row = 0; row < 4; row++)
                            for (int col = 0; col < 4; col++) {
                                float sum = 0;
                                for (int k = 0; k < 4; k++) sum += p[row * 4 + k] * w[o * 16 + k * 4 + col];
                                v[row * 4 + col] = sum;
                            }
                        r[at + o] = share;
                    }
                }
    for (int t = 0; t < 3; t++) {
        const float lambda = 0.01f * (1 - powf(0.95f, t + 1));
#pragma omp parallel for collapse(3)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t y = 0; y < ny; y++)
                for (int64_t x = 0; x < nx; x++) {
                    const int64_t position = (n * ny + y) * nx + x;
                    const float *v = votes + position * children * out * H;
                    float *rp = r + position * children * out;
                    float *m = mean + position * out * H, *s = variance + position * out * H, mass[out], evidence[out];
                    for (int64_t o = 0; o < out; o++) mass[o] = 0;
                    for (int64_t e = 0; e < out * H; e++) m[e] = s[e] = 0;
                    for (int64_t c = 0; c < children; c++)
                        for (int64_t o = 0; o < out; o++) {
                            mass[o] += rp[c * out + o];
                            for (int h = 0; h < H; h++) m[o * H + h] += rp[c * out + o] * v[(c * out + o) * H + h];
                        }
                    for (int64_t o = 0; o < out; o++)
                        for (int h = 0; h < H; h++) m[o * H + h] /= mass[o] + 1e-7f;
                    for (int64_t c = 0; c < children; c++)
                        for (int64_t o = 0; o < out; o++)
                            for (int h = 0; h < H; h++) {
                                const float d = v[(c * out + o) * H + h] - m[o * H + h];
                                s[o * H + h] += rp[c * out + o] * d * d;
                            }
                    for (int64_t o = 0; o < out; o++) {
                        float log_volume = 0;
                        for (int h = 0; h < H; h++) {
                            const float sigma2 = s[o * H + h] / (mass[o] + 1e-7f) + 1e-4f;
                            log_volume += logf(sigma2);
                            s[o * H + h] = 1 / sigma2; /* the E-step multiplies */
                        }
                        const float cost = (H * beta_u[o] + 0.5f * log_volume) * mass[o];
                        const float logit = lambda * (beta_a[o] - cost);
                        active[position * out + o] = 1 / (1 + expf(-logit));
                        evidence[o] = (logit < 0 ? logit : 0) - log1pf(expf(-fabsf(logit))) - 0.5f * log_volume;
                    }
                    if (t == 2) continue;
                    for (int64_t c = 0; c < children; c++)
                        for (int64_t o = 0; o < out; o++) {
                            float distance = 0;
                            for (int h = 0; h < H; h++) {
                                const float d = v[(c * out + o) * H + h] - m[o * H + h];
                                distance += d * d * s[o * H + h];
                            }
                            rp[c * out + o] = evidence[o] - 0.5f * distance;
                        }
                }
        if (t == 2) break;
        /* The parents of a child, at up to 4 positions and of all types, compete for it. */
#pragma omp parallel for collapse(3)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t cy = 0; cy < iy; cy++)
                for (int64_t cx = 0; cx < ix; cx++)
                    for (int64_t i = 0; i < in; i++) {
                        const int64_t child = ((n * iy + cy) * ix + cx) * in + i;
                        float most = -INFINITY, sum = 0;
                        for (int pass = 0; pass < 2; pass++)
                            for (int64_t ky = cy % S; ky < K; ky += S)
                                for (int64_t kx = cx % S; kx < K; kx += S) {
                                    const int64_t y = (cy - ky) / S, x = (cx - kx) / S;
                                    if (cy < ky || cx < kx || y >= ny || x >= nx) continue;
                                    const float *l =
                                        r + ((((n * ny + y) * nx + x) * K + ky) * K + kx) * in * out + i * out;
                                    if (pass == 0)
                                        for (int64_t o = 0; o < out; o++) most = l[o] > most ? l[o] : most;
                                    else
                                        for (int64_t o = 0; o < out; o++) sum += expf(l[o] - most);
                                }
                        highest[child] = most;
                        total[child] = sum;
                    }
#pragma omp parallel for collapse(3)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t y = 0; y < ny; y++)
                for (int64_t x = 0; x < nx; x++)
                    for (int64_t c = 0; c < children; c++) {
                        const int64_t ky = c / in / K, kx = c / in % K, i = c % in;
                        const int64_t child = ((n * iy + S * y + ky) * ix + S * x + kx) * in + i;
                        float *l = r + (((n * ny + y) * nx + x) * children + c) * out;
                        for (int64_t o = 0; o < out; o++)
                            l[o] = activation[child] * expf(l[o] - highest[child]) / total[child];
                    }
    }
}

void em_routing(int64_t batch, int64_t iy, int64_t ix, int64_t in, int64_t out, const float *pose,
                const float *activation, const float *weight, const float *beta_u, const float *beta_a, float *mean,
                float *active) {
    float *workspace = malloc(em_workspace(batch, iy, ix, in, out) * sizeof(float));
    em_routing_in(batch, iy, ix, in, out, pose, activation, weight, beta_u, beta_a, mean, active, workspace);
    free(workspace);
}
