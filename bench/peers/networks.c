/* The networks of models/ from straightforward loops, as in loops.c: a layer at a time over the batch, each layer's
 * results stored. Poses are 4x4, windows of capsules 3x3, and routing takes three iterations. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>

#include "layers.h"

enum { H = 16, ITERATIONS = 3 };

static inline float identity(float x) { return x; }
static inline float gelu(float x) { return 0.5f * x * (1 + erff(x * 0.70710678f)); }

static float *floats(int64_t count) { return malloc(count * sizeof(float)); }

/* image[batch][size][size][in], weight[taps][taps][in][out] -> f(result[batch][to][to][out]) */
static inline void conv(int64_t batch, int64_t size, int64_t to, int64_t in, int64_t out, int64_t taps, int64_t stride,
                        int64_t padding, const float *restrict image, const float *restrict weight,
                        const float *restrict bias, float (*f)(float), float *restrict result) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < to; y++)
            for (int64_t x = 0; x < to; x++) {
                float *r = result + ((n * to + y) * to + x) * out;
                for (int64_t o = 0; o < out; o++) r[o] = bias[o];
                for (int64_t ky = 0; ky < taps; ky++)
                    for (int64_t kx = 0; kx < taps; kx++) {
                        const int64_t sy = stride * y + ky - padding, sx = stride * x + kx - padding;
                        if (sy < 0 || sy >= size || sx < 0 || sx >= size) continue;
                        const float *p = image + ((n * size + sy) * size + sx) * in;
                        const float *w = weight + (ky * taps + kx) * in * out;
                        for (int64_t i = 0; i < in; i++)
                            for (int64_t o = 0; o < out; o++) r[o] += p[i] * w[i * out + o];
                    }
                for (int64_t o = 0; o < out; o++) r[o] = f(r[o]);
            }
}

static float *ink(int64_t count, const uint8_t *restrict image) {
    float *result = floats(count);
#pragma omp parallel for
    for (int64_t i = 0; i < count; i++) result[i] = image[i] * (1.0f / 16);
    return result;
}

/* Windows of 2x2 with stride 2. */
static inline void pool(int64_t batch, int64_t size, int64_t channels, int average, const float *restrict image,
                        float *restrict result) {
    const int64_t to = size / 2;
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < batch; n++)
        for (int64_t y = 0; y < to; y++)
            for (int64_t x = 0; x < to; x++)
                for (int64_t c = 0; c < channels; c++) {
                    const float *p = image + ((n * size + 2 * y) * size + 2 * x) * channels + c;
                    const float *q = p + size * channels;
                    const float top = p[0] > p[channels] ? p[0] : p[channels];
                    const float bottom = q[0] > q[channels] ? q[0] : q[channels];
                    result[((n * to + y) * to + x) * channels + c] =
                        average ? (p[0] + p[channels] + q[0] + q[channels]) / 4 : top > bottom ? top : bottom;
                }
}

static inline void norm_gelu(int64_t rows, int64_t cols, const float *restrict gamma, const float *restrict beta,
                             float *restrict x) {
#pragma omp parallel for
    for (int64_t i = 0; i < rows; i++) {
        float *p = x + i * cols;
        float mean = 0, variance = 0;
        for (int64_t j = 0; j < cols; j++) mean += p[j];
        mean /= cols;
        for (int64_t j = 0; j < cols; j++) variance += (p[j] - mean) * (p[j] - mean);
        const float scale = 1 / sqrtf(variance / cols + 1e-5f);
        for (int64_t j = 0; j < cols; j++) p[j] = gelu((p[j] - mean) * scale * gamma[j] + beta[j]);
    }
}

void digits_cnn(int64_t batch, const uint8_t *image, const float *conv1_weight, const float *conv1_bias,
                const float *conv2_weight, const float *conv2_bias, const float *gamma, const float *beta,
                const float *dense1_weight, const float *dense1_bias, const float *dense2_weight,
                const float *dense2_bias, float *restrict logits, float *restrict probabilities) {
    float *paper = ink(batch * 64, image), *act1 = floats(batch * 64 * 32), *pool1 = floats(batch * 16 * 32);
    float *act2 = floats(batch * 16 * 64), *pool2 = floats(batch * 4 * 64), *act3 = floats(batch * 64);
    conv(batch, 8, 8, 1, 32, 3, 1, 1, paper, conv1_weight, conv1_bias, gelu, act1);
    pool(batch, 8, 32, 0, act1, pool1);
    conv(batch, 4, 4, 32, 64, 3, 1, 1, pool1, conv2_weight, conv2_bias, identity, act2);
    norm_gelu(batch * 16, 64, gamma, beta, act2);
    pool(batch, 4, 64, 1, act2, pool2);
    dense(batch, 4 * 64, 64, pool2, dense1_weight, dense1_bias, gelu, act3);
    dense(batch, 64, 10, act3, dense2_weight, dense2_bias, identity, logits);
    for (int64_t n = 0; n < batch; n++) {
        const float *l = logits + n * 10;
        float *p = probabilities + n * 10, highest = -INFINITY, total = 0;
        for (int i = 0; i < 10; i++) highest = l[i] > highest ? l[i] : highest;
        for (int i = 0; i < 10; i++) total += p[i] = expf(l[i] - highest);
        for (int i = 0; i < 10; i++) p[i] /= total;
    }
    free(paper), free(act1), free(pool1), free(act2), free(pool2), free(act3);
}

