/* Products, distances, gathers and the largest few of the twenty kernels, and their gradients as any C programmer
 * writes them: the C rows of bench/peers.py. Rows run in parallel; gradients by what all rows read have a copy per
 * thread. Arrays are row-major, sizes come first. */
#include <float.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Adds what each thread has for itself. */
static inline void merge(int64_t size, float* own, float* all) {
#pragma omp critical
    for (int64_t e = 0; e < size; e++) all[e] += own[e];
    free(own);
}

/* x[rows][channels], y[cols][channels] -> result[rows][cols] */
void pairwise_l1(int64_t rows, int64_t cols, int64_t channels, const float* restrict x, const float* restrict y,
                 float* restrict result) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            float sum = 0;
            for (int64_t c = 0; c < channels; c++) sum += fabsf(x[i * channels + c] - y[j * channels + c]);
            result[i * cols + j] = sum;
        }
}

void pairwise_l1_grad(int64_t rows, int64_t cols, int64_t channels, const float* restrict x, const float* restrict y,
                      const float* restrict d_result, float* restrict d_x, float* restrict d_y) {
    memset(d_y, 0, cols * channels * sizeof(float));
#pragma omp parallel
    {
        float* restrict own = calloc(cols * channels, sizeof(float));
#pragma omp for
        for (int64_t i = 0; i < rows; i++) {
            memset(d_x + i * channels, 0, channels * sizeof(float));
            for (int64_t j = 0; j < cols; j++) {
                const float g = d_result[i * cols + j];
                for (int64_t c = 0; c < channels; c++) {
                    const float apart = x[i * channels + c] - y[j * channels + c];
                    const float d = apart > 0 ? g : apart < 0 ? -g : 0;
                    d_x[i * channels + c] += d;
                    own[j * channels + c] -= d;
                }
            }
        }
        merge(cols * channels, own, d_y);
    }
}

/* x[edges][channels][nj], y[edges][nk], c[ni][nj][nk] -> result[edges][channels][ni] */
void contraction(int64_t edges, int64_t channels, int64_t ni, int64_t nj, int64_t nk, const float* restrict x,
                 const float* restrict y, const float* restrict c, float* restrict result) {
#pragma omp parallel for
    for (int64_t e = 0; e < edges; e++) {
        float matrix[ni * nj];
        for (int64_t ij = 0; ij < ni * nj; ij++) {
            matrix[ij] = 0;
            for (int64_t k = 0; k < nk; k++) matrix[ij] += c[ij * nk + k] * y[e * nk + k];
        }
        for (int64_t n = e * channels; n < (e + 1) * channels; n++)
            for (int64_t i = 0; i < ni; i++) {
                float sum = 0;
                for (int64_t j = 0; j < nj; j++) sum += matrix[i * nj + j] * x[n * nj + j];
                result[n * ni + i] = sum;
            }
    }
}

void contraction_grad(int64_t edges, int64_t channels, int64_t ni, int64_t nj, int64_t nk, const float* restrict x,
                      const float* restrict y, const float* restrict c, const float* restrict d_result,
                      float* restrict d_x, float* restrict d_y, float* restrict d_c) {
    memset(d_c, 0, ni * nj * nk * sizeof(float));
#pragma omp parallel
    {
        float* restrict own = calloc(ni * nj * nk, sizeof(float));
#pragma omp for
        for (int64_t e = 0; e < edges; e++) {
            float matrix[ni * nj], of_matrix[ni * nj];
            for (int64_t ij = 0; ij < ni * nj; ij++) {
                matrix[ij] = of_matrix[ij] = 0;
                for (int64_t k = 0; k < nk; k++) matrix[ij] += c[ij * nk + k] * y[e * nk + k];
            }
            for (int64_t n = e * channels; n < (e + 1) * channels; n++) {
                for (int64_t j = 0; j < nj; j++) d_x[n * nj + j] = 0;
                for (int64_t i = 0; i < ni; i++)
                    for (int64_t j = 0; j < nj; j++) {
                        d_x[n * nj + j] += matrix[i * nj + j] * d_result[n * ni + i];
                        of_matrix[i * nj + j] += x[n * nj + j] * d_result[n * ni + i];
                    }
            }
            for (int64_t k = 0; k < nk; k++) d_y[e * nk + k] = 0;
            for (int64_t ij = 0; ij < ni * nj; ij++)
                for (int64_t k = 0; k < nk; k++) {
                    d_y[e * nk + k] += of_matrix[ij] * c[ij * nk + k];
                    own[ij * nk + k] += of_matrix[ij] * y[e * nk + k];
                }
        }
        merge(ni * nj * nk, own, d_c);
    }
}

