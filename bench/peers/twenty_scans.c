/* Recurrences of the twenty kernels and their gradients as any C programmer writes them: the C rows of bench/peers.py.
 * Channels, or alignments, are independent: blocks of them run in parallel, time runs in order. A gradient keeps the
 * states of its block and then runs backwards. Arrays are row-major, sizes come first. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 16 };

static inline int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* x, step[batch][time][channel], a[channel][state], b, c[batch][time][state], skip[channel] -> result as x */
void selective_scan(int64_t batch, int64_t time, int64_t channel, int64_t state, const float* restrict x,
                    const float* restrict step, const float* restrict a, const float* restrict b,
                    const float* restrict c, const float* restrict skip, float* restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t first = 0; first < channel; first += LANES) {
            const int64_t last = least(first + LANES, channel);
            float h[LANES * state];
            memset(h, 0, sizeof h);
            for (int64_t t = 0; t < time; t++) {
                const float *bt = b + (n * time + t) * state, *ct = c + (n * time + t) * state;
                for (int64_t i = first; i < last; i++) {
                    const int64_t at = (n * time + t) * channel + i;
                    float* restrict own = h + (i - first) * state, sum = 0;
                    for (int64_t s = 0; s < state; s++) {
                        own[s] = expf(step[at] * a[i * state + s]) * own[s] + step[at] * x[at] * bt[s];
                        sum += ct[s] * own[s];
                    }
                    result[at] = sum + skip[i] * x[at];
                }
            }
        }
}

void selective_scan_grad(int64_t batch, int64_t time, int64_t channel, int64_t state, const float* restrict x,
                         const float* restrict step, const float* restrict a, const float* restrict b,
                         const float* restrict c, const float* restrict skip, const float* restrict d_result,
                         float* restrict d_x, float* restrict d_step, float* restrict d_a, float* restrict d_b,
                         float* restrict d_c, float* restrict d_skip) {
    memset(d_a, 0, channel * state * sizeof(float));
    memset(d_b, 0, batch * time * state * sizeof(float));
    memset(d_c, 0, batch * time * state * sizeof(float));
    memset(d_skip, 0, channel * sizeof(float));
#pragma omp parallel
    {
        float* h = malloc(time * LANES * state * sizeof(float)); /* states of the block */
        float *own_b = calloc(batch * time * state, sizeof(float)),
              *own_c = calloc(batch * time * state, sizeof(float));
#pragma omp for
        for (int64_t first = 0; first < channel; first += LANES)
            for (int64_t n = 0; n < batch; n++) {
                const int64_t last = least(first + LANES, channel);
                for (int64_t t = 0; t < time; t++)
                    for (int64_t i = first; i < last; i++) {
                        const int64_t at = (n * time + t) * channel + i;
                        float* restrict now = h + (t * LANES + i - first) * state;
                        const float *before = now - LANES * state, *bt = b + (n * time + t) * state;
                        for (int64_t s = 0; s < state; s++)
                            now[s] =
                                (t > 0 ? expf(step[at] * a[i * state + s]) * before[s] : 0) + step[at] * x[at] * bt[s];
                    }
                float g[LANES * state]; /* of the state, from later times */
                memset(g, 0, sizeof g);
                for (int64_t t = time; t-- > 0;)
                    for (int64_t i = first; i < last; i++) {
                        const int64_t at = (n * time + t) * channel + i, row = (n * time + t) * state;
                        const float *now = h + (t * LANES + i - first) * state, *before = now - LANES * state;
                        float* restrict own = g + (i - first) * state, of_x = 0, of_step = 0;
                        for (int64_t s = 0; s < state; s++) {
                            const float gate = expf(step[at] * a[i * state + s]), old = t > 0 ? before[s] : 0;
                            const float of_state = own[s] + c[row + s] * d_result[at];
                            own_c[row + s] += now[s] * d_result[at];
                            own_b[row + s] += of_state * step[at] * x[at];
                            of_x += of_state * step[at] * b[row + s];
                            of_step += of_state * (a[i * state + s] * gate * old + x[at] * b[row + s]);
                            d_a[i * state + s] += of_state * step[at] * gate * old;
                            own[s] = of_state * gate;
                        }
                        d_x[at] = of_x + skip[i] * d_result[at];
                        d_step[at] = of_step;
                        d_skip[i] += d_result[at] * x[at];
                    }
            }
#pragma omp critical
        for (int64_t e = 0; e < batch * time * state; e++) {
            d_b[e] += own_b[e];
            d_c[e] += own_c[e];
        }
        free(h);
        free(own_b);
        free(own_c);
    }
}