/* A layer of capsules: size x size positions of children, `to` x `to` of parents, windows of taps x taps. */
struct layer {
    int64_t batch, size, to, in, out, taps, stride;
    float cost; /* times a parent's cost */
};

static int64_t children(const struct layer *l) { return l->taps * l->taps * l->in; }
static int64_t positions(const struct layer *l) { return l->batch * l->to * l->to; }

/* Where child c of a position of parents is among all children. */
static inline int64_t child_at(const struct layer *l, int64_t n, int64_t y, int64_t x, int64_t c) {
    const int64_t ky = c / l->in / l->taps, kx = c / l->in % l->taps;
    return ((n * l->size + l->stride * y + ky) * l->size + l->stride * x + kx) * l->in + c % l->in;
}

/* votes[position][child][out][16] of pose[...][4][4] and weight[child or in][out][4][4]. Votes of the last layer, whose
 * weights all positions share, say where their child is: `first` is its centre, `step` from one to the next. */
static float *votes_of(const struct layer *l, int shared, float first, float step, const float *restrict pose,
                       const float *restrict weight) {
    float *votes = floats(positions(l) * children(l) * l->out * H);
#pragma omp parallel for collapse(3)
    for (int64_t n = 0; n < l->batch; n++)
        for (int64_t y = 0; y < l->to; y++)
            for (int64_t x = 0; x < l->to; x++)
                for (int64_t c = 0; c < children(l); c++) {
                    const float *p = pose + child_at(l, n, y, x, c) * H;
                    const float *w = weight + (shared ? c % l->in : c) * l->out * H;
                    float *v = votes + (((n * l->to + y) * l->to + x) * children(l) + c) * l->out * H;
                    for (int64_t o = 0; o < l->out; o++)
                        for (int row = 0; row < 4; row++)
                            for (int col = 0; col < 4; col++) {
                                float sum = 0;
                                for (int k = 0; k < 4; k++) sum += p[row * 4 + k] * w[o * H + k * 4 + col];
                                v[o * H + row * 4 + col] = sum;
                            }
                    if (shared)
                        for (int64_t o = 0; o < l->out; o++) {
                            v[o * H + 3] += first + step * (c / l->in / l->taps);
                            v[o * H + 7] += first + step * (c / l->in % l->taps);
                        }
                }
    return votes;
}

/* The parents that see a child share it equally. */
static void first_shares(const struct layer *l, const float *restrict activation, float *restrict share) {
#pragma omp parallel for collapse(2)
    for (int64_t n = 0; n < l->batch; n++)
        for (int64_t cy = 0; cy < l->size; cy++)
            for (int64_t cx = 0; cx < l->size; cx++) {
                int64_t rows = 0, columns = 0;
                for (int64_t q = 0; q < l->to; q++) {
                    rows += cy >= l->stride * q && cy < l->stride * q + l->taps;
                    columns += cx >= l->stride * q && cx < l->stride * q + l->taps;
                }
                const int64_t parents = rows * columns * l->out, at = ((n * l->size + cy) * l->size + cx) * l->in;
                for (int64_t i = 0; i < l->in; i++) share[at + i] = activation[at + i] / (parents ? parents : 1);
            }
}

