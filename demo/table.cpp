#include "table.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace demo {
namespace {

std::string printed(const char* format, double number, int digits) {
    std::array<char, 64> text{};
    const int length = std::snprintf(text.data(), text.size(), format, digits, number);
    return {text.data(), static_cast<std::size_t>(std::clamp(length, 0, 63))};
}

using Cells = std::array<std::string, 8>;

} // namespace

std::string fixed(double number, int digits) {
    return printed("%.*f", number, digits);
}

std::string significant(double number) {
    return fixed(number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0);
}

std::string time_text(double seconds) {
    return seconds < 1e-3 ? significant(1e6 * seconds) + " us" : significant(1e3 * seconds) + " ms";
}

std::string error_text(double error) {
    return error == 0 ? "0" : printed("%.*e", error, 1);
}

const char* bound_text(const Measurement& row) {
    return row.memory_bound() ? "copying" : "multiply-adds";
}

std::vector<std::string> legend(const std::vector<Measurement>& rows) {
    std::vector<std::string> sentences{
        "Time is the median of calls with all processors.",
        "GFLOP/s counts the algorithm's arithmetic, an exponential as one operation.",
        "GB/s counts each argument once.",
        "A kernel is bound by multiply-adds or by copying, whichever would take longer at the speed that was measured "
        "between its calls: independent f32 multiply-adds in the widest vectors, and y[i] = x[i] * s over arrays of "
        "its arguments' size. The share is of that speed.",
        "The error is the largest difference from the reference over the reference's largest magnitude.",
    };
    double spread = 0;
    for (const Measurement& row : rows) {
        spread = std::max(spread, row.spread);
    }
    if (spread > 0.15) {
        sentences.push_back("The machine was busy, or its clock changed: the speed of multiply-adds varied by " +
                            fixed(100 * spread, 0) + " %. Times and shares are that uncertain.");
    }
    return sentences;
}

void print_table(std::ostream& out, const std::vector<Measurement>& rows) {
    std::vector<Cells> cells{{"kernel", "sizes", "time", "GFLOP/s", "GB/s", "share of", "", "error"}};
    for (const Measurement& row : rows) {
        cells.push_back({row.name, row.sizes, time_text(row.seconds), significant(1e-9 * row.flops),
                         significant(1e-9 * row.bytes), bound_text(row), fixed(100 * row.share(), 0) + " %",
                         error_text(row.comparison.error)});
    }
    std::array<std::size_t, 8> widths{};
    for (const Cells& line : cells) {
        for (std::size_t i = 0; i < line.size(); ++i) {
            widths[i] = std::max(widths[i], line[i].size());
        }
    }
    for (std::size_t n = 0; n < cells.size(); ++n) {
        std::string text;
        for (std::size_t i = 0; i < widths.size(); ++i) {
            const std::string padding(widths[i] - cells[n][i].size(), ' ');
            const bool is_text = i < 2 || i == 5;
            text += (i == 0 ? "" : "  ") + (is_text ? cells[n][i] + padding : padding + cells[n][i]);
        }
        out << text << "  " << (n == 0 ? "against" : rows[n - 1].comparison.with) << '\n';
    }
}

} // namespace demo
