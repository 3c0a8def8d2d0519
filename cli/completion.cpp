#include "completion.hpp"

#include "coulter/version.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <iostream>
#include <set>
#include <sstream>

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

std::string made_for(const Work& work, const std::string& target, const schedule::DefaultOptions& defaults,
                     const std::string& how) {
    std::vector<std::string> unknown;
    const std::string sizes = assumed(work, resolve_extents(work.kernel, work.sizes, defaults.sizes), unknown);
    if (!unknown.empty()) {
        std::cerr << fmt::format("warning: kernel `{}` has no estimate of {}, which {} taken as {}\nhelp: give --sizes "
                                 "{}=n\n",
                                 work.kernel.name, quoted_list(unknown), unknown.size() == 1 ? "is" : "are",
                                 schedule::unknown_extent, unknown.front());
    }
    return comment(fmt::format("Written {}, for {} with {} thread{}{}{}.", how, target, defaults.threads,
                               defaults.threads == 1 ? "" : "s", sizes.empty() ? "" : " and ", sizes));
}

/// Stages that statements have a block of, or make.
std::vector<std::string> subjects_of(const std::string& statements) {
    std::vector<std::string> subjects;
    for (const schedule::Statement& each : schedule::parse_schedule(statements, "statements").file.statements) {
        if (each.kind == schedule::Statement::Kind::rfactor) {
            subjects.push_back(each.target.text);
        } else if (!each.stage.text.empty() && each.kind != schedule::Statement::Kind::require) {
            subjects.push_back(each.stage.text);
        }
    }
    return subjects;
}

std::string indented(const std::string& lines) {
    std::string text;
    std::istringstream each(lines);
    for (std::string line; std::getline(each, line);) {
        text += line.empty() ? "\n" : "    " + line + '\n';
    }
    return text;
}

/// What a variant needs beside the completion of the common part, which lies below it: that is taken back where the
/// variant leaves the same stages out, and what it made for stages that the variant schedules.
std::string completion_of(const schedule::Variant& variant, const schedule::Plan& common, const std::string& head) {
    const std::vector<std::string> own = subjects_of(variant.plan.schedule_text);
    std::string drops;
    bool is_same = variant.plan.completion_text == common.completion_text;
    std::set<std::string> dropped;
    for (const std::string& each : subjects_of(common.completion_text)) {
        if (std::ranges::find(own, each) != own.end()) {
            is_same = false;
        } else if (dropped.insert(each).second) {
            drops += fmt::format("drop {}\n", each);
        }
    }
    const std::string body = head + (is_same ? "" : drops + variant.plan.completion_why);
    return body.empty()
               ? ""
               : fmt::format("\nvariant {} when {} {{\n{}}}\n", variant.name, variant.when.text, indented(body));
}

std::string statements_of(const Work& work, const VariantHeads& heads) {
    std::string text = work.plan.completion_why;
    for (const schedule::Variant& variant : work.variants) {
        const auto head = heads.find(variant.name);
        text += completion_of(variant, work.plan, head == heads.end() ? "" : head->second);
    }
    return text;
}

} // namespace

bool is_complete(const Work& work) {
    return work.plan.completion_why.empty() &&
           std::ranges::all_of(work.variants, [](const auto& each) { return each.plan.completion_why.empty(); });
}

std::string by_autoschedule() {
    return fmt::format("by `coulter autoschedule` {}, without a measurement", COULTER_VERSION);
}

std::string completion_file(const Work& work, const std::string& target, const schedule::DefaultOptions& defaults,
                            const std::string& how, const VariantHeads& heads) {
    std::string text = made_for(work, target, defaults, how);
    if (!work.schedules.empty()) {
        text += comment("A layer: it completes what other files say of the kernel, which come before it.");
    }
    return text + fmt::format("schedule {}\n\n{}", work.kernel.name, statements_of(work, heads));
}

std::string completion_section(const Work& work, const std::string& target, const schedule::DefaultOptions& defaults,
                               const std::string& how, const VariantHeads& heads) {
    return made_for(work, target, defaults, how) + statements_of(work, heads);
}

} // namespace coulter::cli