/* One position's means, activations and, unless it is the last iteration, logits in place of the assignments. */
static void m_step(const struct layer *l, int t, const float *restrict v, float *restrict r,
                   const float *restrict beta_u, const float *restrict beta_a, float *restrict m,
                   float *restrict active) {
    const int64_t out = l->out;
    const float lambda = 0.01f * (1 - powf(0.95f, t + 1));
    float s[out * H], mass[out], evidence[out];
    for (int64_t o = 0; o < out; o++) mass[o] = 0;
    for (int64_t e = 0; e < out * H; e++) m[e] = s[e] = 0;
    for (int64_t c = 0; c < children(l); c++)
        for (int64_t o = 0; o < out; o++) {
            mass[o] += r[c * out + o];
            for (int h = 0; h < H; h++) m[o * H + h] += r[c * out + o] * v[(c * out + o) * H + h];
        }
    for (int64_t o = 0; o < out; o++)
        for (int h = 0; h < H; h++) m[o * H + h] /= mass[o] + 1e-7f;
    for (int64_t c = 0; c < children(l); c++)
        for (int64_t o = 0; o < out; o++)
            for (int h = 0; h < H; h++) {
                const float d = v[(c * out + o) * H + h] - m[o * H + h];
                s[o * H + h] += r[c * out + o] * d * d;
            }
    for (int64_t o = 0; o < out; o++) {
        float log_volume = 0;
        for (int h = 0; h < H; h++) {
            const float variance = s[o * H + h] / (mass[o] + 1e-7f) + 1e-4f;
            log_volume += logf(variance);
            s[o * H + h] = 1 / variance;
        }
        const float logit = lambda * (beta_a[o] - l->cost * mass[o] * (H * beta_u[o] + 0.5f * log_volume));
        active[o] = sigmoid(logit);
        evidence[o] = (logit < 0 ? logit : 0) - log1pf(expf(-fabsf(logit))) - 0.5f * log_volume;
    }
    if (t + 1 == ITERATIONS) return;
    for (int64_t c = 0; c < children(l); c++)
        for (int64_t o = 0; o < out; o++) {
            float distance = 0;
            for (int h = 0; h < H; h++) {
                const float d = v[(c * out + o) * H + h] - m[o * H + h];
                distance += d * d * s[o * H + h];
            }
            r[c * out + o] = evidence[o] - 0.5f * distance;
        }
}

/* The parents of each child compete for it: what each logit is over, and the share that remains to be multiplied. */
static void compete(const struct layer *l, const float *restrict r, const float *restrict activation,
                    float *restrict highest, float *restrict share) {
#pragma omp parallel for collapse(3)
    for (int64_t n = 0; n < l->batch; n++)
        for (int64_t cy = 0; cy < l->size; cy++)
            for (int64_t cx = 0; cx < l->size; cx++)
                for (int64_t i = 0; i < l->in; i++) {
                    const int64_t child = ((n * l->size + cy) * l->size + cx) * l->in + i;
                    float most = -INFINITY, sum = 0;
                    for (int pass = 0; pass < 2; pass++)
                        for (int64_t ky = cy % l->stride; ky < l->taps; ky += l->stride)
                            for (int64_t kx = cx % l->stride; kx < l->taps; kx += l->stride) {
                                const int64_t y = (cy - ky) / l->stride, x = (cx - kx) / l->stride;
                                if (cy < ky || cx < kx || y >= l->to || x >= l->to) continue;
                                const int64_t position = (n * l->to + y) * l->to + x;
                                const float *p =
                                    r + (position * children(l) + (ky * l->taps + kx) * l->in + i) * l->out;
                                for (int64_t o = 0; o < l->out; o++)
                                    if (pass == 0)
                                        most = p[o] > most ? p[o] : most;
                                    else
                                        sum += expf(p[o] - most);
                            }
                    highest[child] = most;
                    share[child] = activation[child] / (sum > 0.5f ? sum : 0.5f);
                }
}

/* r[position][child][out], mean[position][out][16], active[position][out] */
static void route(const struct layer *l, const float *restrict votes, const float *restrict activation,
                  const float *beta_u, const float *beta_a, float *restrict r, float *restrict mean,
                  float *restrict active) {
    const int64_t each = children(l) * l->out, all = l->batch * l->size * l->size * l->in;
    float *highest = floats(all), *share = floats(all);
    first_shares(l, activation, share);
    for (int t = 0; t < ITERATIONS; t++) {
        if (t > 0) compete(l, r, activation, highest, share);
#pragma omp parallel for collapse(3)
        for (int64_t n = 0; n < l->batch; n++)
            for (int64_t y = 0; y < l->to; y++)
                for (int64_t x = 0; x < l->to; x++) {
                    const int64_t position = (n * l->to + y) * l->to + x;
                    for (int64_t c = 0; c < children(l); c++) {
                        const int64_t child = child_at(l, n, y, x, c);
                        float *p = r + position * each + c * l->out;
                        for (int64_t o = 0; o < l->out; o++)
                            p[o] = t == 0 ? share[child] : expf(p[o] - highest[child]) * share[child];
                    }
                }
#pragma omp parallel for
        for (int64_t position = 0; position < positions(l); position++)
            m_step(l, t, votes + position * each * H, r + position * each, beta_u, beta_a,
                   mean + position * l->out * H, active + position * l->out);
    }
    free(highest), free(share);
}

