#include "models/random_numbers.hpp"

#include "models/arguments.hpp"

#include <cmath>

namespace coulter::models {
namespace {

struct Product {
    Expr high;
    Expr low;
};

Product multiply(std::uint32_t a, const Expr& b) {
    const Expr wide = u64(b) * a;
    return {u32(wide >> 32), u32(wide)};
}

/// One of four values.
Expr chosen(const Expr& which, const std::array<Expr, 4>& values) {
    return select(which < 2, select(which == 0, values[0], values[1]), select(which == 2, values[2], values[3]));
}

Tensor bits_along(const RandomBlocks& blocks, const Arg& seed, const Arg& stream) {
    const Expr at = u64(blocks.block);
    const std::array<Expr, 4> words = philox({u32(at), u32(at >> 32), stream, u32(0)}, {u32(seed), u32(seed >> 32)});
    Tensor four("four");
    four = Tuple(std::vector<Expr>(words.begin(), words.end()));
    const auto at_block = [&](int component) { return four[component](blocks.block(blocks.n / 4)); };
    return chosen(blocks.n % 4, {at_block(0), at_block(1), at_block(2), at_block(3)});
}

void require_words(const Function& f, const Arg& seed, const Arg& stream) {
    f.require(seed.type() == Type::u64, "the seed must be a u64", "cast it: `u64(...)`");
    f.require(stream.type() == Type::u32, "the stream must be a u32", "cast it: `u32(...)`");
}

} // namespace

std::array<Expr, 4> philox(const std::array<Expr, 4>& counter, const std::array<Expr, 2>& key) {
    constexpr std::uint32_t multipliers[] = {0xd2511f53, 0xcd9e8d57};
    constexpr std::uint32_t steps[] = {0x9e3779b9, 0xbb67ae85}; // of the key: the golden ratio and sqrt(3) - 1
    std::array<Expr, 4> c = counter;
    std::array<Expr, 2> k = key;
    for (int round = 0; round < 10; ++round) {
        const Product first = multiply(multipliers[0], c[0]), second = multiply(multipliers[1], c[2]);
        c = {second.high ^ c[1] ^ k[0], second.low, first.high ^ c[3] ^ k[1], first.low};
        k = {k[0] + steps[0], k[1] + steps[1]};
    }
    return c;
}

Expr random_blocks(const Dim& n) {
    return (extent(n) + 3) / 4;
}

Tensor random_bits(const RandomBlocks& blocks, const Arg& seed, const Arg& stream) {
    Function f("random_bits", {seed, stream});
    require_words(f, seed, stream);
    return bits_along(blocks, seed, stream);
}

Tensor random_uniform(const RandomBlocks& blocks, const Arg& seed, const Arg& stream) {
    Function f("random_uniform", {seed, stream});
    require_words(f, seed, stream);
    Tensor bits("bits");
    bits = bits_along(blocks, seed, stream);
    return f32(bits >> 8) * 0x1p-24;
}

Tensor dropout(const Arg& x, const RandomBlocks& blocks, double probability, const Arg& seed, const Arg& stream) {
    Function f("dropout", {x, seed, stream});
    require_words(f, seed, stream);
    require_dim(f, x, "the tensor", blocks.n);
    f.require(probability >= 0 && probability < 1,
              "the probability is " + std::to_string(probability) + ", where 0 or more and less than 1 is needed");
    const Type type = x.type().value_or(f32);
    // As integers: a uniform number below the probability is one of so many values of 24 bits.
    const auto dropped = static_cast<std::uint32_t>(std::llround(probability * 0x1p24));
    Tensor bits("bits");
    bits = bits_along(blocks, seed, stream);
    return select((bits >> 8) < dropped, cast(type, 0.0), x * (1 / (1 - probability)));
}

Kernel philox() {
    Dim n("n"), word("word", 4), two("two", 2);
    Input counter("counter", u32, {n, word}), key("key", u32, {n, two});
    const std::array<Expr, 4> random =
        philox({counter(word(0)), counter(word(1)), counter(word(2)), counter(word(3))}, {key(two(0)), key(two(1))});
    Tensor words("words"), result("result");
    words = Tuple(std::vector<Expr>(random.begin(), random.end()));
    result(n, word) = chosen(word, {words[0], words[1], words[2], words[3]});
    return Kernel("philox", {result}, estimates({{n, 65536}}));
}

Kernel dropout(const Params& params) {
    Dim n("n");
    const RandomBlocks blocks{n, Dim("block", random_blocks(n))};
    Input x("x", f32, {n}), seed("seed", u64), stream("stream", u32);
    Tensor result("result");
    result(n) = dropout(x, blocks, static_cast<double>(params.integer("percent", 25)) / 100, seed, stream);
    return Kernel("dropout", {result}, estimates({{n, 1 << 20}}));
}

} // namespace coulter::models
