#pragma once
/// The measurements in words, for the terminal and the page.

#include "measure.hpp"

#include <ostream>
#include <vector>

namespace demo {

/// A number with `digits` behind the point.
[[nodiscard]] std::string fixed(double number, int digits);
/// Three significant digits, and as many before the point as it takes.
[[nodiscard]] std::string significant(double number);
/// The same with a unit: `1.23 ms`.
[[nodiscard]] std::string time_text(double seconds);
/// `4.1e-07`, or `0`.
[[nodiscard]] std::string error_text(double error);
/// What bounds a kernel: `multiply-adds` or `copying`.
[[nodiscard]] const char* bound_text(const Measurement& row);

/// How fast a form is in the unit of what bounds the kernel: `123 GFLOP/s`, `14.2 GB/s`.
[[nodiscard]] std::string rate_text(const Measurement& row, const Timing& form);
/// Its share of that bound: `87 %`.
[[nodiscard]] std::string share_text(const Measurement& row, const Timing& form);

/// How the columns are to be read, a sentence each. The last warns when the machine was too busy for what it measured.
[[nodiscard]] std::vector<std::string> legend(const std::vector<Measurement>& rows);

void print_table(std::ostream& out, const std::vector<Measurement>& rows);

} // namespace demo