/* The last layer's poses, activations and assignments, of the capsules of the layer before. */
static void classes(const struct layer *l, float first, float step, const float *pose, const float *activation,
                    const float *weight, const float *beta_u, const float *beta_a, float *assignment,
                    float *agreement, float *mean, float *active) {
    float *votes = votes_of(l, 1, first, step, pose, weight);
    route(l, votes, activation, beta_u, beta_a, assignment, mean, active);
    if (agreement) {
#pragma omp parallel for
        for (int64_t n = 0; n < l->batch; n++)
            for (int64_t e = 0; e < children(l) * l->out; e++) {
                const float *v = votes + (n * children(l) * l->out + e) * H, *m = mean + (n * l->out + e % l->out) * H;
                float both = 0, ours = 0, theirs = 0;
                for (int h = 0; h < H; h++) both += v[h] * m[h], ours += v[h] * v[h], theirs += m[h] * m[h];
                agreement[n * children(l) * l->out + e] = both / sqrtf(ours * theirs + 1e-12f);
            }
    }
    free(votes);
}

/* A layer with windows, whose poses and activations are new memory. */
static void capsules(const struct layer *l, const float *pose, const float *activation, const float *weight,
                     const float *beta_u, const float *beta_a, float **mean, float **active) {
    float *votes = votes_of(l, 0, 0, 0, pose, weight), *r = floats(positions(l) * children(l) * l->out);
    *mean = floats(positions(l) * l->out * H);
    *active = floats(positions(l) * l->out);
    route(l, votes, activation, beta_u, beta_a, r, *mean, *active);
    free(votes), free(r);
}

void digits_capsules(int64_t batch, const uint8_t *image, const float *conv_weight, const float *conv_bias,
                     const float *pose_weight, const float *pose_bias, const float *active_weight,
                     const float *active_bias, const float *weight1, const float *beta_u1, const float *beta_a1,
                     const float *weight2, const float *beta_u2, const float *beta_a2, float *activation, float *pose,
                     float *assignment, float *agreement) {
    const struct layer hidden = {batch, 6, 4, 8, 8, 3, 1, 100.0f * (4 * 4 * 8) / (6 * 6 * 8)};
    const struct layer last = {batch, 4, 1, 8, 10, 4, 1, 100.0f * 10 / (4 * 4 * 8)};
    const int64_t pixels = batch * 36;
    float *paper = ink(batch * 64, image), *features = floats(pixels * 64), *pose0 = floats(pixels * 8 * H);
    float *active0 = floats(pixels * 8), *pose1, *active1;
    conv(batch, 8, 6, 1, 64, 5, 1, 1, paper, conv_weight, conv_bias, relu, features);
    dense(pixels, 64, 8 * H, features, pose_weight, pose_bias, identity, pose0);
    dense(pixels, 64, 8, features, active_weight, active_bias, sigmoid, active0);
    capsules(&hidden, pose0, active0, weight1, beta_u1, beta_a1, &pose1, &active1);
    classes(&last, 2.5f / 8, 1.0f / 8, pose1, active1, weight2, beta_u2, beta_a2, assignment, agreement, pose,
            activation);
    free(paper), free(features), free(pose0), free(active0), free(pose1), free(active1);
}

void hinton_capsules(int64_t batch, const float *image, const float *conv_weight, const float *conv_bias,
                     const float *pose_weight, const float *pose_bias, const float *active_weight,
                     const float *active_bias, const float *weight1, const float *beta_u1, const float *beta_a1,
                     const float *weight2, const float *beta_u2, const float *beta_a2, const float *weight3,
                     const float *beta_u3, const float *beta_a3, float *activation, float *pose) {
    const struct layer layer1 = {batch, 14, 6, 8, 16, 3, 2, 100.0f * (6 * 6 * 16) / (14 * 14 * 8)};
    const struct layer layer2 = {batch, 6, 4, 16, 16, 3, 1, 100.0f * (4 * 4 * 16) / (6 * 6 * 16)};
    const struct layer last = {batch, 4, 1, 16, 5, 4, 1, 100.0f * 5 / (4 * 4 * 16)};
    const int64_t pixels = batch * 14 * 14;
    float *features = floats(pixels * 64), *pose0 = floats(pixels * 8 * H), *active0 = floats(pixels * 8);
    float *pose1, *active1, *pose2, *active2, *assignment = floats(batch * children(&last) * last.out);
    conv(batch, 32, 14, 2, 64, 5, 2, 0, image, conv_weight, conv_bias, relu, features);
    dense(pixels, 64, 8 * H, features, pose_weight, pose_bias, identity, pose0);
    dense(pixels, 64, 8, features, active_weight, active_bias, sigmoid, active0);
    capsules(&layer1, pose0, active0, weight1, beta_u1, beta_a1, &pose1, &active1);
    capsules(&layer2, pose1, active1, weight2, beta_u2, beta_a2, &pose2, &active2);
    classes(&last, 8.5f / 32, 4.0f / 32, pose2, active2, weight3, beta_u3, beta_a3, assignment, NULL, pose, activation);
    free(features), free(pose0), free(active0), free(pose1), free(active1), free(pose2), free(active2), free(assignment);
}
