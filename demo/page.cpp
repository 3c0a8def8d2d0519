#include "page.hpp"
#include "reference.hpp"

#include <algorithm>

namespace demo {
namespace {

// Colours come in pairs, for light and dark surroundings. The digits are ink on paper in both.
constexpr const char* style = R"css(
:root { color-scheme: light dark; --page: #f6f5f1; --card: #ffffff; --text: #1f2328; --faint: #646b73; --line: #dedbd3;
  --track: #ece9e1; --good: #2c7a5b; --bad: #c0392b; --bad-card: #fdf1ef; --other: #b3b8be;
  --plus: #1f7a8c; --minus: #d9732b; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --card: #1e2227; --text: #e4e6e8; --faint: #9aa2ab;
  --line: #30363d; --track: #2b3138; --good: #5fbf97; --bad: #f07f70; --bad-card: #33211f; --other: #6a727b; --plus: #45b5c9;
  --minus: #ef9350; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 2.5rem 1.5rem 4rem; max-width: 76rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", sans-serif;
  font-variant-numeric: tabular-nums; }
h1 { margin: 0; font-size: 2rem; line-height: 1.2; letter-spacing: -.01em; }
h2 { margin: 2.75rem 0 .75rem; font-size: 1.25rem; }
p { margin: .5rem 0 1rem; max-width: 46rem; }
.lead, .note, .sizes { color: var(--faint); }
.note { font-size: .875rem; max-width: none; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .75rem; margin: 1.5rem 0 0;
  padding: 0; list-style: none; }
.tiles li { padding: .9rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.3; }
.tiles li.off b { color: var(--bad); }
.tiles span { color: var(--faint); font-size: .875rem; }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .55rem .8rem; text-align: right; vertical-align: top; white-space: nowrap; }
th { color: var(--faint); font-weight: 500; border-bottom: 1px solid var(--line); }
tr + tr td { border-top: 1px solid var(--line); }
th:first-child, td:first-child, .words { text-align: left; }
td:first-child b { display: block; font-weight: 600; }
.sizes { display: block; font-size: .8rem; }
td.sizes { display: table-cell; }
.share { min-width: 8.5rem; text-align: left; }
.fastest { color: var(--good); }
.meter { display: block; height: .4rem; margin-top: .3rem; background: var(--track); border-radius: .2rem; }
.meter i { display: block; height: 100%; background: var(--good); border-radius: .2rem; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .6rem; }
.card { margin: 0; padding: .6rem .7rem .35rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .5rem; }
.row { display: flex; gap: .7rem; align-items: center; }
.card img { width: 3rem; height: 3rem; border: 1px solid var(--line); border-radius: .25rem;
  image-rendering: pixelated; }
figcaption { display: flex; flex-wrap: wrap; align-items: baseline; column-gap: .4rem; line-height: 1.15; }
figcaption b { font-size: 1.5rem; }
.sure { flex-basis: 100%; color: var(--faint); font-size: .75rem; }
.truth { color: var(--bad); font-weight: 600; }
.wrong { border-color: var(--bad); background: var(--bad-card); }
.cards.large { grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); }
.large .card { padding: .9rem 1rem .5rem; }
.large img { width: 5.5rem; height: 5.5rem; }
.large b { font-size: 2.4rem; }
.large .truth { font-size: 1.1rem; }
.card svg { display: block; width: 100%; margin-top: .35rem; }
.is { fill: var(--good); }
.not { fill: var(--bad); }
.other { fill: var(--other); }
.exhibits { display: grid; grid-template-columns: repeat(auto-fill, minmax(33rem, 1fr)); gap: .75rem; }
.exhibit { display: grid; grid-template-columns: 9.5rem 1fr; gap: 1.1rem; align-items: center; margin: 0;
  padding: .9rem 1rem .6rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.answer { display: grid; grid-template-columns: 5rem 1fr; column-gap: .75rem; align-items: center; }
.answer > div svg { display: block; width: 5rem; border: 1px solid var(--line); border-radius: .25rem; }
.answer > svg { grid-column: 1 / 3; width: 100%; margin-top: .4rem; }
.answer b { font-size: 2.2rem; }
.maps { display: grid; grid-template-columns: repeat(4, 1fr); gap: .6rem; text-align: center; }
.maps span { color: var(--faint); font-size: .75rem; white-space: nowrap; }
.maps svg { display: block; width: 100%; background: var(--track); border-radius: .25rem; }
.exhibit image { image-rendering: pixelated; }
.exhibit .faint { opacity: .22; }
.frame { fill: none; stroke: var(--other); stroke-width: .08; }
.plus { fill: var(--plus); }
.minus { fill: var(--minus); }
.key { display: inline-block; width: .8em; height: .8em; border-radius: .15em; vertical-align: -.05em; }
.key.plus { background: var(--plus); }
.key.minus { background: var(--minus); }
@media (max-width: 36rem) { .exhibits, .exhibit { grid-template-columns: 1fr; } }
#axis text { fill: var(--faint); font-size: 8px; text-anchor: middle; }
#axis path { stroke: var(--line); }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); }
)css";

