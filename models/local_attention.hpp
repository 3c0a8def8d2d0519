#pragma once
/// Attention to what lies near: windows over a sequence, and over two or more axes. And positions as rotations.

#include "models/window.hpp"

namespace coulter::models {

/// Attention of each query to the keys from `before` positions before its own, `extent(tap)` of them: key
/// `query + tap - before`. What lies beyond the sequence is not seen; a query that sees nothing has the result 0.
///
///     score  = scale * sum over channel of q * k(key)
///     result = sum over tap of exp(score) * v(key) / sum over tap of exp(score)
///
/// \param q an expression with `query` and `channel`; \param k, v tensors with `key`. \param tap a dim of constant
/// extent, `2 * w + 1` with `before = w` for a window of w on both sides, `w + 1` with `before = w` for a causal one.
/// \param scale of the scores, `1 / sqrt(extent(channel))` by default.
/// Source: I. Beltagy, M. Peters, A. Cohan, Longformer, 2020, section 3.1, https://arxiv.org/abs/2004.05150.
struct WindowDims {
    Dim query;
    Dim key;
    Dim tap;
    Dim channel;
};
[[nodiscard]] Tensor sliding_window_attention(const Arg& q, const Arg& k, const Arg& v, const WindowDims& dims,
                                              std::int64_t before, const std::optional<double>& scale = {});

/// Attention of each query to the `extent(tap)` keys nearest to it along each axis: the window is centred on the query
/// and shifted inside at borders, so that all queries see equally many. Along an axis, key `start + tap` with
/// `start = clamp(query - extent(tap) / 2, 0, extent(key) - extent(tap))`.
///
/// \param axes `from` the keys' dim, at least as long as the window (else an error of the call), `to` the queries',
/// `tap`. \param q an expression; \param k, v tensors with the keys' dims. Source: A. Hassani et al., Neighborhood
/// Attention Transformer, 2023, https://arxiv.org/abs/2204.07143.
[[nodiscard]] Tensor neighbourhood_attention(const Arg& q, const Arg& k, const Arg& v, const std::vector<Axis>& axes,
                                             const Dim& channel, const std::optional<double>& scale = {});

/// Cosine and sine of the angles `position * base^(-pair / extent(pair))`, for `rotary`.
///
/// Angles are reduced to less than a turn in f64, so that positions in the millions are as good as the first.
struct Rotation {
    Tensor cosine;
    Tensor sine;
};
/// \param position an expression of an integer type or an index: `i32(i)`, or positions that were given.
[[nodiscard]] Rotation rotation(const Arg& position, const Dim& pair, double base = 10000);

/// Rotary position embedding: the two halves of each pair of channels turn by the angle of the pair,
///
///     result(half 0) = x(half 0) * cosine - x(half 1) * sine
///     result(half 1) = x(half 0) * sine + x(half 1) * cosine
///
/// \param x a tensor with `half`, of extent 2, and `pair`. In which order they lie in memory says which channels make a
/// pair: [pair, half] neighbours, as in the paper; [half, pair] those half the channels apart.
/// Source: J. Su et al., RoFormer, 2021, section 3.2, https://arxiv.org/abs/2104.09864.
[[nodiscard]] Tensor rope(const Arg& x, const Rotation& angles, const Dim& half);

// The kernels, all f32.
/// q[batch, head, i, d], k[batch, head, j, d], v[batch, head, j, e] -> result[batch, head, i, e]; -p window=256 keys on
/// each side, -p causal=false.
[[nodiscard]] Kernel sliding_window_attention(const Params& params);
/// q[batch, y, x, head, d], k[batch, jy, jx, head, d], v[batch, jy, jx, head, e] -> result[batch, y, x, head, e];
/// -p window=7.
[[nodiscard]] Kernel neighbourhood_attention(const Params& params);
/// x[batch, i, head, half 2, pair], position[batch, i] i32 -> result as x.
[[nodiscard]] Kernel rope();
/// Causal attention of rotated queries and keys: q[batch, i, head, half 2, pair], k[batch, j, head, half 2, pair],
/// v[batch, j, head, e] -> result[batch, i, head, e].
[[nodiscard]] Kernel rope_attention();

} // namespace coulter::models
