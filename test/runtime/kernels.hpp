#pragma once

/// \file
/// Descriptors of the kernels in make_kernels.cpp, written out as the compiler driver would emit them.

#include <coulter/descriptor.h>

#include <functional>

namespace coulter::test {

/// votes{batch, x} = bias{batch} + scale * sum over kx, k of pose{batch, ix, k}[2*x + kx] * weight{kx, k}
/// Arguments: pose, weight (frozen), scale, bias, votes. Dims: batch, ix, k = 4, kx = 3, x = (ix - 3)/2 + 1.
extern const coulter_kernel_descriptor rows;

/// w_new{n} = w{n} - rate * g{n}, in place of w; twice{n} = 2 * g{n}. Arguments: w, g, rate, w_new, twice.
extern const coulter_kernel_descriptor update;

/// sum{n} = sum over m of a{n, m}. Arguments: a, sum.
extern const coulter_kernel_descriptor total;
/// The same, but an empty m is an error unless n is empty.
extern const coulter_kernel_descriptor total_not_empty;

/// The same as `total`, with a plan from total_plan.s.
extern const coulter_kernel_descriptor total_from_assembly;

/// y{m} = sum over n of w{m, n} * x{n}; w is frozen and packed once, x at each call. Arguments: w, x, y.
extern const coulter_kernel_descriptor matvec;

/// What the kernel `visit` calls at each element. Set it before the kernel runs.
extern std::function<int(int outer, int inner)> on_visit;

/// out{outer, inner} of i32, what `on_visit` returns. Row `bad` fails. Arguments: bad (i32 scalar), out.
extern const coulter_kernel_descriptor visit;

/// out{rows, n} = 3 * a{rows, n}. Arguments: a, out. Two scratch blocks of 4 n bytes for each row in work.
extern const coulter_kernel_descriptor scratch;

/// Arguments: mask (bool), values (bf16), flip (bool scalar), kept (bf16), inverse (bool), half (f16), all {n}.
extern const coulter_kernel_descriptor types;

/// out{m, n} = which variant ran. Arguments: a, out. 0: needs features that no processor has; 1: n < 4; 2: compact and
/// aligned to 64; 3: n < 100.
extern const coulter_kernel_descriptor variants;
/// Only the first of them.
extern const coulter_kernel_descriptor variants_none;

/// A size program that overflows: y = x * 2^62. Arguments: a{x}, out{y}. Never gets as far as running.
extern const coulter_kernel_descriptor overflowing;

} // namespace coulter::test
