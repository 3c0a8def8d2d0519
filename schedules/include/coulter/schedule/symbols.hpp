#pragma once
/// Names of the symbols in a generated library.

#include <string>

namespace coulter::schedule {

/// The C identifier of a kernel or tensor: `.` becomes `_`, `[n]` becomes `_n`.
[[nodiscard]] std::string c_name(const std::string& name);

/// The Halide function of a kernel's common part, or of the variant of that name; `<symbol>_argv` is the form that
/// takes an array (see descriptor.h).
[[nodiscard]] std::string main_symbol(const std::string& kernel, const std::string& variant = {});

/// The Halide function that computes a stage packed once.
[[nodiscard]] std::string pack_symbol(const std::string& kernel, const std::string& stage,
                                      const std::string& variant = {});

/// The `coulter_plan` of a kernel.
[[nodiscard]] std::string plan_symbol(const std::string& kernel);

} // namespace coulter::schedule
