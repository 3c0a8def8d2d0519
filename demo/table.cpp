#include "table.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace demo {
namespace {

std::string printed(const char* format, double number, int digits) {
    std::array<char, 64> text{};
    const int length = std::snprintf(text.data(), text.size(), format, digits, number);
    return {text.data(), static_cast<std::size_t>(std::clamp(length, 0, 63))};
}

using Cells = std::array<std::string, 10>;

/// How many times as fast a form is as the first, in the geometric mean.
std::string speed_text(const std::vector<Measurement>& rows, std::size_t form) {
    double sum = 0;
    for (const Measurement& row : rows) {
        sum += std::log(row.forms.front().seconds / row.forms.at(form).seconds);
    }
    return fixed(std::exp(sum / static_cast<double>(std::max<std::size_t>(rows.size(), 1))), 2);
}

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

std::string rate_text(const Measurement& row, const Timing& form) {
    return row.memory_bound() ? significant(1e-9 * form.bytes) + " GB/s" : significant(1e-9 * form.flops) + " GFLOP/s";
}

std::string share_text(const Measurement& row, const Timing& form) {
    return fixed(100 * row.share(form), 0) + " %";
}

std::vector<std::string> legend(const std::vector<Measurement>& rows) {
    std::vector<std::string> sentences{
        "Time is the median of calls with all processors, one form after the other in turn.",
        "By hand: schedules that a person wrote, file by file. Instant: what the compiler writes by itself within a "
        "second "
        "and without measuring. Tuned: what `coulter tune` found in a minute per kernel, on the processor that "
        "bench/tuned names.",
        "Instant schedules are " + speed_text(rows, 1) +
            " times as fast as those by hand in the geometric mean, tuned ones " + speed_text(rows, 2) + " times.",
        "A kernel is bound by multiply-adds or by copying, whichever would take longer at the speed that was measured "
        "between its calls: independent f32 multiply-adds in the widest vectors, and y[i] = x[i] * s over arrays of "
        "its arguments' size. The share is of that speed, with the algorithm's arithmetic, an exponential as one "
        "operation, or each argument once.",
        "The error is the largest difference from the reference over the reference's largest magnitude, of the form "
        "that is "
        "furthest off.",
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
    std::vector<Cells> cells{
        {"kernel", "sizes", "by hand", "instant", "tuned", "share of", "by hand", "instant", "tuned", "error"}};
    for (const Measurement& row : rows) {
        Cells& line = cells.emplace_back(Cells{row.name, row.sizes});
        line[5] = bound_text(row);
        line[9] = error_text(row.comparison.error);
        for (std::size_t form = 0; form < row.forms.size(); ++form) {
            line[2 + form] = time_text(row.forms[form].seconds);
            line[6 + form] = share_text(row, row.forms[form]);
        }
    }
    std::array<std::size_t, std::tuple_size_v<Cells>> widths{};
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
