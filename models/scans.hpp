#pragma once
/// Recurrences along a dim: prefix sums and gated linear recurrences.

#include <coulter/coulter.h>

namespace coulter::models {

/// s[t] = x[0] + ... + x[t] along `over`; `exclusive` leaves x[t] out, `reversed` begins at the end.
///
/// \param x a number of 32 bits or more that has the dim; its other dims stay apart.
[[nodiscard]] Tensor cumulative_sum(const Arg& x, const Dim& over, const ScanOption& a = {}, const ScanOption& b = {});

/// h[t] = gate[t] * h[t-1] + x[t] along `over`, from h = 0 before the first one: the recurrence of gated linear layers.
///
/// As a scan over the maps h -> a * h + b, whose composition (a, b) then (c, d) is (a * c, c * b + d), it is
/// associative (Blelloch, Prefix Sums and Their Applications, 1990, section 1.4), so that a schedule may chunk it.
/// `reversed`: from the end. \param gate, x floats of one type that have the dim.
[[nodiscard]] Tensor linear_recurrence(const Arg& gate, const Arg& x, const Dim& over,
                                       ScanDirection direction = forward);

/// f32: x[row, col] -> prefix[row, col], suffix[row, col] over col; suffix is exclusive, from the end.
[[nodiscard]] Kernel cumulative_sums();

/// f32: gate[batch, time, channel], x[batch, time, channel] -> h[batch, time, channel].
[[nodiscard]] Kernel gated_recurrence();

} // namespace coulter::models
