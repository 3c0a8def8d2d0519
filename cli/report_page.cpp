#include "report_page.hpp"

#include "coulter/schedule/check.hpp"
#include "coulter/tune/statistics.hpp"
#include "describe.hpp"
#include "html.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

using schedule::Level;
using schedule::levels;

// Of the bytes of a level, for a tensor to have a row of its own.
constexpr double least_share = 0.01;

std::string tile(const std::string& number, const std::string& what) {
    return fmt::format("<li><b>{}</b><span>{}</span></li>\n", escaped(number), escaped(what));
}

std::string meter(double share, bool minus = false) {
    return fmt::format("<span class=\"meter\"><i{} style=\"width:{:.1f}%\"></i></span>",
                       minus ? " class=\"minus\"" : "", 100 * std::clamp(share, 0.0, 1.0));
}

std::string table(const std::string& head, const std::string& rows) {
    return "<div class=\"card\"><table>\n<tr>" + head + "</tr>\n" + rows + "</table></div>\n";
}

const char* unit(const ReportFacts& facts) {
    return facts.in_floats ? "Gflop/s" : "Gop/s";
}

/// Words in backquotes as code.
std::string prose(const std::string& text) {
    std::string out;
    bool is_code = false;
    for (const char c : escaped(text)) {
        if (c == '`') {
            out += is_code ? "</code>" : "<code>";
            is_code = !is_code;
        } else {
            out += c;
        }
    }
    return out + (is_code ? "</code>" : "");
}

std::string fact(const std::string& name, const std::string& value) {
    return fmt::format("<dt>{}</dt><dd>{}</dd>\n", escaped(name), prose(value));
}

std::string sentence(std::string text) {
    text.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(text.front())));
    return escaped(text);
}

std::string header(const ReportFacts& facts) {
    const std::vector<double>& samples = facts.measured.whole.samples;
    const tune::Interval interval = tune::median_interval(samples);
    std::string text = fmt::format("<h1>{}</h1>\n<p class=\"signature\"><code>{}</code></p>\n<ul class=\"tiles\">\n",
                                   escaped(facts.kernel), escaped(facts.signature));
    text += tile(time_text(facts.seconds()),
                 fmt::format("a call, median of {} samples; 95 % interval {} to {}", samples.size(),
                             time_text(interval.lower), time_text(interval.upper)));
    if (facts.estimate.flops > 0) {
        text += tile(fmt::format("{:.1f} {}", facts.rate() / 1e9, unit(facts)),
                     facts.in_floats
                         ? fmt::format("{:.1f} % of {:.0f} Gflop/s", 100 * facts.rate() / facts.roofs.peak.flops,
                                       facts.roofs.peak.flops / 1e9)
                         : "operations on integers and truth values");
    }
    const std::string bound = bound_text(facts);
    const std::size_t colon = bound.find(": ");
    text +=
        tile(bound.substr(colon + 2, bound.find(" of", colon) - colon - 2), "of the roof: " + bound.substr(0, colon));
    const double from_memory = facts.traffic.bytes(Level::l3);
    text += tile(bytes_text(from_memory), facts.estimate.flops > 0 && from_memory > 0
                                              ? fmt::format("from and to memory, estimated: {:.3g} operations a byte",
                                                            facts.estimate.flops / from_memory)
                                              : std::string("from and to memory, estimated"));
    text += "</ul>\n<dl class=\"facts\">\n";
    text += fact("sizes", facts.sizes);
    text += fact("target", fmt::format("{}, {} thread{}", facts.target, facts.threads, facts.threads == 1 ? "" : "s"));
    text += fact("processor", facts.machine);
    std::string files;
    for (const std::string& file : facts.files) {
        files += (files.empty() ? "" : ", ") + file;
    }
    text += fact("schedule", files.empty() ? "none: the default schedule" : files);
    if (!facts.part.empty()) {
        text += fact("part", fmt::format("`{}` of the schedule is taken at these sizes", facts.part));
    }
    return text + "</dl>\n";
}

