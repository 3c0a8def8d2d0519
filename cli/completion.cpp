#include "completion.hpp"

#include "coulter/version.hpp"

#include <fmt/format.h>
#include <iostream>

namespace coulter::cli {
namespace {

using Extents = std::map<std::string, std::int64_t>;

/// `batch=8, iy=14`: what the decisions were made for. Dims that nobody has a size for are collected.
std::string assumed(const Work& work, const Extents& extents, std::vector<std::string>& unknown) {
    std::string text;
    for (const ir::Dim& dim : work.kernel.dims) {
        if (dim.size) {
            continue;
        }
        const auto extent = extents.find(dim.name);
        if (extent == extents.end()) {
            unknown.push_back(dim.name);
        }
        text += fmt::format("{}{}={}", text.empty() ? "" : ", ", dim.name,
                            extent == extents.end() ? schedule::unknown_extent : extent->second);
    }
    return text;
}

/// A line of a comment or more, broken between words.
std::string comment(const std::string& text) {
    constexpr std::size_t width = 120;
    std::string result;
    std::string line = "#";
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (line.size() + 1 + end - at > width) {
            result += line + "\n";
            line = "#";
        }
        line += " " + text.substr(at, end - at);
        at = end + 1;
    }
    return result + line + "\n";
}

} // namespace

std::string by_autoschedule() {
    return fmt::format("by `coulter autoschedule` {}, without a measurement", COULTER_VERSION);
}

std::string completion_file(const Work& work, const std::string& target, const schedule::DefaultOptions& defaults,
                            const std::string& how) {
    std::vector<std::string> unknown;
    const std::string sizes = assumed(work, resolve_extents(work.kernel, work.sizes, defaults.sizes), unknown);
    if (!unknown.empty()) {
        std::cerr << fmt::format("warning: kernel `{}` has no estimate of {}, which {} taken as {}\nhelp: give --sizes "
                                 "{}=n\n",
                                 work.kernel.name, quoted_list(unknown), unknown.size() == 1 ? "is" : "are",
                                 schedule::unknown_extent, unknown.front());
    }
    std::string text = comment(fmt::format("Written {}, for {} with {} thread{}{}{}.", how, target, defaults.threads,
                                           defaults.threads == 1 ? "" : "s", sizes.empty() ? "" : " and ", sizes));
    if (!work.schedules.empty()) {
        text += comment("A layer: it completes what other files say of the kernel, which come before it.");
    }
    return text + fmt::format("schedule {}\n\n{}", work.kernel.name, work.plan.completion_why);
}

} // namespace coulter::cli
