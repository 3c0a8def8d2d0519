#pragma once
/// Attention in its full form: every query looks at every key, or at those up to its own.
///
/// Source of all: A. Vaswani et al., Attention Is All You Need, 2017, section 3.2, https://arxiv.org/abs/1706.03762.

#include <coulter/coulter.h>

namespace coulter::models {

/// Which keys a query sees.
enum class Mask : std::uint8_t {
    none,
    causal,         ///< those up to its own position: key <= query
    causal_from_end ///< the same with the last query beside the last key, as where earlier keys lie in a cache
};

/// The positions of queries and keys, and the dims over which they are compared: one, or several that make up a
/// channel.
struct AttentionDims {
    Dim query;
    Dim key;
    std::vector<Dim> channel;
};

struct AttentionOptions {
    Mask mask = Mask::none;
    std::optional<double> scale; ///< of the scores; `1 / sqrt(number of channels)` by default
    std::optional<Arg> bias;     ///< added to the scaled scores, over `query`, `key` or fewer dims; -inf hides a key
};

/// Softmax over the keys of the scaled products of queries and keys, and with it the average of the values:
///
///     score  = scale * sum over `channel` of q * k + bias
///     result = sum over the seen keys of exp(score) * v / sum over the seen keys of exp(score)
///
/// shifted by the largest score of each query. Where a query sees no key, or all its scores are -inf, the result is 0.
/// \param q an expression of a float type with `query` and `channel`; \param k with `key` and `channel`; \param v with
/// `key`. Their other dims bind by name: a batch, heads; heads that share keys are a dim of q alone.
[[nodiscard]] Tensor attention(const Arg& q, const Arg& k, const Arg& v, const AttentionDims& dims,
                               const AttentionOptions& options = {});

/// How many blocks of `size` keys there are: the extent of the `block` below.
[[nodiscard]] Expr key_blocks(const Dim& key, std::int64_t size);

/// Keys in blocks: key `size * block + within`.
struct KeyBlocks {
    std::int64_t size;
    Dim block;  ///< `Dim("block", key_blocks(key, size))`
    Dim within; ///< `Dim("within", size)`
};

/// The same result in one pass over the keys: a reduction over blocks of keys carries the largest score so far, the sum
/// of exponentials and the weighted sum of values relative to it, and rescales both where the largest grows.
///
/// The exponentials of rescaling cost as much as a block of one key for each element of a value, so blocks of 32 keys
/// and more are cheap. \param k, v tensors. No bias.
/// Source: M. Milakov, N. Gimelshein, Online normalizer calculation for softmax, 2018,
/// https://arxiv.org/abs/1805.02867, in blocks as T. Dao et al., FlashAttention, 2022,
/// https://arxiv.org/abs/2205.14135.
[[nodiscard]] Tensor attention_one_pass(const Arg& q, const Arg& k, const Arg& v, const AttentionDims& dims,
                                        const KeyBlocks& blocks, const AttentionOptions& options = {});

// The kernels, f32: q[batch, head, i, d], k[batch, head, j, d], v[batch, head, j, e] -> result[batch, head, i, e].
[[nodiscard]] Kernel attention();
[[nodiscard]] Kernel attention_causal();
[[nodiscard]] Kernel attention_one_pass(); ///< causal from the end, blocks of 64 keys
/// bias[i, j] is added to the scores.
[[nodiscard]] Kernel attention_bias();

} // namespace coulter::models
