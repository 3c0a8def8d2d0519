#pragma once
/// Layers that carry a state along a sequence.

#include <coulter/coulter.h>

namespace coulter::models {

/// Which dims a selective scan runs over.
struct StateSpace {
    Dim time;
    Dim state; ///< the elements of each channel's state
};

/// A state space whose step and matrices depend on the input, from a state of 0:
///
///     state(t) = exp(step(t) * a) * state(t - 1) + step(t) * b(t) * x(t)
///     result   = sum over state of c(t) * state(t) + skip * x(t)
///
/// \param x, step expressions of a float type with `time` and what tells channels apart; \param a with `state`, below 0
/// for a state that fades; \param b, c with `time` and `state`; \param skip over the channels, or 0. Source: A. Gu, T.
/// Dao, Mamba, 2023, algorithm 2, https://arxiv.org/abs/2312.00752.
[[nodiscard]] Tensor selective_scan(const Arg& x, const Arg& step, const Arg& a, const Arg& b, const Arg& c,
                                    const Arg& skip, const StateSpace& dims);

/// The average of all values so far, weighted by exponentials of their keys that fade by `decay` with each step, where
/// the newest has a bonus:
///
///     result(t) = (sum over i < t of exp(k(i) - (t - 1 - i) * decay) * v(i) + exp(bonus + k(t)) * v(t))
///                 / (the same without v)
///
/// The sums are kept relative to the largest exponent so far, so that no key overflows. \param k, v expressions of a
/// float type with `time`; \param decay, bonus without it. Source: B. Peng et al., RWKV, 2023, section 3.1,
/// https://arxiv.org/abs/2305.13048.
[[nodiscard]] Tensor wkv(const Arg& k, const Arg& v, const Arg& decay, const Arg& bonus, const Dim& time);

// The kernels, all f32.
/// x[batch, time, channel], step[batch, time, channel], a[channel, state], b[batch, time, state], c[batch, time,
/// state], skip[channel] -> result[batch, time, channel].
[[nodiscard]] Kernel selective_scan();
/// k[batch, time, channel], v[batch, time, channel], decay[channel], bonus[channel] -> result[batch, time, channel].
[[nodiscard]] Kernel wkv();

} // namespace coulter::models