/* x[rows][k], x_scale[rows], weight[cols][k], scale, zero[cols][groups] -> result[rows][cols] */
void grouped_int8_matmul(int64_t rows, int64_t cols, int64_t k, int64_t groups, int64_t within,
                         const int8_t* restrict x, const float* restrict x_scale, const int8_t* restrict weight,
                         const float* restrict scale, const int8_t* restrict zero, float* restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < cols; j++) {
            const int8_t *row = x + i * k, *col = weight + j * k;
            float sum = 0;
            for (int64_t g = 0; g < groups; g++) {
                const int64_t end = (g + 1) * within < k ? (g + 1) * within : k;
                int32_t dot = 0, total = 0;
                for (int64_t e = g * within; e < end; e++) {
                    dot += row[e] * col[e];
                    total += row[e];
                }
                sum += scale[j * groups + g] * (dot - zero[j * groups + g] * total);
            }
            result[i * cols + j] = x_scale[i] * sum;
        }
}

/* The choices of an expert, into `list`. An expert that does not exist is the nearest. */
static inline int64_t choices_of(int64_t expert, int64_t experts, int64_t all, const int32_t* restrict chosen,
                                 int64_t* restrict list) {
    int64_t count = 0;
    for (int64_t n = 0; n < all; n++) {
        const int64_t own = chosen[n] < 0 ? 0 : chosen[n] >= experts ? experts - 1 : chosen[n];
        if (own == expert) list[count++] = n;
    }
    return count;
}

enum { COLUMNS = 64 };

/* x[tokens][in], weight[experts][in][out], chosen, gate[tokens][choices] -> result[tokens][out]. Columns run in
 * parallel: experts share their rows. */
void moe_gather_matmul(int64_t tokens, int64_t in, int64_t out, int64_t experts, int64_t choices,
                       const float* restrict x, const float* restrict weight, const int32_t* restrict chosen,
                       const float* restrict gate, float* restrict result) {
#pragma omp parallel
    {
        int64_t* list = malloc(tokens * choices * sizeof(int64_t));
#pragma omp for
        for (int64_t first = 0; first < out; first += COLUMNS) {
            const int64_t columns = out - first < COLUMNS ? out - first : COLUMNS;
            for (int64_t t = 0; t < tokens; t++) memset(result + t * out + first, 0, columns * sizeof(float));
            for (int64_t e = 0; e < experts; e++) {
                const int64_t count = choices_of(e, experts, tokens * choices, chosen, list);
                for (int64_t n = 0; n < count; n++) {
                    const int64_t t = list[n] / choices;
                    float* restrict r = result + t * out + first;
                    for (int64_t i = 0; i < in; i++) {
                        const float p = gate[list[n]] * x[t * in + i], *w = weight + (e * in + i) * out + first;
                        for (int64_t o = 0; o < columns; o++) r[o] += p * w[o];
                    }
                }
            }
        }
        free(list);
    }
}

