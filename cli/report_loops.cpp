// The loop nests of a report.

#include "html.hpp"
#include "report_page.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace coulter::cli {
namespace {

constexpr std::array<const char*, 6> kinds{"parallel", "vectorized", "unrolled", "gpu_block", "gpu_thread", "gpu_lane"};

std::string home_text(schedule::Footprint::Home home) {
    using Home = schedule::Footprint::Home;
    switch (home) {
    case Home::registers: return "in registers";
    case Home::shared: return "in shared memory";
    case Home::stack: return "on the stack";
    case Home::scratch: return "on the heap";
    case Home::context: return "packed once, kept by the context";
    case Home::library: return "packed once, in the library";
    }
    return {};
}

/// `2.05 kB, on the heap, one for each of 2 threads`
std::string note(const schedule::Footprint& one) {
    std::string text =
        (one.bound ? "at most " : "") + bytes_text(static_cast<double>(one.bytes)) + ' ' + home_text(one.home);
    if (one.copies > 1) {
        text += fmt::format(", {} at once", one.copies);
    }
    return text;
}

} // namespace

std::string loops_markup(const std::string& loops, const schedule::MemoryUse& memory) {
    std::string out;
    std::string_view rest = loops;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        const std::string_view line = rest.substr(0, end);
        rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
        const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
        const std::string_view text = line.substr(indent);
        out += std::string(indent, ' ');
        const auto kind =
            std::ranges::find_if(kinds, [&](const char* each) { return text.starts_with(std::string(each) + ' '); });
        if (kind != kinds.end()) {
            const std::size_t length = std::string_view(*kind).size();
            out += fmt::format("<span class=\"{}\">{}</span>{}", *kind, *kind, escaped(text.substr(length)));
        } else if (const std::size_t colon = text.find(':');
                   colon != std::string_view::npos && text.find(' ') > colon) {
            const std::string stage(text.substr(0, colon));
            const auto stored = std::ranges::find(memory.stages, stage, &schedule::Footprint::stage);
            out += fmt::format("<span class=\"stage\">{}</span>{}", escaped(stage), escaped(text.substr(colon)));
            if (stored != memory.stages.end()) {
                out += fmt::format("<i class=\"note\">{}</i>", escaped("  " + note(*stored)));
            }
        } else {
            const bool is_loop = text.starts_with("for ") || text.starts_with("reduce ");
            out += is_loop ? escaped(text) : fmt::format("<span class=\"value\">{}</span>", escaped(text));
        }
        out += '\n';
    }
    return out;
}

} // namespace coulter::cli
