#pragma once
/// The types that each operation takes and gives; shared by the validator and the text parser.

#include "coulter/ir.hpp"

namespace coulter::ir {

/// Why operands of these types cannot be combined, or an empty string. \pre as many types as the operation takes.
[[nodiscard]] std::string operand_problem(Kind kind, Op op, const std::vector<Type>& types);

/// The type of the result; \pre operand_problem() is empty, and the kind is unary, binary, select or call.
[[nodiscard]] Type result_type(Kind kind, Op op, const std::vector<Type>& types);

} // namespace coulter::ir
