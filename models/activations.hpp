#pragma once
/// Activations: functions of one element.

#include <coulter/coulter.h>

namespace coulter::models {

/// `max(x, 0)`; NaN stays NaN. Its derivative at 0 is 0, as that of `torch.relu`.
[[nodiscard]] Tensor relu(const Arg& x);

/// `x / 2 * (1 + erf(x / sqrt(2)))`, the exact form; NaN at -inf.
/// Source: D. Hendrycks, K. Gimpel, Gaussian Error Linear Units, 2016, https://arxiv.org/abs/1606.08415.
[[nodiscard]] Tensor gelu(const Arg& x);

/// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`, the approximation of the same paper; NaN at -inf.
[[nodiscard]] Tensor gelu_tanh(const Arg& x);

/// `log(sigmoid(x))` as `min(0, x) - log1p(exp(-|x|))`, which neither overflows nor loses small results.
[[nodiscard]] Tensor log_sigmoid(const Arg& x);

/// `x * sigmoid(x)`; NaN at -inf.
/// Source: S. Elfwing, E. Uchibe, K. Doya, Sigmoid-Weighted Linear Units, 2017, https://arxiv.org/abs/1702.03118.
[[nodiscard]] Tensor silu(const Arg& x);

// The kernels, f32: x[n] -> result[n].
[[nodiscard]] Kernel gelu();
[[nodiscard]] Kernel gelu_tanh();
[[nodiscard]] Kernel silu();

} // namespace coulter::models