enum { WIDE = 64 };
static const float NOTHING = -1e30f; /* the exponent of a sum without terms */

/* k, v[batch][time][channel], decay, bonus[channel] -> result as k */
void wkv(int64_t batch, int64_t time, int64_t channel, const float* restrict k, const float* restrict v,
         const float* restrict decay, const float* restrict bonus, float* restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t first = 0; first < channel; first += WIDE) {
            const int64_t count = least(WIDE, channel - first);
            float highest[WIDE], values[WIDE], weights[WIDE];
            for (int64_t i = 0; i < count; i++) highest[i] = NOTHING, values[i] = weights[i] = 0;
            for (int64_t t = 0; t < time; t++) {
                const int64_t at = (n * time + t) * channel + first;
                for (int64_t i = 0; i < count; i++) {
                    const float newest = bonus[first + i] + k[at + i], top = fmaxf(highest[i], newest);
                    const float old = expf(highest[i] - top), young = expf(newest - top);
                    result[at + i] = (values[i] * old + young * v[at + i]) / (weights[i] * old + young);
                    const float faded = highest[i] - decay[first + i], next = fmaxf(faded, k[at + i]);
                    const float keep = expf(faded - next), add = expf(k[at + i] - next);
                    values[i] = values[i] * keep + add * v[at + i];
                    weights[i] = weights[i] * keep + add;
                    highest[i] = next;
                }
            }
        }
}

/* Adjoints of the sums are kept times e^highest, as the sums are kept times its inverse. */
void wkv_grad(int64_t batch, int64_t time, int64_t channel, const float* restrict k, const float* restrict v,
              const float* restrict decay, const float* restrict bonus, const float* restrict d_result,
              float* restrict d_k, float* restrict d_v, float* restrict d_decay, float* restrict d_bonus) {
    memset(d_decay, 0, channel * sizeof(float));
    memset(d_bonus, 0, channel * sizeof(float));
#pragma omp parallel
    {
        float* states = malloc((time + 1) * 3 * WIDE * sizeof(float));
#pragma omp for
        for (int64_t first = 0; first < channel; first += WIDE)
            for (int64_t n = 0; n < batch; n++) {
                const int64_t count = least(WIDE, channel - first);
                for (int64_t i = 0; i < count; i++) states[i] = NOTHING, states[WIDE + i] = states[2 * WIDE + i] = 0;
                for (int64_t t = 0; t < time; t++) {
                    const int64_t at = (n * time + t) * channel + first;
                    const float* now = states + t * 3 * WIDE;
                    float* restrict next = states + (t + 1) * 3 * WIDE;
                    for (int64_t i = 0; i < count; i++) {
                        const float faded = now[i] - decay[first + i], top = fmaxf(faded, k[at + i]);
                        const float keep = expf(faded - top), add = expf(k[at + i] - top);
                        next[i] = top;
                        next[WIDE + i] = now[WIDE + i] * keep + add * v[at + i];
                        next[2 * WIDE + i] = now[2 * WIDE + i] * keep + add;
                    }
                }
                float of_values[WIDE], of_weights[WIDE];
                memset(of_values, 0, sizeof of_values);
                memset(of_weights, 0, sizeof of_weights);
                for (int64_t t = time; t-- > 0;) {
                    const int64_t at = (n * time + t) * channel + first;
                    const float *now = states + t * 3 * WIDE, *next = now + 3 * WIDE;
                    for (int64_t i = 0; i < count; i++) {
                        const float newest = bonus[first + i] + k[at + i], top = fmaxf(now[i], newest);
                        const float old = expf(now[i] - top), young = expf(newest - top);
                        const float share = d_result[at + i] / (now[2 * WIDE + i] * old + young);
                        const float mean =
                            (now[WIDE + i] * old + young * v[at + i]) / (now[2 * WIDE + i] * old + young);
                        const float of_newest = share * young * (v[at + i] - mean);
                        const float keep = expf(now[i] - decay[first + i] - next[i]), add = expf(k[at + i] - next[i]);
                        d_v[at + i] = share * young + add * of_values[i];
                        d_k[at + i] = of_newest + add * (v[at + i] * of_values[i] + of_weights[i]);
                        d_bonus[first + i] += of_newest;
                        d_decay[first + i] -= keep * (now[WIDE + i] * of_values[i] + now[2 * WIDE + i] * of_weights[i]);
                        of_values[i] = share * old + keep * of_values[i];
                        of_weights[i] = keep * of_weights[i] - share * mean * old;
                    }
                }
            }
        free(states);
    }
}

