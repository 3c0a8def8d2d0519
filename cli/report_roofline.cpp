// The roofline of a report.

#include "describe.hpp"
#include "html.hpp"
#include "report_page.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

constexpr double width = 820;
constexpr double height = 430;
constexpr double left = 62;
constexpr double right = 24;
constexpr double top = 24;
constexpr double bottom = 48;

/// One axis: decades of a logarithm to pixels.
struct Axis {
    double low = 0; ///< decimal logarithms
    double high = 1;
    double from = 0; ///< pixels
    double to = 1;
    [[nodiscard]] double at(double value) const {
        return from + (std::log10(value) - low) / (high - low) * (to - from);
    }
};

std::string number(double value) {
    return value >= 1 ? fmt::format("{:.0f}", value) : fmt::format("{:g}", value);
}

class Roofline {
public:
    explicit Roofline(const ReportFacts& facts) : facts_(facts) {
        double least = 1e300;
        double most = facts.roofs.peak.flops / facts.roofs.bytes[3];
        for (std::size_t i = 0; i < schedule::levels; ++i) {
            if (const double here = intensity(i); here > 0) {
                least = std::min(least, here);
                most = std::max(most, here);
            }
        }
        // Room for the names of the roofs, one behind the other.
        least = std::min(least, facts.roofs.peak.flops / facts.roofs.bytes[0] / 40);
        x_ = {std::log10(least), std::log10(most * 4), left, width - right};
        const double slowest = std::min(facts.rate(), facts.roofs.peak.flops / 40) / 3e9;
        y_ = {std::log10(slowest), std::log10(facts.roofs.peak.flops / 1e9 * 2), height - bottom, top};
    }

    std::string run() {
        out_ = fmt::format("<svg viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\">\n", width, height,
                           escaped("Roofline: " + bound_text(facts_)));
        grid();
        roofs();
        dots();
        return out_ + "</svg>\n";
    }

private:
    /// Operations per byte that comes from a level.
    [[nodiscard]] double intensity(std::size_t level) const {
        const double bytes = facts_.traffic.bytes(static_cast<schedule::Level>(level));
        return bytes > 0 ? facts_.estimate.flops / bytes : 0;
    }

    void text(double x, double y, const std::string& words, const char* anchor, const char* style, double turned = 0) {
        const std::string turn =
            turned == 0 ? "" : fmt::format(" transform=\"rotate({:.2f} {:.1f} {:.1f})\"", turned, x, y);
        out_ += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\" class=\"{}\"{}>{}</text>\n", x, y,
                            anchor, style, turn, escaped(words));
    }

    void line(double x0, double y0, double x1, double y1, const char* style) {
        out_ += fmt::format("<path d=\"M{:.1f} {:.1f}L{:.1f} {:.1f}\" class=\"{}\"/>\n", x0, y0, x1, y1, style);
    }

    void grid() {
        for (double decade = std::ceil(x_.low); decade <= x_.high; ++decade) {
            const double x = x_.at(std::pow(10, decade));
            line(x, top, x, height - bottom, "grid");
            text(x, height - bottom + 17, number(std::pow(10, decade)), "middle", "faint");
        }
        for (double decade = std::ceil(y_.low); decade <= y_.high; ++decade) {
            const double y = y_.at(std::pow(10, decade));
            line(left, y, width - right, y, "grid");
            text(left - 8, y + 4, number(std::pow(10, decade)), "end", "faint");
        }
        text((left + width - right) / 2, height - 10, "operations per byte (both axes are logarithms)", "middle",
             "faint");
        text(16, (top + height - bottom) / 2, "Gflop/s", "middle", "faint", -90);
    }

    void roofs() {
        const double peak = facts_.roofs.peak.flops;
        const std::string bound = bound_of(facts_).what;
        const double first = std::pow(10, x_.low);
        const double floor = std::pow(10, y_.low) * 1e9;
        double leftmost = width;
        std::vector<std::string> labels;
        for (std::size_t i = 0; i < schedule::levels; ++i) {
            const double rate = facts_.roofs.bytes[i];
            const double start = std::max(first, floor / rate);
            const double ridge = peak / rate;
            const double x0 = x_.at(start);
            const double y0 = y_.at(rate * start / 1e9);
            leftmost = std::min(leftmost, x_.at(ridge));
            line(x0, y0, x_.at(ridge), y_.at(peak / 1e9), bound == source_name(i) ? "bound" : "roof");
            // Along its line, each at another place: the lines may lie close together.
            const double slope = std::atan2(y_.at(peak / 1e9) - y0, x_.at(ridge) - x0);
            const double along = 14 + 88 * static_cast<double>(i);
            text(x0 + along * std::cos(slope) + 5 * std::sin(slope), y0 + along * std::sin(slope) - 5 * std::cos(slope),
                 fmt::format("{} {:.0f} GB/s", source_name(i), rate / 1e9), "start", "faint", slope * 180 / M_PI);
        }
        line(leftmost, y_.at(peak / 1e9), width - right, y_.at(peak / 1e9), bound == "arithmetic" ? "bound" : "roof");
        text(width - right, y_.at(peak / 1e9) - 7,
             fmt::format("{:.0f} Gflop/s, multiply-add ({})", peak / 1e9, facts_.roofs.peak.vectors), "end", "faint");
    }

    /// The kernel, seen from each level: at the same rate, at as many operations per byte as come from there.
    void dots() {
        struct Dot {
            double x;
            std::string name;
            bool memory;
        };
        std::vector<Dot> all;
        for (std::size_t i = 0; i < schedule::levels; ++i) {
            if (const double here = intensity(i); here > 0) {
                all.push_back({x_.at(here), source_name(i), i + 1 == schedule::levels});
            }
        }
        if (all.empty()) {
            return;
        }
        std::ranges::sort(all, {}, &Dot::x);
        const double y = y_.at(facts_.rate() / 1e9);
        line(all.front().x, y, all.back().x, y, "link");
        double free_from[3] = {0, 0, 0};
        for (const Dot& dot : all) {
            std::size_t row = 0;
            while (row < 2 && dot.x - 24 < free_from[row]) {
                ++row;
            }
            free_from[row] = dot.x + 24;
            out_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\" class=\"{}\"/>\n", dot.x, y,
                                dot.memory ? 6 : 4.5, dot.memory ? "dot here" : "dot");
            text(dot.x, y + 22 + 14 * static_cast<double>(row), dot.name, "middle", dot.memory ? "strong" : "faint");
        }
    }

    const ReportFacts& facts_;
    Axis x_;
    Axis y_;
    std::string out_;
};

} // namespace

std::string roofline_chart(const ReportFacts& facts) {
    return Roofline(facts).run();
}

} // namespace coulter::cli
