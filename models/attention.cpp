#include "models/attention.hpp"

#include "models/arguments.hpp"
#include "models/attention_parts.hpp"

namespace coulter::models {
namespace {

void require_operands(const Function& f, const Arg& q, const Arg& k, const Arg& v, const AttentionDims& dims) {
    f.require(!dims.channel.empty(), "no dims to compare queries and keys over, where 1 or more are needed");
    for (const Dim& dim : dims.channel) {
        require_dim(f, q, "a query", dim);
        require_dim(f, k, "a key", dim);
    }
    require_dim(f, k, "a key", dims.key);
    require_dim(f, v, "a value", dims.key);
}

/// Whether a query sees the key at `key`; nothing where it sees all.
std::optional<Expr> sees(const AttentionDims& dims, const Expr& key, Mask mask) {
    switch (mask) {
    case Mask::none: return std::nullopt;
    case Mask::causal: return key <= dims.query;
    case Mask::causal_from_end: return key <= dims.query + (extent(dims.key) - extent(dims.query));
    }
    return std::nullopt;
}

} // namespace

Expr score_scale(const std::optional<double>& scale, Type type, const std::vector<Dim>& channel) {
    if (scale) {
        return cast(type, *scale);
    }
    return rsqrt(element_count(type, channel));
}

Expr shift_of(const Expr& highest, Type type) {
    return select(highest == -infinity(type), cast(type, 0.0), highest);
}

Expr inverse_or_zero(const Expr& total, Type type) {
    return select(total == 0, cast(type, 0.0), 1 / total);
}

Tensor weighted_average(const Expr& scores, const Expr& values, const Dims& over, const ReduceOption& seen) {
    const Type type = scores.type().value_or(f32);
    Tensor highest("max"), e("exp"), total("sum"), scale("scale"), weighted("weighted");
    highest = max(over, scores, seen);
    // Any shift gives the same average: the gradient has nothing to gain from it.
    e = exp(scores - stop_gradient(shift_of(highest, type)));
    total = sum(over, e, seen);
    scale = inverse_or_zero(total, type);
    weighted = sum(over, e * values, seen);
    return weighted * scale;
}

Tensor attention(const Arg& q, const Arg& k, const Arg& v, const AttentionDims& dims, const AttentionOptions& options) {
    Function f("attention", {q, k, v});
    require_operands(f, q, k, v, dims);
    const Type type = q.type().value_or(f32);
    Tensor products("products");
    products = sum(dims.channel, q * k);
    Expr scores = products * score_scale(options.scale, type, dims.channel);
    if (options.bias) {
        scores = scores + *options.bias;
    }
    const std::optional<Expr> seen = sees(dims, dims.key, options.mask);
    return weighted_average(scores, v, {dims.key}, seen ? where(*seen) : ReduceOption());
}

Expr key_blocks(const Dim& key, std::int64_t size) {
    return (extent(key) + (size - 1)) / size;
}

Tensor attention_one_pass(const Arg& q, const Arg& k, const Arg& v, const AttentionDims& dims, const KeyBlocks& blocks,
                          const AttentionOptions& options) {
    Function f("attention_one_pass", {q, k, v});
    require_operands(f, q, k, v, dims);
    require_at_least(f, blocks.size, 1, "the number of keys in a block");
    f.require(!options.bias, "a bias cannot be read in blocks", "use `attention`");
    const Type type = q.type().value_or(f32);
    const Expr key = blocks.size * blocks.block + blocks.within;
    Expr is_seen = key < extent(dims.key);
    ReduceOption seen_blocks;
    if (const std::optional<Expr> by_mask = sees(dims, key, options.mask)) {
        is_seen = is_seen && *by_mask;
        seen_blocks = where(*sees(dims, blocks.size * blocks.block, options.mask)); // their first key is the nearest
    }
    const ReduceOption seen = where(is_seen);

    Tensor products("products"), highest("block_max"), e("exp"), total("block_sum"), weighted("block_weighted"),
        state("state");
    products = sum(dims.channel, q * clamped(k)(dims.key(key)));
    const Expr scores = products * score_scale(options.scale, type, dims.channel);
    highest = max({blocks.within}, scores, seen);
    e = exp(scores - shift_of(highest, type));
    total = sum({blocks.within}, e, seen);
    weighted = sum({blocks.within}, e * clamped(v)(dims.key(key)), seen);
    state = reduce(
        {blocks.block}, {-infinity(type), 0, 0}, {highest, total, weighted},
        [type](const Tuple& a, const Tuple& b) {
            const Expr top = max(a[0], b[0]);
            const Expr left = exp(a[0] - shift_of(top, type)), right = exp(b[0] - shift_of(top, type));
            return Tuple{top, a[1] * left + b[1] * right, a[2] * left + b[2] * right};
        },
        seen_blocks);
    return state[2] * inverse_or_zero(state[1], type);
}

namespace {

struct Operands {
    Dim batch{"batch"}, head{"head"}, i{"i"}, j{"j"}, d{"d"}, e{"e"};
    Input q{"q", f32, {batch, head, i, d}};
    Input k{"k", f32, {batch, head, j, d}};
    Input v{"v", f32, {batch, head, j, e}};
    Tensor result{"result"};

    [[nodiscard]] Kernel kernel(const std::string& name) const {
        return Kernel(name, {result}, estimates({{batch, 1}, {head, 12}, {i, 1024}, {j, 1024}, {d, 64}, {e, 64}}));
    }
};

Kernel attention_kernel(const std::string& name, const AttentionOptions& options) {
    Operands o;
    o.result(o.batch, o.head, o.i, o.e) = attention(o.q, o.k, o.v, {o.i, o.j, {o.d}}, options);
    return o.kernel(name);
}

} // namespace

Kernel attention() {
    return attention_kernel("attention", {});
}
Kernel attention_causal() {
    return attention_kernel("attention_causal", {.mask = Mask::causal, .scale = {}, .bias = {}});
}
Kernel attention_bias() {
    Input bias("bias", f32, {Dim("i"), Dim("j")});
    return attention_kernel("attention_bias", {.mask = Mask::none, .scale = 0.25, .bias = bias});
}
Kernel attention_one_pass() {
    constexpr std::int64_t size = 64;
    Operands o;
    const KeyBlocks blocks{size, Dim("block", key_blocks(o.j, size)), Dim("within", size)};
    o.result(o.batch, o.head, o.i, o.e) = attention_one_pass(o.q, o.k, o.v, {o.i, o.j, {o.d}}, blocks,
                                                             {.mask = Mask::causal_from_end, .scale = {}, .bias = {}});
    return o.kernel("attention_one_pass");
}

} // namespace coulter::models
