#pragma once
/// Names for Halide, which refuses dots and brackets.

#include <string>

namespace coulter::lower {

/// An injective translation to [A-Za-z0-9_]: `_` to `__`, `.` to `_d`, `[` to `_l`, `]` to `_r`, `:` to `_c`.
[[nodiscard]] std::string mangle(const std::string& name);

/// Replaces every mangled name in a text of Halide's by the name it stands for. A run of letters, digits and `_` that
/// mangle() cannot have made stays.
[[nodiscard]] std::string demangle(const std::string& text);

} // namespace coulter::lower
