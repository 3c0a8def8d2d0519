#pragma once
/// Conditions of variants, resolved against a kernel.

#include "coulter/schedule/check.hpp"

namespace coulter::schedule::detail {

/// Writes what `line`, a `variant` statement, asks for to `out`. False after a mistake, which is reported.
bool condition(const ir::Kernel& kernel, const Statement& line, Condition& out, std::vector<Diagnostic>& diagnostics);

} // namespace coulter::schedule::detail
