#pragma once
/// Normalisation over groups of channels, over batches, and by the root of the mean square.

#include <coulter/coulter.h>

namespace coulter::models {

/// Over what a group's mean and variance are taken.
struct GroupNormDims {
    Dim channel;               ///< within the group
    std::vector<Dim> position; ///< at least one
};

/// How the variance of a group is summed.
enum class SumOfSquares : std::uint8_t {
    /// Around the mean, in a second pass over the data.
    two_passes,
    /// Around the mean over the channels at the first position, so that it does not wait for the mean of all: a
    /// schedule
    /// may `join` the two sums in one pass. The rounding of the variance is relative to the squared distance of that
    /// from
    /// the group's mean: where the first position lies a hundred deviations from it, four digits are lost.
    one_pass
};

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta`, with mean and population variance over the channels of a
/// group and all positions. \param x a tensor with `channel` and `position`, whose other dims, such as `group` and a
/// batch, are the rows; \param gamma, beta over the group and `channel`.
/// Source: Y. Wu, K. He, Group Normalization, 2018, https://arxiv.org/abs/1803.08494.
[[nodiscard]] Tensor group_norm(const Arg& x, const Arg& gamma, const Arg& beta, const GroupNormDims& dims,
                                double epsilon = 1e-5, SumOfSquares passes = SumOfSquares::two_passes);

/// `(x - mean) / sqrt(variance + epsilon) * gamma + beta` with a mean and a variance that were found before: what batch
/// normalisation does once training is over. All but `x` are over the channels.
/// Source: S. Ioffe, C. Szegedy, Batch Normalization, 2015, https://arxiv.org/abs/1502.03167.
[[nodiscard]] Tensor batch_norm(const Arg& x, const Arg& mean, const Arg& variance, const Arg& gamma, const Arg& beta,
                                double epsilon = 1e-5);

/// What a batch tells about each channel, in two passes: mean and population variance over `over`.
struct BatchStatistics {
    Tensor mean;
    Tensor variance;
};
[[nodiscard]] BatchStatistics batch_statistics(const Arg& x, const Dims& over);

/// Running statistics after a batch: `(1 - momentum) * running + momentum * of_batch`.
[[nodiscard]] Tensor running_average(const Arg& running, const Arg& of_batch, double momentum = 0.1);

/// `x / sqrt(mean over `over` of x^2 + epsilon) * gamma`.
/// Source: B. Zhang, R. Sennrich, Root Mean Square Layer Normalization, 2019, https://arxiv.org/abs/1910.07467.
[[nodiscard]] Tensor rms_norm(const Arg& x, const Arg& gamma, const Dim& over, double epsilon = 1e-6);

// The kernels, all f32.
/// x[batch, group, channel, pixel], gamma[group, channel], beta[group, channel] -> result as x, in one pass, then
/// SiLU: the block of diffusion models.
[[nodiscard]] Kernel group_norm();
/// The same in two passes, without SiLU.
[[nodiscard]] Kernel group_norm_two_passes();
/// x[batch, pixel, channel], mean, variance, gamma, beta [channel] -> result as x.
[[nodiscard]] Kernel batch_norm();
/// x[batch, pixel, channel], gamma, beta, running_mean, running_variance [channel] -> result as x, and the running
/// statistics in place (momentum 0.1, the variance with the divisor n - 1).
[[nodiscard]] Kernel batch_norm_training();
/// x[row, col], gamma[col] -> result as x.
[[nodiscard]] Kernel rms_norm();

} // namespace coulter::models
