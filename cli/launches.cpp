#include "launches.hpp"

#include "describe.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <nlohmann/json.hpp>
#include <sstream>

namespace coulter::cli {
namespace {

std::string threads_text(const Launch& launch) {
    std::string text;
    for (std::size_t i = 0; i < launch.threads.size(); ++i) {
        const bool rest = std::all_of(launch.threads.begin() + static_cast<std::ptrdiff_t>(i), launch.threads.end(),
                                      [](std::int64_t each) { return each == 1; });
        if (i == 0 || !rest) {
            text += fmt::format("{}{}", i == 0 ? "" : " x ",
                                launch.threads[i] == 0 ? "?" : std::to_string(launch.threads[i]));
        }
    }
    return text;
}

/// A number, or 0 for `?`, which stands for one that is no constant.
std::int64_t number(std::istringstream& words) {
    std::string word;
    words >> word;
    word.resize(word.ends_with(',') ? word.size() - 1 : word.size());
    return word.empty() || word.find_first_not_of("0123456789") != std::string::npos ? 0 : std::stoll(word);
}

/// Reads `word`, and whether it is that.
bool follows(std::istringstream& words, const std::string& wanted) {
    std::string word;
    words >> word;
    return word == wanted;
}

/// The plan of the stage of a launch.
const schedule::StagePlan* stage_of(const schedule::Plan& plan, std::string stage) {
    const auto find = [&] { return std::ranges::find(plan.stages, stage, &schedule::StagePlan::name); };
    if (find() == plan.stages.end() && stage.ends_with(".init")) {
        stage.resize(stage.size() - 5);
    }
    const auto at = find();
    return at == plan.stages.end() ? nullptr : &*at;
}

} // namespace

std::vector<Launch> launches_of(const std::string& source, const ir::Kernel& kernel) {
    std::vector<Launch> launches;
    std::istringstream lines(source);
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        Launch launch;
        if (!follows(words, "//") || !follows(words, "launch") || !(words >> launch.entry) ||
            !follows(words, "stage") || !(words >> launch.stage) || !follows(words, "step")) {
            continue;
        }
        launch.entry.pop_back(); // the colon
        const ir::Definition* const definition = kernel.find_definition(launch.stage);
        if (number(words) == 0 && definition != nullptr && definition->reduction) {
            launch.stage += ".init";
        }
        follows(words, "threads");
        for (std::int64_t& each : launch.threads) {
            each = number(words);
        }
        follows(words, "shared");
        follows(words, "memory");
        launch.shared = number(words);
        launches.push_back(std::move(launch));
    }
    return launches;
}

ArchitectureFigures figures(const Cubin& cubin, const std::vector<Launch>& launches) {
    ArchitectureFigures all{cubin.architecture, {}};
    for (const Launch& launch : launches) {
        const auto entry = std::ranges::find(cubin.entries, launch.entry, &PtxasEntry::name);
        if (entry == cubin.entries.end()) {
            throw failure(environment, "B007",
                          fmt::format("ptxas told nothing of `{}` for {}", launch.entry, cubin.architecture),
                          "`coulter show --as ptx` has its source");
        }
        LaunchFigures one{launch, *entry, std::nullopt};
        const std::int64_t threads = launch.threads[0] * launch.threads[1] * launch.threads[2];
        if (threads > 0) {
            one.occupancy = occupancy(cubin.architecture, {threads, entry->registers, one.shared()});
        }
        all.launches.push_back(std::move(one));
    }
    return all;
}

std::string launches_text(const DeviceCode& code) {
    if (!code.missing.empty()) {
        return fmt::format("launches: {}\n", code.missing);
    }
    std::string text;
    for (const ArchitectureFigures& each : code.architectures) {
        std::vector<std::vector<std::string>> rows{{"launch", "threads", "registers", "spill stores", "spill loads",
                                                    "stack", "shared", "occupancy", "limited by"}};
        for (const LaunchFigures& one : each.launches) {
            rows.push_back({one.launch.stage, threads_text(one.launch), std::to_string(one.code.registers),
                            fmt::format("{} B", one.code.spill_stores), fmt::format("{} B", one.code.spill_loads),
                            fmt::format("{} B", one.code.stack), fmt::format("{} B", one.shared()),
                            one.occupancy ? fmt::format("{:.0f} %", 100 * one.occupancy->share) : "-",
                            one.occupancy ? one.occupancy->limit : ""});
        }
        text += fmt::format("{} ({}, at most {} registers):\n", each.architecture, code.tool, code.registers) +
                table(rows, {false, true, true, true, true, true, true, true, false});
    }
    return text;
}

nlohmann::ordered_json launches_json(const DeviceCode& code) {
    using Json = nlohmann::ordered_json;
    if (!code.missing.empty()) {
        return {{"missing", code.missing}};
    }
    Json all = Json::array();
    for (const ArchitectureFigures& each : code.architectures) {
        Json launches = Json::array();
        for (const LaunchFigures& one : each.launches) {
            launches.push_back({{"stage", one.launch.stage},
                                {"entry", one.launch.entry},
                                {"threads", one.launch.threads},
                                {"registers", one.code.registers},
                                {"spill_store_bytes", one.code.spill_stores},
                                {"spill_load_bytes", one.code.spill_loads},
                                {"stack_bytes", one.code.stack},
                                {"shared_bytes", one.shared()},
                                {"occupancy", one.occupancy ? Json(one.occupancy->share) : Json()},
                                {"blocks_at_once", one.occupancy ? Json(one.occupancy->blocks) : Json()},
                                {"limited_by", one.occupancy ? Json(one.occupancy->limit) : Json()}});
        }
        all.push_back({{"architecture", each.architecture}, {"launches", std::move(launches)}});
    }
    return {{"tool", code.tool}, {"most_registers", code.registers}, {"architectures", std::move(all)}};
}

std::vector<Diagnostic> spill_warnings(const Work& work, const schedule::Plan& plan, const DeviceCode& code) {
    std::vector<std::pair<std::string, std::string>> spilled; // launches, and where they do
    for (const ArchitectureFigures& each : code.architectures) {
        for (const LaunchFigures& one : each.launches) {
            if (!one.code.spills()) {
                continue;
            }
            auto at = std::ranges::find(spilled, one.launch.stage, &std::pair<std::string, std::string>::first);
            if (at == spilled.end()) {
                at = spilled.insert(at, {one.launch.stage, ""});
            }
            at->second +=
                fmt::format("{}on {} each thread stores {} B and loads {} B of them", at->second.empty() ? "" : ", ",
                            each.architecture, one.code.spill_stores, one.code.spill_loads);
        }
    }
    std::vector<Diagnostic> warnings;
    for (const auto& [stage, where] : spilled) {
        Diagnostic diagnostic;
        diagnostic.severity = Severity::warning;
        diagnostic.code = "B015";
        const schedule::StagePlan* const planned = stage_of(plan, stage);
        diagnostic.span = planned != nullptr && !planned->span.file.empty() ? planned->span : Span{work.path, 1, 0, 1};
        diagnostic.message = fmt::format("the launch of `{}` has more values than the {} registers of a thread: {}",
                                         stage, code.registers, where);
        diagnostic.help =
            "a smaller tile in registers, or less unrolled, needs fewer; `coulter show --as launches` has "
            "all figures";
        warnings.push_back(std::move(diagnostic));
    }
    return warnings;
}

} // namespace coulter::cli
