#pragma once
/// Kernels of single operations with inputs of edge values.

#include "run_case.hpp"

namespace coulter::test {

struct OperationCase {
    ir::Kernel kernel; ///< maps over n, each an output
    Arrays inputs;
    std::map<Type, Tolerance> tolerance;
};

[[nodiscard]] std::vector<OperationCase> integer_operations();
[[nodiscard]] std::vector<OperationCase> float_operations();
[[nodiscard]] std::vector<OperationCase> conversions();
/// Functions of f32 and f64 on many values; the interpreter in double is the reference.
[[nodiscard]] std::vector<OperationCase> functions();

/// Passed where every output is within four units in the last place; the text has the largest error of each.
[[nodiscard]] Result ulp_report(const Case& test);

/// What looks at a sum and must notice that it is NaN: `nans` over i, j and the reduced k.
[[nodiscard]] ir::Kernel nan_kernel();
[[nodiscard]] std::vector<std::string> nan_schedules();

[[nodiscard]] ir::Kernel softmax_kernel();
[[nodiscard]] std::vector<std::string> softmax_schedules();
/// Rows with -inf here and there, one of -inf alone, one with NaN, one with +inf.
[[nodiscard]] Array masked_rows(std::int64_t rows, std::int64_t cols);

} // namespace coulter::test