std::string escaped(const std::string& text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
        case '&': out += "&amp;"; break;
        case '<': out += "&lt;"; break;
        case '>': out += "&gt;"; break;
        case '"': out += "&quot;"; break;
        default: out += c;
        }
    }
    return out;
}

std::string tile(const std::string& number, const std::string& what, bool good = true) {
    return "<li" + std::string(good ? "" : " class=\"off\"") + "><b>" + escaped(number) + "</b><span>" + escaped(what) +
           "</span></li>\n";
}

/// What all digits' bars stand on: a line, and the ten classes.
std::string axis() {
    std::string text =
        "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs><g id=\"axis\">"
        "<path d=\"M0 31.5H100\"/>";
    for (int digit = 0; digit < 10; ++digit) {
        text += "<text x=\"" + std::to_string(10 * digit + 5) + "\" y=\"40\">" + std::to_string(digit) + "</text>";
    }
    return text + "</g></defs></svg>\n";
}

/// One form of a kernel: its time, its rate, and a meter of its share of the roof.
std::string cell(const Measurement& row, const Timing& form, bool fastest) {
    const double percent = std::clamp(100 * row.share(form), 0.0, 100.0);
    return "<td class=\"share\"><b" + std::string(fastest ? " class=\"fastest\"" : "") + ">" + time_text(form.seconds) +
           "</b> <span class=\"lead\">" + share_text(row, form) + "</span><span class=\"sizes\">" +
           rate_text(row, form) + "</span><span class=\"meter\"><i style=\"width:" + fixed(percent, 1) +
           "%\"></i></span></td>";
}

std::string table(const std::vector<Measurement>& rows) {
    std::string text = "<div class=\"scroll\"><table>\n<tr><th>kernel</th>";
    for (const char* const form : form_names) {
        text += "<th class=\"words\">" + std::string(form) + "</th>";
    }
    text += "<th>largest error</th><th class=\"words\">against</th></tr>\n";
    for (const Measurement& row : rows) {
        text += "<tr><td><b>" + escaped(row.name) + "</b><span class=\"sizes\">" + escaped(row.sizes) +
                "</span><span class=\"sizes\">bound by " + bound_text(row) + "</span></td>";
        double least = row.forms.front().seconds;
        for (const Timing& form : row.forms) {
            least = std::min(least, form.seconds);
        }
        for (const Timing& form : row.forms) {
            text += cell(row, form, form.seconds == least);
        }
        text += "<td>" + error_text(row.comparison.error) + "</td><td class=\"words sizes\">" +
                escaped(row.comparison.with) + "</td></tr>\n";
    }
    text += "</table></div>\n<p class=\"note\">";
    for (const std::string& sentence : legend(rows)) {
        text += escaped(sentence) + " ";
    }
    return text + "</p>\n";
}

} // namespace

