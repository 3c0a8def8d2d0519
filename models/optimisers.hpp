#pragma once
/// Steps of gradient descent. A kernel that says `updates({{w, w_new}, ...})` makes them in place.

#include <coulter/coulter.h>

namespace coulter::models {

struct SgdOptions {
    double momentum = 0.9;
    /// Times the parameters, added to the gradient. The new velocity then reads the parameters too, so that they cannot
    /// be updated in place.
    double weight_decay = 0;
    bool nesterov = false;
};

struct SgdStep {
    Tensor parameters;
    Tensor velocity;
};

/// With g = gradient + weight_decay * parameters:
///
///     velocity   = momentum * velocity + g
///     parameters = parameters - rate * velocity            (Nesterov: - rate * (g + momentum * velocity))
///
/// A velocity of 0 at first. \param rate the learning rate, an expression, such as a scalar input.
/// Source: I. Sutskever et al., On the importance of initialization and momentum in deep learning, 2013, section 2, in
/// the form that multiplies the velocity by the rate when it is used.
[[nodiscard]] SgdStep sgd_step(const Arg& parameters, const Arg& gradient, const Arg& velocity, const Arg& rate,
                               const SgdOptions& options = {});

struct AdamOptions {
    double beta1 = 0.9;
    double beta2 = 0.999;
    double epsilon = 1e-8;
    double weight_decay = 0; ///< decoupled (AdamW): parameters shrink by rate * weight_decay
};

struct AdamStep {
    Tensor parameters;
    Tensor mean;     ///< of the gradient
    Tensor variance; ///< uncentred
};

/// Step t = 1, 2, ...:
///
///     mean       = beta1 * mean + (1 - beta1) * gradient
///     variance   = beta2 * variance + (1 - beta2) * gradient^2
///     parameters = parameters * (1 - rate * weight_decay)
///                  - rate * mean / (1 - beta1^t) / (sqrt(variance / (1 - beta2^t)) + epsilon)
///
/// Mean and variance of 0 at first. \param rate, t expressions of the parameters' type, such as scalar inputs.
/// Sources: D. Kingma, J. Ba, Adam, 2014, algorithm 1, https://arxiv.org/abs/1412.6980; I. Loshchilov, F. Hutter,
/// Decoupled Weight Decay Regularization, 2017, https://arxiv.org/abs/1711.05101.
[[nodiscard]] AdamStep adam_step(const Arg& parameters, const Arg& gradient, const Arg& mean, const Arg& variance,
                                 const Arg& rate, const Arg& t, const AdamOptions& options = {});

// The kernels, all f32, in place.
/// w[n], gradient[n], velocity[n], rate -> w_new[n], velocity_new[n]; -p nesterov=false.
[[nodiscard]] Kernel sgd_momentum(const Params& params);
/// w[n], gradient[n], mean[n], variance[n], rate, t -> w_new[n], mean_new[n], variance_new[n]; weight decay 0.01.
[[nodiscard]] Kernel adam();

} // namespace coulter::models
