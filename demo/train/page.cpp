#include "page.hpp"

#include "progress.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>

namespace train {
namespace {

constexpr const char* style = R"css(
:root { color-scheme: light dark; --page: #f6f5f1; --card: #fff; --text: #1f2328; --faint: #646b73; --line: #dedbd3;
  --dots: #b9c4cf; --curve: #1f5f8c; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --card: #1e2227; --text: #e4e6e8; --faint: #9aa2ab;
  --line: #30363d; --dots: #46515c; --curve: #6fb4e6; } }
body { margin: 0 auto; padding: 2.5rem 1.5rem; max-width: 60rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; font-variant-numeric: tabular-nums; }
h1 { margin: 0 0 .25rem; font-size: 1.8rem; line-height: 1.2; }
h2 { margin: 2rem 0 .5rem; font-size: 1.1rem; }
p { margin: 0; color: var(--faint); }
svg { display: block; width: 100%; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
text { fill: var(--faint); font-size: 13px; }
.grid { stroke: var(--line); }
.dots { fill: none; stroke: var(--dots); stroke-linejoin: round; }
.curve { fill: none; stroke: var(--curve); stroke-width: 2; stroke-linejoin: round; }
)css";

std::string fixed(double value, int digits) {
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%.*f", digits, value);
    return text.data();
}

/// A chart of 900 by 360; values lie between `low` and `high`, on a logarithmic axis or not.
class Chart {
public:
    Chart(double last, double low, double high, bool is_logarithmic)
        : last_(last), low_(scaled(low, is_logarithmic)), high_(scaled(high, is_logarithmic)),
          is_logarithmic_(is_logarithmic) {}

    void level(double value, const std::string& label) {
        body_ += "<path class=\"grid\" d=\"M64 " + y(value) + "H880\"/><text x=\"56\" y=\"" +
                 fixed(place(value) + 4, 1) + "\" text-anchor=\"end\">" + label + "</text>\n";
    }
    void mark(double at, const std::string& label) {
        body_ += "<text x=\"" + x(at) + "\" y=\"346\" text-anchor=\"middle\">" + label + "</text>\n";
    }
    void curve(const std::string& kind, const std::vector<std::pair<double, double>>& points) {
        std::string path;
        for (const auto& [at, value] : points) {
            path += (path.empty() ? "M" : "L") + x(at) + " " + y(value);
        }
        body_ += "<path class=\"" + kind + "\" d=\"" + path + "\"/>\n";
    }
    [[nodiscard]] std::string svg(const std::string& title) const {
        return "<svg viewBox=\"0 0 900 360\" role=\"img\" aria-label=\"" + title + "\">\n" + body_ + "</svg>\n";
    }

private:
    static double scaled(double value, bool is_logarithmic) { return is_logarithmic ? std::log10(value) : value; }
    [[nodiscard]] double place(double value) const {
        const double share = (std::clamp(scaled(value, is_logarithmic_), low_, high_) - low_) / (high_ - low_);
        return 324 - 304 * share;
    }
    [[nodiscard]] std::string x(double at) const { return fixed(64 + 816 * at / last_, 1); }
    [[nodiscard]] std::string y(double value) const { return fixed(place(value), 1); }

    double last_;
    double low_;
    double high_;
    bool is_logarithmic_;
    std::string body_;
};

/// A round step that divides 0 .. `last` into five to ten parts.
double round_step(double last) {
    const double power = std::pow(10, std::floor(std::log10(last / 5)));
    const double parts = last / 5 / power;
    return power * (parts >= 5 ? 5 : parts >= 2 ? 2 : 1);
}

void mark_steps(Chart& chart, double last) {
    const double step = std::max(1.0, round_step(last));
    for (double at = 0; at <= last; at += step) {
        chart.mark(at, fixed(at, 0));
    }
}

std::string loss_chart(const std::vector<float>& losses, std::int64_t per_epoch) {
    const auto count = static_cast<std::int64_t>(losses.size());
    const auto [least, most] = std::minmax_element(losses.begin(), losses.end());
    const double low = std::pow(10, std::floor(std::log10(std::max(1e-4, static_cast<double>(*least)))));
    const double high = std::max(10 * low, static_cast<double>(*most));
    Chart chart(static_cast<double>(count), low, high, true);
    for (double power = low; power <= high; power *= 10) {
        for (const int times : {1, 2, 5}) {
            if (times * power <= high) {
                chart.level(times * power,
                            fixed(times * power, std::max(0, -static_cast<int>(std::floor(std::log10(power))))));
            }
        }
    }
    mark_steps(chart, static_cast<double>(count));
    std::vector<std::pair<double, double>> each;
    std::vector<std::pair<double, double>> means;
    const std::int64_t stride = std::max<std::int64_t>(1, count / 2000);
    for (std::int64_t step = 1; step <= count; step += stride) {
        const auto at = static_cast<double>(step);
        each.emplace_back(at, losses[static_cast<std::size_t>(step - 1)]);
        means.emplace_back(at, recent_loss(losses, step, per_epoch));
    }
    chart.curve("dots", each);
    chart.curve("curve", means);
    return chart.svg("loss by step");
}

std::string accuracy_chart(const Checkpoint& run, std::int64_t per_epoch, std::int64_t held_out) {
    const auto percent = [&](std::int32_t right) { return 100.0 * right / static_cast<double>(held_out); };
    const std::vector<std::int32_t>& right = run.state.right;
    const double least = percent(*std::min_element(right.begin(), right.end()));
    const double low = std::clamp(10 * std::floor(least / 10), 0.0, 90.0);
    Chart chart(static_cast<double>(run.state.step()), low, 100, false);
    for (double level = low; level <= 100; level += low >= 80 ? 2 : 10) {
        chart.level(level, fixed(level, 0) + " %");
    }
    mark_steps(chart, static_cast<double>(run.state.step()));
    std::vector<std::pair<double, double>> points;
    for (std::size_t i = 0; i < right.size(); ++i) {
        const std::int64_t step = std::min(run.state.step(), static_cast<std::int64_t>(i + 1) * per_epoch);
        points.emplace_back(static_cast<double>(step), percent(right[i]));
    }
    chart.curve("curve", points);
    return chart.svg("held-out accuracy by step");
}

} // namespace

std::string page(const Checkpoint& run, std::int64_t steps_per_epoch, std::int64_t held_out) {
    const State<float>& state = run.state;
    const double accuracy = 100.0 * state.right.back() / static_cast<double>(held_out);
    std::string text = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>Coulter: training</title>\n<style>" +
                       std::string(style) + "</style>\n</head>\n<body>\n";
    text += "<h1>" + fixed(accuracy, 2) + " % of the held-out images right</h1>\n<p>" + run.network + ", " +
            std::to_string(state.step()) + " of " + std::to_string(run.settings.steps) + " steps of " +
            std::to_string(run.settings.batch) + " images, seed " + std::to_string(run.settings.seed) + ". " +
            std::to_string(state.right.back()) + " of " + std::to_string(held_out) + " right.</p>\n";
    text += "<h2>Loss</h2>\n<p>Spread loss of each step, and the mean of the last " + std::to_string(steps_per_epoch) +
            " (an epoch), by step.</p>\n" + loss_chart(state.losses, steps_per_epoch);
    text += "<h2>Held-out accuracy</h2>\n<p>After each epoch, by step.</p>\n" +
            accuracy_chart(run, steps_per_epoch, held_out);
    return text + "</body>\n</html>\n";
}

void write_page(const std::filesystem::path& file, const Checkpoint& run, std::int64_t steps_per_epoch,
                std::int64_t held_out) {
    std::ofstream out(file, std::ios::binary);
    out << page(run, steps_per_epoch, held_out);
    out.close();
    if (!out) {
        throw coulter::Error(COULTER_ERROR_FILE, file.string() + ": cannot write the page");
    }
}

} // namespace train
