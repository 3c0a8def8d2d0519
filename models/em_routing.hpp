#pragma once
/// Routing by agreement: expectation maximisation between the votes of capsules.

#include "models/capsule_parents.hpp"
#include "models/capsule_votes.hpp"

namespace coulter::models {

/// How a parent's variance is summed.
enum class VariancePasses : std::uint8_t {
    /// Around the vote of one of its children, with the mean, in one pass over the votes. The rounding of f32 is
    /// relative
    /// to the squared distance of the votes from that one: a variance that is 1e-6 of it, where one child has a parent
    /// to
    /// itself among votes in the hundreds, is lost.
    one,
    /// Around the mean, in a second pass.
    two
};

struct EmOptions {
    int iterations = 3;             ///< at least 1
    double final_lambda = 0.01;     ///< iteration t has the inverse temperature `final_lambda * (1 - 0.95^(t + 1))`
    double scale_cost = 1;          ///< times the cost, to make up for the number of children per parent
    double variance_epsilon = 1e-4; ///< added to each variance
    double mass_epsilon = 1e-7;     ///< added to what the children assign to a parent, where it divides
    VariancePasses variance = VariancePasses::one;
};

/// Parents from the votes of their children: Procedure 1 of G. Hinton, S. Sabour, N. Frosst, Matrix Capsules with EM
/// Routing, ICLR 2018, with what its numerics need.
///
/// For each parent j with its children i, and each element h of a pose, with R = activation / (number of parents of i)
/// at first:
///
///     M-step: mass     = sum over i of R
///             mean     = sum over i of R * vote / (mass + mass_epsilon)
///             variance = sum over i of R * (vote - mean)^2 / (mass + mass_epsilon) + variance_epsilon
///             cost     = scale_cost * (beta_u + log(variance) / 2) * mass
///             logit    = lambda * (beta_a - sum over h of cost)
///     E-step: p = sigmoid(logit) * product over h of the normal density of (vote; mean, variance)
///             R = activation * p / sum over the parents of i of p
///
/// The parents of a child, at all positions and of all types, compete for it. The E-step after the last M-step is left
/// out, as nothing reads it. Densities are logarithms until the largest of a child's parents is 1, so nothing overflows
/// and every child under a window has a divisor of at least 1.
///
/// \param votes a tensor over the parents' positions and `layer.out`, the taps, `layer.in` and `layer.matrix`.
/// \param activation a tensor over the children, in 0 .. 1. \param beta_u, beta_a expressions over `layer.out` or fewer
/// dims. Further dims, such as a batch, bind by name. \returns poses (over `layer.matrix`) and activations of the
/// parents. \throws std::invalid_argument for less than one iteration.
[[nodiscard]] Capsules em_routing(const Arg& votes, const Arg& activation, const Arg& beta_u, const Arg& beta_a,
                                  const CapsuleLayer& layer, const EmOptions& options = {});

/// A convolutional capsule layer, 3x3 windows with stride 2, three iterations.
///
/// f32: pose[batch, iy, ix, in, row 4, k 4], activation[batch, iy, ix, in], weight[ky 3, kx 3, in, out, k 4, col 4]
/// (frozen), beta_u[out], beta_a[out] -> pose_out[batch, y, x, out, row 4, col 4], activation_out[batch, y, x, out].
[[nodiscard]] Kernel em_routing();

} // namespace coulter::models
