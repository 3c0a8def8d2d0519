#pragma once
/// Sums over what indices choose: embeddings, messages along the edges of a graph, and matrices chosen per token.

#include <coulter/coulter.h>

namespace coulter::models {

/// Rows of a table: `table(row = ids)`, and the nearest row for an id that the table does not have. \param table a
/// tensor with `row`; \param ids an expression of an integer type without it.
[[nodiscard]] Tensor embedding(const Arg& table, const Arg& ids, const Dim& row);

/// A graph whose edges are sorted by the node that they lead to (CSR): edges start(node) to start(node + 1) - 1 lead to
/// node.
struct Edges {
    Dim edge;
    Dim source; ///< the dim of the nodes that edges come from, in `x`
    Dim bound;  ///< the dim of `start`, one longer than `node`
    Dim node;   ///< the nodes of the result
};

enum class Aggregate : std::uint8_t { sum, mean, max };

/// For each node, the sum, mean or maximum over its edges of `x(source = source_of(edge)) * weight`; 0 for a node
/// without edges, -inf for the maximum. Edges are read once each, in order, and no message is stored.
///
/// \param x a tensor with `source`; \param source_of an integer tensor over `edge`, the nearest node for what is none;
/// \param start an integer tensor over `bound`; \param weight an expression over `edge`, or 1.
/// Source: J. Gilmer et al., Neural Message Passing for Quantum Chemistry, 2017, https://arxiv.org/abs/1704.01212.
[[nodiscard]] Tensor message_passing(const Arg& x, const Arg& source_of, const Arg& start, const Arg& weight,
                                     const Edges& edges, Aggregate aggregate = Aggregate::sum);

/// Which dims of a mixture of experts mean what.
struct Experts {
    Dim expert; ///< of the weights
    Dim choice; ///< the experts of a token, a few
    Dim in;     ///< summed over
};

/// `sum over the chosen experts of gate * sum over in of x * weight(expert = chosen)`, the nearest expert for what is
/// none, token by token: for a few tokens, as each reads all weights of its experts. \param chosen an integer
/// expression over tokens and `choice`; \param gate over the same; \param weight a tensor. Source: N. Shazeer et al.,
/// Outrageously Large Neural Networks, 2017, section 2, https://arxiv.org/abs/1701.06538.
[[nodiscard]] Tensor moe_matmul_per_token(const Arg& x, const Arg& weight, const Arg& chosen, const Arg& gate,
                                          const Experts& experts);

/// Tokens in blocks of one expert each, so that a block is a product of matrices. The dims beside those of the
/// arguments:
struct ExpertBlocks {
    std::int64_t size; ///< tokens in a block
    Dim token;
    Dim block;                                   ///< `Dim("block", expert_blocks(token, choice, expert, size))`
    Dim within;                                  ///< `Dim("within", size)`
    Dim other_token, other_choice, other_expert; ///< of the extents of `token`, `choice` and `expert`
};
[[nodiscard]] Expr expert_blocks(const Dim& token, const Dim& choice, const Dim& expert, std::int64_t size);

/// The same result for many tokens: those of one expert are gathered and multiplied by its weights together, in blocks
/// of which the last of each expert is filled up with zeros. Which token is where is counted, not sorted: (tokens *
/// choices)^2 comparisons. \param x a tensor with `token` and `in`; \param chosen an i32 tensor over token and choice;
/// \param gate over the same; \param weight a tensor. Source: T. Gale et al., MegaBlocks, 2022,
/// https://arxiv.org/abs/2211.15841.
[[nodiscard]] Tensor moe_gather_matmul(const Arg& x, const Arg& weight, const Arg& chosen, const Arg& gate,
                                       const Experts& experts, const ExpertBlocks& blocks);

// The kernels, f32 but for the indices, which are i32.
/// table[row, channel], ids[token] -> result[token, channel].
[[nodiscard]] Kernel embedding();
/// x[source, channel], source_of[edge], start[bound], weight[edge] -> result[node, channel]; -p aggregate=sum, mean,
/// max.
[[nodiscard]] Kernel message_passing(const Params& params);
/// x[token, in], weight[expert, in, out] (frozen), chosen[token, choice], gate[token, choice] -> result[token, out].
[[nodiscard]] Kernel moe_gather_matmul(); ///< in blocks of 8
[[nodiscard]] Kernel moe_matmul_per_token();

} // namespace coulter::models
