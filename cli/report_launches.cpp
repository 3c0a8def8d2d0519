// The page's table of launches on NVIDIA's devices.

#include "html.hpp"
#include "report_page.hpp"

#include <fmt/core.h>

namespace coulter::cli {

std::string launches_section(const DeviceCode& code) {
    std::string text = "<section id=\"launches\">\n<h2>Launches</h2>\n";
    if (!code.missing.empty()) {
        return text + "<p>No static figures: " + escaped(code.missing) + ".</p>\n</section>\n";
    }
    text += fmt::format("<p class=\"lead\">What each launch takes of a multiprocessor, by {} with at most {} registers "
                        "for a thread. Occupancy is the share of its warps that can be there at once.</p>\n",
                        escaped(code.tool), code.registers);
    for (const ArchitectureFigures& each : code.architectures) {
        std::string rows;
        for (const LaunchFigures& one : each.launches) {
            const auto& threads = one.launch.threads;
            rows += fmt::format(
                "<tr><td class=\"words\"><code>{}</code></td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>"
                "<td>{}</td><td class=\"words\">{}</td></tr>\n",
                escaped(one.launch.stage), one.occupancy ? std::to_string(threads[0] * threads[1] * threads[2]) : "-",
                one.code.registers, one.code.spill_stores + one.code.spill_loads, one.code.stack, one.shared(),
                one.occupancy ? fmt::format("{:.0f} %", 100 * one.occupancy->share) : "-",
                one.occupancy ? escaped(one.occupancy->limit) : "");
        }
        text += fmt::format("<h3>{}</h3>\n<div class=\"card\"><table>\n<tr><th class=\"words\">launch</th>"
                            "<th>threads</th><th>registers</th><th>spilled bytes</th><th>stack bytes</th>"
                            "<th>shared bytes</th><th>occupancy</th><th class=\"words\">limited by</th></tr>\n{}"
                            "</table></div>\n",
                            escaped(each.architecture), rows);
    }
    return text + "</section>\n";
}

} // namespace coulter::cli
