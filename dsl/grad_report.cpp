// The gradient report as text and as JSON.

#include "coulter/transform.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter {
namespace {

const char* name(GradientReport::Form form) {
    switch (form) {
    case GradientReport::Form::pointwise: return "pointwise";
    case GradientReport::Form::gather: return "gather";
    case GradientReport::Form::scatter: return "scatter";
    }
    return "";
}

std::string quoted(const std::string& text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') {
            out += '\\';
        }
        out += c;
    }
    return out + '"';
}

std::string array(const std::vector<std::string>& list) {
    std::string out;
    for (const std::string& item : list) {
        out += (out.empty() ? "" : ", ") + quoted(item);
    }
    return "[" + out + "]";
}

void append_list(std::string& out, const char* title, const std::vector<std::string>& list) {
    if (!list.empty()) {
        out += fmt::format("{}: {}\n", title, fmt::join(list, ", "));
    }
}

} // namespace

std::string to_text(const GradientReport& report) {
    std::string out;
    for (const GradientReport::Contribution& each : report.contributions) {
        out += fmt::format("{}: {} from {}{}{}: {}\n", each.stage, name(each.form), each.reader,
                           each.reduced.empty() ? "" : " over ", fmt::join(each.reduced, ", "), each.why);
    }
    append_list(out, "reductions", report.reductions);
    append_list(out, "reads (stored or recomputed as the schedule says)", report.reads);
    append_list(out, "forward definitions kept", report.kept);
    append_list(out, "inputs for their extents alone", report.sizes_only);
    return out;
}

std::string to_json(const GradientReport& report) {
    std::string out = "{\n  \"contributions\": [";
    bool first = true;
    for (const GradientReport::Contribution& each : report.contributions) {
        out +=
            fmt::format("{}\n    {{\"tensor\": {}, \"reader\": {}, \"stage\": {}, \"form\": \"{}\", \"reduced\": {}, "
                        "\"why\": {}}}",
                        first ? "" : ",", quoted(each.tensor), quoted(each.reader), quoted(each.stage), name(each.form),
                        array(each.reduced), quoted(each.why));
        first = false;
    }
    out += fmt::format("\n  ],\n  \"reductions\": {},\n  \"reads\": {},\n  \"kept\": {},\n  \"sizes_only\": {}\n}}\n",
                       array(report.reductions), array(report.reads), array(report.kept), array(report.sizes_only));
    return out;
}

} // namespace coulter