std::string page(HeldOut& digits, const Answers& answers, const CapsuleAnswers& capsules,
                 const std::vector<Measurement>& rows, const Machine& machine) {
    const std::string count = grouped(digits.count());
    const double accuracy = 100 * static_cast<double>(answers.right) / static_cast<double>(digits.count());
    const Cards all = cards(digits, answers);
    const auto wrong = digits.count() - answers.right;
    double peak = 0;
    for (const Measurement& row : rows) {
        peak = std::max(peak, row.flops_roof);
    }

    std::string text = "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                       "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                       "<title>Coulter: handwritten digits</title>\n<style>" +
                       std::string(style) + "</style>\n</head>\n<body>\n" + axis();
    text +=
        "<h1>" + grouped(answers.right) + " of " + count +
        " handwritten digits read right</h1>\n"
        "<p class=\"lead\">A small convolutional network, written in Coulter as functions over named dims and compiled "
        "to a library of C functions. The program that wrote this page links that library and no compiler.</p>\n";
    text += "<ul class=\"tiles\">\n" + tile(fixed(accuracy, 2) + " %", "of the held-out images read right") +
            tile(answers.unlike_pytorch == 0 ? "All " + count : grouped(answers.unlike_pytorch) + " differ",
                 answers.unlike_pytorch == 0 ? "predictions equal PyTorch's" : "predictions differ from PyTorch's",
                 answers.unlike_pytorch == 0);
    if (!rows.empty()) {
        text += tile(time_text(rows.front().forms.front().seconds), "for all " + count + " images");
        text += tile(fixed(1e-9 * peak, 0) + " GFLOP/s", "measured peak of " + std::to_string(machine.threads) +
                                                             (machine.threads == 1 ? " thread" : " threads"));
    }
    text += "</ul>\n<p class=\"note\" style=\"margin-top:1rem\">" + escaped(machine.processor) + "</p>\n";

    if (wrong > 0) {
        text += "<h2>Read wrong</h2>\n<p class=\"lead\">The number is what the network says, with its probability. A "
                "bar per class: green is right, red is what was said.</p>\n<div class=\"cards large\">\n" +
                all.wrong + "</div>\n";
    }
    text +=
        "<h2>What capsules agree on</h2>\n<p class=\"lead\">A second network, of capsules with 4 x 4 poses and EM "
        "routing "
        "(Hinton, Sabour and Frosst, 2018), reads " +
        grouped(capsules.right) + " of " + count + " right" +
        (capsules.unlike_pytorch == 0 ? ", and all its predictions equal PyTorch's. "
                                      : "; " + grouped(capsules.unlike_pytorch) + " differ from PyTorch's. ") +
        "At 4 x 4 positions, 8 types of capsules vote for the pose of every class; routing gives each capsule to the "
        "classes that it agrees with, and a class is active when many agree. The squares stand in the middle of what "
        "the "
        "capsules of a position see.</p>\n<p class=\"note\"><b>given to</b>: the share of a position's activation that "
        "the last iteration gave to the class, for the first and the second class, <span class=\"key plus\"></span> "
        "where that is the right one and <span class=\"key minus\"></span> where not. <b>agrees with</b>: the mean "
        "cosine "
        "between the votes of a position and the pose of the class, <span class=\"key plus\"></span> positive, <span "
        "class=\"key minus\"></span> negative. <b>pose of</b>: its 16 elements, in the same colours.</p>\n"
        "<div class=\"exhibits\">\n" +
        exhibits(digits, capsules) + "</div>\n";
    text += "<h2>The kernels</h2>\n" + table(rows);
    text += "<h2>Read right, the least certain first</h2>\n<div class=\"cards\">\n" + all.right + "</div>\n";
    text +=
        "<footer class=\"note\">Images: E. Alpaydin and C. Kaynak, <i>Optical Recognition of Handwritten Digits</i>, "
        "UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, CC BY 4.0, in the copy of "
        "scikit-learn.</footer>\n";
    return text + "</body>\n</html>\n";
}

} // namespace demo
