#pragma once
/// What training makes small.

#include <coulter/coulter.h>

namespace coulter::models {

/// `log(sum over classes of exp(logits)) - logits(classes = label)` for each row, without overflow; 0 where the label
/// is no class, such as -1. \param logits a tensor of a float type with `classes`; \param label an integer expression
/// over its rows. Source: I. Goodfellow, Y. Bengio, A. Courville, Deep Learning, 2016, section 6.2.2.3.
[[nodiscard]] Tensor cross_entropy(const Arg& logits, const Arg& label, const Dim& classes);

/// `sum over the classes but the label of max(0, margin - (a(label) - a))^2` for each row; 0 where the label is no
/// class. \param a activations, a tensor with `classes`; \param margin a scalar, from 0.2 to 0.9 while training.
/// Source: G. Hinton, S. Sabour, N. Frosst, Matrix Capsules with EM Routing, 2018, section 4, eq. 3.
[[nodiscard]] Tensor spread_loss(const Arg& a, const Arg& label, const Dim& classes, const Arg& margin);

struct MarginLossOptions {
    double present = 0.9; ///< m+: a class that is there is to be at least as likely
    double absent = 0.1;  ///< m-
    double weight = 0.5;  ///< lambda, of classes that are not there
};

/// `sum over classes of T * max(0, present - length)^2 + weight * (1 - T) * max(0, length - absent)^2` with T = 1 for
/// the label and 0 for the others. \param length of the capsules, an expression with `classes`. Source: S. Sabour, N.
/// Frosst, G. Hinton, Dynamic Routing Between Capsules, 2017, eq. 4.
[[nodiscard]] Tensor margin_loss(const Arg& length, const Arg& label, const Dim& classes,
                                 const MarginLossOptions& options = {});

/// `mean over `over` of (a - b)^2`. NaN where `over` is empty.
[[nodiscard]] Tensor mean_squared_error(const Arg& a, const Arg& b, const Dims& over);

// The kernels, f32 with labels of i32.
/// logits[row, class], label[row] -> loss[row], and mean of the losses of rows that have a class (0 where none has).
[[nodiscard]] Kernel cross_entropy();
/// a[row, class], label[row], margin -> loss[row].
[[nodiscard]] Kernel spread_loss();
/// length[row, class], label[row] -> loss[row].
[[nodiscard]] Kernel margin_loss();
/// a[row, col], b[row, col] -> loss, one number.
[[nodiscard]] Kernel mean_squared_error();

} // namespace coulter::models