void moe_gather_matmul_grad(int64_t tokens, int64_t in, int64_t out, int64_t experts, int64_t choices,
                            const float* restrict x, const float* restrict weight, const int32_t* restrict chosen,
                            const float* restrict gate, const float* restrict d_result, float* restrict d_x,
                            float* restrict d_weight, float* restrict d_gate) {
    memset(d_x, 0, tokens * in * sizeof(float));
#pragma omp parallel
    {
        float* restrict own = calloc(tokens * in, sizeof(float));
        int64_t* list = malloc(tokens * choices * sizeof(int64_t));
#pragma omp for
        for (int64_t e = 0; e < experts; e++) {
            const int64_t count = choices_of(e, experts, tokens * choices, chosen, list);
            memset(d_weight + e * in * out, 0, in * out * sizeof(float));
            for (int64_t n = 0; n < count; n++) {
                const int64_t t = list[n] / choices;
                const float* g = d_result + t * out;
                float of_gate = 0;
                for (int64_t i = 0; i < in; i++) {
                    const float *w = weight + (e * in + i) * out, p = gate[list[n]] * x[t * in + i];
                    float* restrict d = d_weight + (e * in + i) * out, sum = 0;
                    for (int64_t o = 0; o < out; o++) {
                        sum += w[o] * g[o];
                        d[o] += p * g[o];
                    }
                    of_gate += sum * x[t * in + i];
                    own[t * in + i] += gate[list[n]] * sum;
                }
                d_gate[list[n]] = of_gate;
            }
        }
        free(list);
        merge(tokens * in, own, d_x);
    }
}

/* x[sources][channels], source_of, weight[edges], start[nodes + 1] -> result[nodes][channels] */
void message_passing(int64_t sources, int64_t channels, int64_t edges, int64_t bounds, const float* restrict x,
                     const int32_t* restrict source_of, const int32_t* restrict start, const float* restrict weight,
                     float* restrict result) {
#pragma omp parallel for schedule(dynamic, 64)
    for (int64_t n = 0; n < bounds - 1; n++) {
        float* restrict r = result + n * channels;
        memset(r, 0, channels * sizeof(float));
        for (int64_t e = start[n]; e < start[n + 1]; e++)
            for (int64_t c = 0; c < channels; c++) r[c] += weight[e] * x[source_of[e] * channels + c];
    }
}

void message_passing_grad(int64_t sources, int64_t channels, int64_t edges, int64_t bounds, const float* restrict x,
                          const int32_t* restrict source_of, const int32_t* restrict start,
                          const float* restrict weight, const float* restrict d_result, float* restrict d_x,
                          float* restrict d_weight) {
    memset(d_x, 0, sources * channels * sizeof(float));
    memset(d_weight, 0, edges * sizeof(float)); /* an edge of no node counts for nothing */
#pragma omp parallel
    {
        float* restrict own = calloc(sources * channels, sizeof(float));
#pragma omp for
        for (int64_t n = 0; n < bounds - 1; n++)
            for (int64_t e = start[n]; e < start[n + 1]; e++) {
                const float *p = x + source_of[e] * channels, *g = d_result + n * channels;
                float* restrict d = own + source_of[e] * channels, sum = 0;
                for (int64_t c = 0; c < channels; c++) {
                    sum += p[c] * g[c];
                    d[c] += weight[e] * g[c];
                }
                d_weight[e] = sum;
            }
        merge(sources * channels, own, d_x);
    }
}

enum { LARGEST = 4 };

static inline void largest(int64_t cols, const float* restrict x, float* restrict values, int32_t* restrict indices) {
    for (int s = 0; s < LARGEST; s++) values[s] = -FLT_MAX, indices[s] = 0;
    for (int64_t j = 0; j < cols; j++) {
        if (!(x[j] > values[LARGEST - 1])) continue;
        int s = LARGEST - 1;
        for (; s > 0 && x[j] > values[s - 1]; s--) values[s] = values[s - 1], indices[s] = indices[s - 1];
        values[s] = x[j];
        indices[s] = j;
    }
}

/* x[rows][cols] -> values, indices[rows][4] */
void topk(int64_t rows, int64_t cols, const float* restrict x, float* restrict values, int32_t* restrict indices) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) largest(cols, x + i * cols, values + i * LARGEST, indices + i * LARGEST);
}

void topk_grad(int64_t rows, int64_t cols, const float* restrict x, const float* restrict d_values,
               float* restrict d_x) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) {
        float values[LARGEST];
        int32_t indices[LARGEST];
        largest(cols, x + i * cols, values, indices);
        memset(d_x + i * cols, 0, cols * sizeof(float));
        for (int s = 0; s < LARGEST; s++) d_x[i * cols + indices[s]] = d_values[i * LARGEST + s];
    }
}
