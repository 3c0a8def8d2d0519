#pragma once
/// Random numbers as a pure function of an index and a seed: no state, the same in any order and under any schedule.

#include <coulter/coulter.h>

#include <array>

namespace coulter::models {

/// Four random u32 from a counter of four and a key of two u32: Philox4x32 with 10 rounds.
/// Source: J. Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011, section 3.3; the constants are those
/// of its authors' library Random123.
[[nodiscard]] std::array<Expr, 4> philox(const std::array<Expr, 4>& counter, const std::array<Expr, 2>& key);

/// Random numbers along a dim `n`, each block of four of which is one call of Philox.
struct RandomBlocks {
    Dim n;
    Dim block; ///< `Dim("block", random_blocks(n))`
};
[[nodiscard]] Expr random_blocks(const Dim& n);

/// 32 random bits for each index along `n`: component n % 4 of philox({n / 4 modulo 2^32, n / 4 / 2^32, stream, 0},
/// {seed modulo 2^32, seed / 2^32}). \param seed a u64 expression, such as a scalar input; \param stream a u32
/// expression that tells uses of one seed apart, such as the number of a layer; both without `n`.
[[nodiscard]] Tensor random_bits(const RandomBlocks& blocks, const Arg& seed, const Arg& stream);

/// f32, uniform in [0, 1), multiples of 2^-24: the upper 24 of those bits.
[[nodiscard]] Tensor random_uniform(const RandomBlocks& blocks, const Arg& seed, const Arg& stream);

/// `x / (1 - probability)` where a uniform number is at least `probability`, else 0: in the mean what x is. The
/// probability is rounded to a multiple of 2^-24.
/// \param x an expression of a float type over `blocks.n`; its other dims share the mask.
/// Source: N. Srivastava et al., Dropout, 2014, section 10, https://jmlr.org/papers/v15/srivastava14a.html.
[[nodiscard]] Tensor dropout(const Arg& x, const RandomBlocks& blocks, double probability, const Arg& seed,
                             const Arg& stream);

// The kernels.
/// counter[n, word 4] u32, key[n, two 2] u32 -> result[n, word] u32: for known answers.
[[nodiscard]] Kernel philox();
/// x[n] f32, seed u64, stream u32 -> result[n] f32; -p percent=25.
[[nodiscard]] Kernel dropout(const Params& params);

} // namespace coulter::models