std::string loops_section(const ReportFacts& facts) {
    const schedule::MemoryUse& use = facts.memory;
    std::string text =
        "<section id=\"loops\">\n<h2>Loops</h2>\n<p class=\"lead\">As <code>coulter show --as loops</code> "
        "prints them, with the bytes of what is stored.</p>\n<div class=\"card long\" tabindex=\"0\"><pre>" +
        loops_markup(schedule::loops_text(*facts.plan), use) + "</pre></div>\n";
    double outputs = 0;
    for (const TensorEstimate& tensor : facts.estimate.tensors) {
        outputs += facts.plan->kernel.is_output(tensor.name) ? static_cast<double>(tensor.bytes) : 0;
    }
    text += fmt::format("<p>Materialised: outputs {}; at most {}{} of the heap at one time for what lies between; {} "
                        "packed once and kept.</p>\n</section>\n",
                        bytes_text(outputs), use.bound ? "(a bound) " : "",
                        bytes_text(static_cast<double>(use.scratch_peak)), bytes_text(static_cast<double>(use.packed)));
    return text;
}

std::string level_rows(const ReportFacts& facts) {
    const schedule::Traffic& traffic = facts.traffic;
    double longest = 0;
    std::array<double, levels> seconds{};
    for (std::size_t i = 0; i < levels; ++i) {
        seconds[i] = traffic.bytes(static_cast<Level>(i)) / facts.roofs.bytes[i];
        longest = std::max(longest, seconds[i]);
    }
    constexpr std::array<const char*, levels> between{"registers and L1", "L1 and L2", "L2 and L3", "L3 and memory"};
    std::string rows;
    for (std::size_t i = 0; i < levels; ++i) {
        const auto level = static_cast<Level>(i);
        double in = 0;
        double out = 0;
        for (const schedule::TensorTraffic& tensor : traffic.tensors) {
            in += tensor.in[i];
            out += tensor.out[i];
        }
        const double bytes = traffic.bytes(level);
        rows += fmt::format(
            "<tr><td class=\"words\">{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:.0f} "
            "GB/s</td><td>{}</td><td class=\"words\">{}</td></tr>\n",
            between[i], bytes_text(traffic.capacity[i]), bytes_text(in), bytes_text(out),
            bytes > 0 && facts.estimate.flops > 0 ? fmt::format("{:.3g}", facts.estimate.flops / bytes) : "-",
            facts.roofs.bytes[i] / 1e9, time_text(seconds[i]), meter(longest > 0 ? seconds[i] / longest : 0));
    }
    return rows;
}

std::string tensor_row(const std::string& name, const char* what, const std::array<double, levels>& bytes) {
    std::string row = fmt::format("<tr><td class=\"words\">{}</td><td class=\"words faint\">{}</td>", name, what);
    for (const double each : bytes) {
        row += fmt::format("<td>{}</td>", each > 0 ? bytes_text(each) : "-");
    }
    return row + "</tr>\n";
}

/// Those that make a difference at some level; the rest in one row.
std::string tensor_rows(const ReportFacts& facts) {
    std::string rows;
    std::size_t others = 0;
    std::array<double, levels> rest{};
    for (const schedule::TensorTraffic& tensor : facts.traffic.tensors) {
        std::array<double, levels> bytes{};
        bool counts = tensor.argument;
        for (std::size_t i = 0; i < levels; ++i) {
            bytes[i] = tensor.in[i] + tensor.out[i];
            counts = counts || bytes[i] > least_share * facts.traffic.bytes(static_cast<Level>(i));
        }
        if (counts) {
            rows += tensor_row("<code>" + escaped(tensor.name) + "</code>",
                               tensor.argument ? "argument"
                               : tensor.packed ? "packed once"
                                               : "between stages",
                               bytes);
            continue;
        }
        ++others;
        for (std::size_t i = 0; i < levels; ++i) {
            rest[i] += bytes[i];
        }
    }
    return others == 0 ? rows : rows + tensor_row(fmt::format("{} others", others), "between stages", rest);
}

