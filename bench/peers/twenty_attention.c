/* Attention of the twenty kernels and its gradients as any C programmer writes it: the C rows of bench/peers.py. A
 * query at a time: its scores are kept in a row, one loop for each sum. Heads and queries run in parallel, in gradients
 * heads alone, as queries share keys. Arrays are row-major, sizes come first. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The keys that a query sees: `rows` runs of `cols` keys, `apart` keys from one run to the next. */
struct keys {
    int64_t first, rows, cols, apart;
};

static inline int64_t key_at(struct keys keys, int64_t n) {
    return keys.first + n / keys.cols * keys.apart + n % keys.cols;
}

static inline float dot(int64_t n, const float* restrict a, const float* restrict b) {
    float sum = 0;
    for (int64_t e = 0; e < n; e++) sum += a[e] * b[e];
    return sum;
}

static inline void add(int64_t n, float factor, const float* restrict a, float* restrict b) {
    for (int64_t e = 0; e < n; e++) b[e] += factor * a[e];
}

/* The shares of the keys, into p; keys lie `step` floats apart. */
static inline void shares(struct keys keys, int64_t d, int64_t step, const float* q, const float* k,
                          float* restrict p) {
    const int64_t count = keys.rows * keys.cols;
    const float scale = 1 / sqrtf(d);
    float highest = -3e38f, total = 0;
    for (int64_t n = 0; n < count; n++) {
        p[n] = scale * dot(d, q, k + key_at(keys, n) * step);
        highest = fmaxf(highest, p[n]);
    }
    for (int64_t n = 0; n < count; n++) total += p[n] = expf(p[n] - highest);
    for (int64_t n = 0; n < count; n++) p[n] /= total;
}

static inline void attend(struct keys keys, int64_t d, int64_t e, int64_t step_k, int64_t step_v, const float* q,
                          const float* k, const float* v, float* restrict p, float* restrict result) {
    shares(keys, d, step_k, q, k, p);
    memset(result, 0, e * sizeof(float));
    for (int64_t n = 0; n < keys.rows * keys.cols; n++) add(e, p[n], v + key_at(keys, n) * step_v, result);
}

/* d_k and d_v are added to. p and s have room for all keys. */
static inline void attend_grad(struct keys keys, int64_t d, int64_t e, int64_t step_k, int64_t step_v, const float* q,
                               const float* k, const float* v, const float* d_result, float* restrict p,
                               float* restrict s, float* restrict d_q, float* d_k, float* d_v) {
    const int64_t count = keys.rows * keys.cols;
    const float scale = 1 / sqrtf(d);
    float mean = 0;
    shares(keys, d, step_k, q, k, p);
    for (int64_t n = 0; n < count; n++) {
        s[n] = dot(e, d_result, v + key_at(keys, n) * step_v);
        mean += p[n] * s[n];
    }
    memset(d_q, 0, d * sizeof(float));
    for (int64_t n = 0; n < count; n++) {
        const int64_t key = key_at(keys, n);
        const float of_score = scale * p[n] * (s[n] - mean);
        add(d, of_score, k + key * step_k, d_q);
        add(d, of_score, q, d_k + key * step_k);
        add(e, p[n], d_result, d_v + key * step_v);
    }
}

static inline struct keys in_window(int64_t i, int64_t keys, int64_t window) {
    const int64_t first = i > window ? i - window : 0, end = i + window + 1 < keys ? i + window + 1 : keys;
    return (struct keys){first, 1, end - first, 0};
}

/* q[heads][i][d], k[heads][j][d], v[heads][j][e] -> result[heads][i][e]; heads are those of all batches. */
static inline void all_heads(int64_t heads, int64_t i, int64_t j, int64_t d, int64_t e, int64_t window, const float* q,
                             const float* k, const float* v, float* result) {
#pragma omp parallel
    {
        float* p = malloc(j * sizeof(float));
#pragma omp for collapse(2)
        for (int64_t h = 0; h < heads; h++)
            for (int64_t n = 0; n < i; n++)
                attend(in_window(n, j, window), d, e, d, e, q + (h * i + n) * d, k + h * j * d, v + h * j * e, p,
                       result + (h * i + n) * e);
        free(p);
    }
}

static inline void all_heads_grad(int64_t heads, int64_t i, int64_t j, int64_t d, int64_t e, int64_t window,
                                  const float* q, const float* k, const float* v, const float* d_result, float* d_q,
                                  float* d_k, float* d_v) {
    memset(d_k, 0, heads * j * d * sizeof(float));
    memset(d_v, 0, heads * j * e * sizeof(float));
#pragma omp parallel
    {
        float* p = malloc(2 * j * sizeof(float));
#pragma omp for
        for (int64_t h = 0; h < heads; h++)
            for (int64_t n = 0; n < i; n++)
                attend_grad(in_window(n, j, window), d, e, d, e, q + (h * i + n) * d, k + h * j * d, v + h * j * e,
                            d_result + (h * i + n) * e, p, p + j, d_q + (h * i + n) * d, d_k + h * j * d,
                            d_v + h * j * e);
        free(p);
    }
}

void attention(int64_t batch, int64_t head, int64_t i, int64_t j, int64_t d, int64_t e, const float* q, const float* k,
               const float* v, float* result) {
    all_heads(batch * head, i, j, d, e, i + j, q, k, v, result);
}

