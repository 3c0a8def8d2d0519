#include "tune_budget.hpp"

#include "command.hpp"

#include <charconv>
#include <cmath>
#include <fmt/core.h>

namespace coulter::cli {

Budget parse_budget(const std::string& text) {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    const std::string unit(stop, end);
    const double factor = unit == "s" ? 1 : unit == "m" ? 60 : unit == "h" ? 3600 : 0;
    if (error == std::errc() && value > 0 && value < 1e9) {
        if (factor > 0) {
            return {value * factor, std::nullopt};
        }
        if (unit.empty() && value == std::floor(value)) {
            return {std::nullopt, static_cast<std::size_t>(value)};
        }
    }
    throw Failure(usage, fmt::format("error: --budget wants a time (60s, 5m, 1h) or a number of candidates (500), and "
                                     "`{}` is neither\n",
                                     text));
}

} // namespace coulter::cli