std::string traffic_section(const ReportFacts& facts) {
    return "<section id=\"traffic\">\n<h2>Traffic</h2>\n<p class=\"lead\">Bytes of a call, estimated from the loops "
           "and "
           "the index expressions, not measured. The time is the least that moving them takes at the bandwidth that "
           "was "
           "measured with vectors that read.</p>\n" +
           table("<th class=\"words\">between</th><th>room</th><th>in</th><th>out</th><th>operations/byte</th>"
                 "<th>bandwidth</th><th>at least</th><th></th>",
                 level_rows(facts)) +
           table("<th class=\"words\">tensor</th><th></th><th>registers</th><th>L1</th><th>L2</th><th>L3</th>",
                 tensor_rows(facts)) +
           "<p class=\"small faint\">How it is computed: a thread counts on half of a cache, of the last one on its "
           "share "
           "of "
           "that half, and on all vector registers (<i>room</i>). What one iteration of a loop touches follows from "
           "its "
           "index expressions. Where that fits, what the next iteration touches again is still there, so that each "
           "element moves once for the whole loop; a tensor that a loop does not move stays as long as what is touched "
           "between two uses fits; else all that an iteration needs moves in each. What lives and dies inside an "
           "iteration that fits does not leave the level. The call is taken to find its caches empty of what it needs. "
           "Whole cache lines, conflicts, prefetching and reading a line before it is written are left out.</p>\n"
           "</section>\n";
}

std::string roofline_section(const ReportFacts& facts) {
    std::string text = "<section id=\"roofline\">\n<h2>Roofline</h2>\n";
    if (facts.estimate.flops <= 0 || !facts.in_floats) {
        return text + "<p>No floating point operations to count, so there is no roofline. " +
               sentence(bound_text(facts)) + ".</p>\n</section>\n";
    }
    return text +
           fmt::format("<p class=\"lead\">{}. The kernel does {:.1f} Gflop/s; the filled dot stands at its "
                       "operations per byte that comes from memory, the others at those per byte from each "
                       "cache. A dot that touches its roof cannot get faster with these loops.</p>\n",
                       sentence(bound_text(facts)), facts.rate() / 1e9) +
           "<div class=\"card\">" + roofline_chart(facts) +
           "</div>\n<p class=\"small faint\">Roofs: fused multiply-adds of f32 in registers, and bytes read by all "
           "threads at once, both measured. Bytes of the kernel: estimated, see Traffic.</p>\n</section>\n";
}

std::string search_section(const ReportFacts& facts) {
    const SearchHistory& search = facts.search;
    std::string text = "<section id=\"search\">\n<h2>Search</h2>\n";
    std::size_t timed = 0;
    double best = 0;
    for (const tune::Record& record : search.records) {
        if (record.outcome == tune::Outcome::timed) {
            const double seconds = tune::median(record.samples);
            best = timed++ == 0 ? seconds : std::min(best, seconds);
        }
    }
    if (timed == 0) {
        return text + "<p>" + prose(search.none) + "</p>\n</section>\n";
    }
    text +=
        fmt::format("<p class=\"lead\">{} candidates that <code>coulter tune</code> measured at these sizes on this "
                    "machine: {} timed, {} not; the fastest took {}. The line is the best so far, crosses are "
                    "candidates that could not be timed, the dashed line is the schedule of this page, now.</p>\n",
                    search.records.size(), timed, search.records.size() - timed, time_text(best));
    if (search.merged > 0) {
        text += fmt::format(
            "<p>The order of the first {} is not known: they come from another store, or an earlier version.</p>\n",
            search.merged);
    }
    return text + "<div class=\"card\">" + search_chart(search, facts.seconds()) + "</div>\n</section>\n";
}

std::string directive_row(const Contributions& measured, const Contribution& one, bool with_file) {
    std::string row = "<tr>";
    if (with_file) {
        row += fmt::format("<td class=\"words\">{}</td>", escaped(one.file));
    }
    row +=
        fmt::format("<td>{}</td><td class=\"words\"><code>{}</code></td><td class=\"words wrap\"><code>{}</code></td>",
                    one.span.line, escaped(one.stage), escaped(one.directive));
    if (!one.record) {
        return row +
               fmt::format("<td>-</td><td class=\"words wrap faint\" colspan=\"2\">{}</td></tr>\n", escaped(one.why));
    }
    const double ratio = measured.ratio(one);
    const bool chance = measured.may_be_chance(one);
    // From 1 to 10 times, as a logarithm.
    row += fmt::format("<td>{}</td><td class=\"words\">{}</td><td class=\"words{}\">{}</td></tr>\n",
                       time_text(tune::median(one.record->samples)),
                       meter(chance ? 0 : std::abs(std::log10(ratio)), ratio < 1), chance ? " faint" : "",
                       escaped(measured.verdict(one)));
    return row;
}

