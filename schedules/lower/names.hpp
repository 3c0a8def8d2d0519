#pragma once
/// Names for Halide, which refuses dots and brackets.

#include <string>

namespace coulter::lower {

/// An injective translation to [A-Za-z0-9_]: `_` to `__`, `.` to `_1`, `[` to `_2`, `]` to `_3`, `:` to `_4`.
[[nodiscard]] std::string mangle(const std::string& name);

/// Replaces every mangled name in a text of Halide's by the name it stands for. A run of letters, digits and `_` that
/// mangle() cannot have made stays.
[[nodiscard]] std::string demangle(const std::string& text);

} // namespace coulter::lower
