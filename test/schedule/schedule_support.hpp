#pragma once
/// Kernels and shorthands for the tests of the schedule language.

#include "coulter/schedule/check.hpp"

namespace coulter::test {

/// A kernel of table_kernels(), or one of
/// - `chain`: maps image -> a -> b -> c over y = 30, x = 64;
/// - `big`: the maps a -> b over z (free), y = 512, x = 512;
/// - `conv_fixed`: three rows summed, all extents constant;
/// - `step`: an update in place over n = 37;
/// - `histogram`: a scatter into bin = 8;
/// - `first_order`: a sequential scan, its sum, and a scatter of integers.
[[nodiscard]] ir::Kernel schedule_kernel(const std::string& name);

/// Names of the kernels that schedule_kernel knows.
[[nodiscard]] std::vector<std::string> schedule_kernel_names();

/// The first kernel that the `schedule` line of the text names, where it is known, else conv_capsules.
[[nodiscard]] ir::Kernel kernel_of(const std::string& schedule);

/// Rendered diagnostics of checking `schedule` as `k.sched` against kernel_of(schedule).
[[nodiscard]] std::string told(const std::string& schedule);

/// The codes in `text`, in order: "S020 S021".
[[nodiscard]] std::string codes(const std::string& schedule);

/// The plan of a schedule without errors; other diagnostics fail the test.
[[nodiscard]] schedule::Plan planned(const std::string& schedule);

/// What is inconsistent in a plan, or nothing: the kernel is valid, each definition has its stage, the steps of each
/// nest lead from its dims to its loops, places exist outside of vectorized loops.
[[nodiscard]] std::string inconsistency(const schedule::Plan& plan);

/// "batch y x:unroll in(8):vectorize" of a nest, outermost first; reduced loops as "in(8)!".
[[nodiscard]] std::string nest(const schedule::LoopNest& nest);

/// The stage of that name; fails the test where it is missing.
[[nodiscard]] const schedule::StagePlan& stage(const schedule::Plan& plan, const std::string& name);

} // namespace coulter::test
