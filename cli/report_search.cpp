// The search curve of a report.

#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "html.hpp"
#include "report_page.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

constexpr double width = 820;
constexpr double height = 320;
constexpr double left = 84;
constexpr double right = 24;
constexpr double top = 24;
constexpr double bottom = 48;

/// Round numbers in a range, more of them than a third apart.
std::vector<double> ticks(double low, double high) {
    std::vector<double> all;
    for (double decade = std::floor(std::log10(low)); decade <= std::ceil(std::log10(high)); ++decade) {
        for (const double factor : {1.0, 1.5, 2.0, 3.0, 5.0, 7.0}) {
            const double tick = factor * std::pow(10, decade);
            if (tick >= low && tick <= high) {
                all.push_back(tick);
            }
        }
    }
    return all;
}

/// 20 ms, 1.5 us
std::string tick_text(double seconds) {
    return seconds < 0.9999e-6   ? fmt::format("{:g} ns", seconds * 1e9)
           : seconds < 0.9999e-3 ? fmt::format("{:g} us", seconds * 1e6)
           : seconds < 0.9999    ? fmt::format("{:g} ms", seconds * 1e3)
                                 : fmt::format("{:g} s", seconds);
}

} // namespace

std::string search_chart(const SearchHistory& search, double now) {
    double least = now;
    double most = now;
    for (const tune::Record& record : search.records) {
        if (record.outcome == tune::Outcome::timed) {
            least = std::min(least, tune::median(record.samples));
            most = std::max(most, tune::median(record.samples));
        }
    }
    const double low = std::log(least / 1.15);
    const double high = std::log(most * 1.15);
    const double count = static_cast<double>(std::max<std::size_t>(search.records.size(), 2));
    const auto x = [&](double number) { return left + (number - 1) / (count - 1) * (width - left - right); };
    const auto y = [&](double seconds) {
        return height - bottom - (std::log(seconds) - low) / (high - low) * (height - top - bottom);
    };
    std::string out =
        fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Times of the candidates of the search\">\n",
                    width, height);
    for (const double tick : ticks(std::exp(low), std::exp(high))) {
        out += fmt::format("<path d=\"M{} {:.1f}H{}\" class=\"grid\"/>\n<text x=\"{}\" y=\"{:.1f}\" "
                           "text-anchor=\"end\" class=\"faint\">{}</text>\n",
                           left, y(tick), width - right, left - 8, y(tick) + 4, tick_text(tick));
    }
    std::string best;
    std::string marks;
    double best_seconds = 0;
    for (std::size_t i = 0; i < search.records.size(); ++i) {
        const tune::Record& record = search.records[i];
        const double at = x(static_cast<double>(i + 1));
        if (record.outcome != tune::Outcome::timed) {
            marks += fmt::format("<path d=\"M{:.1f} {}l6 6m0 -6l-6 6\" class=\"failed\"><title>{}: {}</title></path>\n",
                                 at - 3, top - 12, i + 1, escaped(tune::name(record.outcome)));
            continue;
        }
        const double seconds = tune::median(record.samples);
        std::string choices;
        for (const auto& [name, value] : record.choices) {
            choices += fmt::format("{}{} = {}", choices.empty() ? "" : ", ", name, value);
        }
        marks += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"2.5\" class=\"tried\"><title>{}: {}; "
                             "{}</title></circle>\n",
                             at, y(seconds), i + 1, time_text(seconds), escaped(choices));
        if (best.empty()) {
            best = fmt::format("M{:.1f} {:.1f}", at, y(seconds));
            best_seconds = seconds;
        } else if (seconds < best_seconds) {
            best += fmt::format("H{:.1f}V{:.1f}", at, y(seconds));
            best_seconds = seconds;
        }
    }
    out += marks + fmt::format("<path d=\"{}H{}\" class=\"best\"/>\n", best, width - right);
    out += fmt::format("<path d=\"M{} {:.1f}H{}\" class=\"now\"/>\n", left, y(now), width - right);
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"start\" class=\"faint\">1</text>\n", left, height - 28);
    out += fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"end\" class=\"faint\">{}</text>\n", width - right,
                       height - 28, search.records.size());
    out +=
        fmt::format("<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" class=\"faint\">candidates, in the order in which "
                    "they were measured (times: logarithm)</text>\n",
                    (left + width - right) / 2, height - 10);
    return out + "</svg>\n";
}

} // namespace coulter::cli