std::string directives_section(const ReportFacts& facts) {
    std::string text = "<section id=\"directives\">\n<h2>What each directive is worth</h2>\n";
    if (!facts.unmeasured.empty()) {
        return text + "<p>" + prose(facts.unmeasured) + "</p>\n</section>\n";
    }
    const bool with_file = facts.files.size() > 1;
    std::string rows;
    for (const Contribution& one : facts.measured.directives) {
        rows += directive_row(facts.measured, one, with_file);
    }
    return text +
           "<p class=\"lead\">Each directive left out in turn, the rest compiled, checked, and timed side by side with "
           "the whole schedule. Bars are logarithms, a full one is ten times. Directives of macros and variants stay "
           "where they are.</p>\n" +
           table(std::string(with_file ? "<th class=\"words\">file</th>" : "") +
                     "<th>line</th><th class=\"words\">stage</th><th class=\"words\">directive</th><th>without "
                     "it</th><th></th><th></th>",
                 rows) +
           "</section>\n";
}

std::string code_section(const ReportFacts& facts) {
    std::string text = "<section id=\"code\">\n<h2>Hot loops</h2>\n";
    if (!facts.code.missing.empty()) {
        return text + "<p>No static figures: " + prose(facts.code.missing) + ".</p>\n</section>\n";
    }
    std::string rows;
    for (const HotLoop& hot : facts.code.loops) {
        rows +=
            fmt::format("<tr><td class=\"words\"><code>{}</code></td><td class=\"words\"><code>{}</code></td><td>{}"
                        "</td><td>{:.1f}</td><td>{:.1f}</td><td>{}</td><td class=\"words\">{}</td><td class=\"words "
                        "wrap\">{}</td></tr>\n",
                        escaped(hot.loop.stage), escaped(hot.loop.loop), hot.loop.instructions.size(), hot.block.cycles,
                        hot.per_cycle(), hot.peak > 0 ? fmt::format("{:.0f} %", 100 * hot.share()) : "-",
                        hot.peak > 0 ? meter(hot.share()) : "", escaped(bound_of(hot.block)));
    }
    return text +
           fmt::format("<p class=\"lead\">One iteration of the innermost loops of the stages with the most "
                       "operations, in the assembly, with all data in the first cache. Figures: {}.</p>\n",
                       escaped(model_text(facts.code))) +
           table("<th class=\"words\">stage</th><th class=\"words\">loop</th><th>instructions</th><th>cycles</th>"
                 "<th>operations/cycle</th><th>of peak FMA</th><th></th><th class=\"words\">bound by</th>",
                 rows) +
           "</section>\n";
}

std::string shown(const ShownText& text) {
    return fmt::format("<h3>{}</h3>\n<div class=\"card long\" tabindex=\"0\"><pre>", escaped(text.name)) +
           numbered(text.text) + "</pre></div>\n";
}

std::string texts_section(const ReportFacts& facts) {
    std::string text = "<section id=\"schedule\">\n<h2>Schedule</h2>\n";
    for (const ShownText& file : facts.schedules) {
        text += shown(file);
    }
    if (!facts.completion.empty()) {
        text += shown({"added by the default schedule", facts.completion});
    }
    return text + "</section>\n<section id=\"algorithm\">\n<h2>Algorithm</h2>\n" + shown(facts.algorithm) +
           "</section>\n";
}

} // namespace

std::string report_page(const ReportFacts& facts) {
    return fmt::format(
               "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n<meta name=\"viewport\" "
               "content=\"width=device-width, initial-scale=1\"/>\n<title>{}: report</title>\n<style>",
               escaped(facts.kernel)) +
           report_style() + "</style>\n</head>\n<body>\n" + header(facts) + loops_section(facts) +
           traffic_section(facts) + roofline_section(facts) + directives_section(facts) + code_section(facts) +
           (facts.launches ? launches_section(*facts.launches) : "") + search_section(facts) + texts_section(facts) +
           fmt::format("<footer class=\"small faint\">Made by <code>{}</code></footer>\n</body>\n</html>\n",
                       escaped(facts.command));
}

} // namespace coulter::cli