void attention_grad(int64_t batch, int64_t head, int64_t i, int64_t j, int64_t d, int64_t e, const float* q,
                    const float* k, const float* v, const float* d_result, float* d_q, float* d_k, float* d_v) {
    all_heads_grad(batch * head, i, j, d, e, i + j, q, k, v, d_result, d_q, d_k, d_v);
}

void sliding_window_attention(int64_t batch, int64_t head, int64_t i, int64_t j, int64_t tap, int64_t d, int64_t e,
                              const float* q, const float* k, const float* v, float* result) {
    all_heads(batch * head, i, j, d, e, tap / 2, q, k, v, result);
}

void sliding_window_attention_grad(int64_t batch, int64_t head, int64_t i, int64_t j, int64_t tap, int64_t d, int64_t e,
                                   const float* q, const float* k, const float* v, const float* d_result, float* d_q,
                                   float* d_k, float* d_v) {
    all_heads_grad(batch * head, i, j, d, e, tap / 2, q, k, v, d_result, d_q, d_k, d_v);
}

static inline int64_t start(int64_t at, int64_t window, int64_t size) {
    const int64_t first = at - window / 2;
    return first < 0 ? 0 : first > size - window ? size - window : first;
}

static inline struct keys around(int64_t y, int64_t x, int64_t ny, int64_t nx, int64_t window) {
    return (struct keys){start(y, window, ny) * nx + start(x, window, nx), window, window, nx};
}

/* q, k[batch][y][x][head][d], v[batch][y][x][head][e] -> result as v */
void neighbourhood_attention(int64_t batch, int64_t ny, int64_t nx, int64_t head, int64_t d, int64_t e, int64_t window,
                             const float* q, const float* k, const float* v, float* result) {
#pragma omp parallel
    {
        float* p = malloc(window * window * sizeof(float));
#pragma omp for collapse(3)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t y = 0; y < ny; y++)
                for (int64_t x = 0; x < nx; x++)
                    for (int64_t h = 0; h < head; h++) {
                        const int64_t own = ((n * ny + y) * nx + x) * head + h, image = n * ny * nx * head + h;
                        attend(around(y, x, ny, nx, window), d, e, head * d, head * e, q + own * d, k + image * d,
                               v + image * e, p, result + own * e);
                    }
        free(p);
    }
}

void neighbourhood_attention_grad(int64_t batch, int64_t ny, int64_t nx, int64_t head, int64_t d, int64_t e,
                                  int64_t window, const float* q, const float* k, const float* v, const float* d_result,
                                  float* d_q, float* d_k, float* d_v) {
    memset(d_k, 0, batch * ny * nx * head * d * sizeof(float));
    memset(d_v, 0, batch * ny * nx * head * e * sizeof(float));
#pragma omp parallel
    {
        float* p = malloc(2 * window * window * sizeof(float));
#pragma omp for collapse(2)
        for (int64_t n = 0; n < batch; n++)
            for (int64_t h = 0; h < head; h++)
                for (int64_t y = 0; y < ny; y++)
                    for (int64_t x = 0; x < nx; x++) {
                        const int64_t own = ((n * ny + y) * nx + x) * head + h, image = n * ny * nx * head + h;
                        attend_grad(around(y, x, ny, nx, window), d, e, head * d, head * e, q + own * d, k + image * d,
                                    v + image * e, d_result + own * e, p, p + window * window, d_q + own * d,
                                    d_k + image * d, d_v + image * e);
                    }
        free(p);
    }
}

/* x[batch][i][head][2][pair], turned one way, or back. */
static inline void rotate(int64_t batch, int64_t i, int64_t head, int64_t pair, float way, const float* restrict x,
                          const int32_t* restrict position, float* restrict result) {
#pragma omp parallel
    {
        float *cosine = malloc(2 * pair * sizeof(float)), *sine = cosine + pair;
        double* frequency = malloc(pair * sizeof(double)); /* in turns per position */
        for (int64_t p = 0; p < pair; p++) frequency[p] = exp(-log(10000.0) * p / pair) / (2 * M_PI);
#pragma omp for
        for (int64_t n = 0; n < batch * i; n++) {
            for (int64_t p = 0; p < pair; p++) {
                const double turns = position[n] * frequency[p];
                const float angle = 2 * M_PI * (turns - rint(turns));
                cosine[p] = cosf(angle);
                sine[p] = way * sinf(angle);
            }
            for (int64_t h = 0; h < head; h++) {
                const float *a = x + (n * head + h) * 2 * pair, *b = a + pair;
                float* restrict r = result + (n * head + h) * 2 * pair;
                for (int64_t p = 0; p < pair; p++) {
                    r[p] = a[p] * cosine[p] - b[p] * sine[p];
                    r[pair + p] = a[p] * sine[p] + b[p] * cosine[p];
                }
            }
        }
        free(cosine);
        free(frequency);
    }
}

void rope(int64_t batch, int64_t i, int64_t head, int64_t pair, const float* x, const int32_t* position,
          float* result) {
    rotate(batch, i, head, pair, 1, x, position, result);
}

void rope_grad(int64_t batch, int64_t i, int64_t head, int64_t pair, const float* x, const int32_t* position,
               const float* d_result, float* d_x) {
    rotate(batch, i, head, pair, -1, d_result, position, d_x);
}
