#pragma once
/// Integer arithmetic with the language's meaning: wrapping, flooring, total.

#include "coulter/ir.hpp"

#include <Halide.h>

namespace coulter::lower {

/// +, -, * that wrap; floor division and modulo with 0 for a divisor of 0; shifts that are defined for every amount;
/// bitwise operations, min, max. \pre both of one integer type.
[[nodiscard]] Halide::Expr integer_binary(ir::Op op, const Halide::Expr& a, const Halide::Expr& b);

/// Floor division and modulo of index expressions (int32, no overflow by the checks of the C entry).
[[nodiscard]] Halide::Expr index_binary(ir::Op op, const Halide::Expr& a, const Halide::Expr& b);

} // namespace coulter::lower