static const float FAR = 1e30f;

static inline float soft_minimum(float a, float b, float c, float width) {
    const float low = fminf(a, fminf(b, c));
    return low - width * logf(expf((low - a) / width) + expf((low - b) / width) + expf((low - c) / width));
}

/* All minima of one alignment, with a row above and a column before of what is outside. */
static void align(int64_t rows, int64_t cols, const float* restrict cost, float width, float* restrict r) {
    const int64_t line = cols + 1;
    for (int64_t e = 0; e < (rows + 1) * line; e++) r[e] = FAR;
    r[0] = 0;
    for (int64_t i = 1; i <= rows; i++)
        for (int64_t j = 1; j <= cols; j++)
            r[i * line + j] =
                cost[(i - 1) * cols + j - 1] +
                soft_minimum(r[(i - 1) * line + j - 1], r[(i - 1) * line + j], r[i * line + j - 1], width);
}

/* cost[batch][rows][cols], gamma -> result[batch] */
void soft_dtw(int64_t batch, int64_t rows, int64_t cols, const float* restrict cost, const float* restrict gamma,
              float* restrict result) {
#pragma omp parallel
    {
        float* r = malloc((rows + 1) * (cols + 1) * sizeof(float));
#pragma omp for
        for (int64_t n = 0; n < batch; n++) {
            align(rows, cols, cost + n * rows * cols, *gamma, r);
            result[n] = r[(rows + 1) * (cols + 1) - 1];
        }
        free(r);
    }
}

/* Each cell passes its derivative to the three before it, by their shares of its minimum. */
void soft_dtw_grad(int64_t batch, int64_t rows, int64_t cols, const float* restrict cost, const float* restrict gamma,
                   const float* restrict d_result, float* restrict d_cost, float* restrict d_gamma) {
    const float width = *gamma;
    const int64_t line = cols + 1;
    float of_width = 0;
#pragma omp parallel reduction(+ : of_width)
    {
        float *r = malloc((rows + 1) * line * sizeof(float)), *e = malloc((rows + 1) * line * sizeof(float));
#pragma omp for
        for (int64_t n = 0; n < batch; n++) {
            align(rows, cols, cost + n * rows * cols, width, r);
            memset(e, 0, (rows + 1) * line * sizeof(float));
            e[(rows + 1) * line - 1] = d_result[n];
            for (int64_t i = rows; i > 0; i--)
                for (int64_t j = cols; j > 0; j--) {
                    const int64_t at = i * line + j, from[3] = {at - line - 1, at - line, at - 1};
                    const float own = e[at];
                    d_cost[(n * rows + i - 1) * cols + j - 1] = own;
                    const float low = fminf(r[from[0]], fminf(r[from[1]], r[from[2]]));
                    float share[3], total = 0, mean = 0;
                    for (int s = 0; s < 3; s++) total += share[s] = expf((low - r[from[s]]) / width);
                    for (int s = 0; s < 3; s++) {
                        share[s] /= total;
                        e[from[s]] += own * share[s];
                        mean += share[s] > 0 ? share[s] * (r[from[s]] - low) : 0;
                    }
                    of_width -= own * (logf(total) + mean / width);
                }
        }
        free(r);
        free(e);
    }
    *d_gamma = of_width;
}
