#pragma once
/// What a program that trains calls: a loss with its gradient, and steps of an optimiser.

#include <coulter/coulter.h>

namespace coulter::models {

/// The gradient scaled down to a norm of `largest` where it is longer:
/// `gradient * min(1, largest / (norm + 1e-6))`, norm the square root of the sum of squares over `over`.
/// Source: R. Pascanu, T. Mikolov, Y. Bengio, On the difficulty of training recurrent neural networks, 2013, algorithm
/// 1, with the constant of `torch.nn.utils.clip_grad_norm_`.
struct Clipped {
    Tensor gradient;
    Tensor norm; ///< before
};
[[nodiscard]] Clipped clipped_by_norm(const Arg& gradient, const Dims& over, const Arg& largest);

/// Adam on all parameters of a network side by side, with the gradient clipped by its norm, in place:
/// w[n], gradient[n], mean[n], variance[n], rate, t, largest -> w_new[n], mean_new[n], variance_new[n], norm. `name`,
/// of `type`.
[[nodiscard]] Kernel clipped_adam(const std::string& name, Type type);

/// The spread loss of `digits_capsules`, averaged over a batch, with its gradient by all parameters. `capsules_beta_a`
/// and `class_beta_a` count in thousands, which lets one learning rate serve all parameters: the inverse temperature is
/// about 0.001.
///
/// label[batch] i32, margin, image[batch, y 8, x 8] u8, the parameters of `digits_capsules` in its order, d.loss
/// -> loss, and the gradient by each parameter. `name`, with all floats of `type`.
[[nodiscard]] Kernel digits_training(const std::string& name, Type type);

/// The same of `hinton_capsules`: label[batch] i32, margin, image[batch, y 32, x 32, channel 2] u8, of which 128 is 0
/// and 0 is -1, the parameters of `hinton_capsules` in its order, the three beta_a in thousands, d.loss -> loss, and
/// the gradient by each parameter. f32.
[[nodiscard]] Kernel hinton_training();

/// The kernels for training: digits_training, hinton_training and clipped_adam in f32, and digits_training_f64 and
/// clipped_adam_f64.
[[nodiscard]] const std::vector<KernelFactory>& training();

} // namespace coulter::models
