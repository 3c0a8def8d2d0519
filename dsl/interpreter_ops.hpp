#pragma once
/// What each operation does to columns of lanes. `out` may be one of the operands.

#include "interpreter_program.hpp"

namespace coulter::interpreter {

/// Rounds lanes of a float type, or wraps those of an integer type, to the type.
void fit_lanes(Type type, Lane* lanes, int count);

/// The four arithmetic operations, comparisons, logic, bits, min and max, unary operations and calls. `type` is the
/// type of the operands; the result of a comparison, of logic and of is_nan and the like is bool.
/// \throws std::overflow_error when index arithmetic leaves 64 bits.
void apply(ir::Op op, Type type, Lane* out, const Lane* a, const Lane* b, const Lane* c, int count);

void convert(Type from, Type to, Lane* out, const Lane* in, int count);

} // namespace coulter::interpreter
