// The machine code analyser and a kernel: where the tool is, what of the kernel it is given, and how its figures are
// told.

#include "coulter/estimates.hpp"
#include "describe.hpp"
#include "files.hpp"
#include "lowering.hpp"
#include "machine.hpp"
#include "mca.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <nlohmann/json.hpp>

namespace coulter::cli {
namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_loops = 3;

/// In whose loops each stage is computed, producers first.
std::vector<std::pair<std::string, std::string>> hosts_of(const schedule::Plan& plan) {
    std::vector<std::pair<std::string, std::string>> hosts;
    for (const schedule::StagePlan& stage : plan.stages) {
        std::string host = stage.compute.stage;
        if (host.ends_with(".init") && plan.kernel.find_definition(host) == nullptr) {
            host.resize(host.size() - 5);
        }
        if (!host.empty()) {
            hosts.emplace_back(stage.name, host);
        }
    }
    return hosts;
}

} // namespace

MachineCode machine_code(const Work& work, const schedule::Plan& plan, const std::string& part,
                         const std::string& target, const std::map<std::string, std::int64_t>& extents,
                         const Limits& limits) {
    MachineCode code;
    const std::string tool = find_llvm_mca();
    if (tool.empty()) {
        code.missing = "there is no llvm-mca here, which has them (Debian's package `llvm-19`)";
        return code;
    }
    const TemporaryDirectory scratch;
    LowerRequest request;
    request.work = &work;
    request.target = target;
    request.assembly = (scratch.path() / "kernel.s").string();
    request.variant = work.variants.empty() ? "" : part;
    request.limits = limits;
    request.repro = fs::temp_directory_path();
    run_lower(request);
    std::map<std::string, double> operations;
    std::vector<Diagnostic> ignored;
    // The schedule's own stages have dims of their own.
    const auto all = resolve_extents(plan.kernel, infer_sizes(plan.kernel, ignored), extents);
    for (const TensorEstimate& tensor : estimate(plan.kernel, all).tensors) {
        operations[tensor.name] = tensor.flops;
    }
    const std::vector<AsmLoop> loops =
        hottest(innermost_loops(read_file(request.assembly)), operations, hosts_of(plan), most_loops);
    if (loops.empty()) {
        code.missing = "no loop of the assembly has arithmetic on vectors or floats";
        return code;
    }
    return analyse(tool, loops, mca_models(target, machine_name().find("AMD") != std::string::npos), limits);
}

std::string mca_text(const MachineCode& code) {
    if (!code.missing.empty()) {
        return fmt::format("hot loops: {}\n", code.missing);
    }
    std::vector<std::vector<std::string>> rows{
        {"stage", "loop", "instructions", "cycles", "operations/cycle", "of peak FMA", "bound by"}};
    for (const HotLoop& hot : code.loops) {
        rows.push_back({hot.loop.stage, hot.loop.loop, std::to_string(hot.loop.instructions.size()),
                        fmt::format("{:.1f}", hot.block.cycles), fmt::format("{:.1f}", hot.per_cycle()),
                        hot.peak > 0 ? fmt::format("{:.0f} %", 100 * hot.share()) : "-", bound_of(hot.block)});
    }
    return fmt::format("hot loops ({}):\n", model_text(code)) +
           table(rows, {false, false, true, true, true, true, false});
}

nlohmann::ordered_json mca_json(const MachineCode& code) {
    if (!code.missing.empty()) {
        return {{"missing", code.missing}};
    }
    nlohmann::ordered_json loops = nlohmann::ordered_json::array();
    for (const HotLoop& hot : code.loops) {
        loops.push_back(
            {{"stage", hot.loop.stage},
             {"loop", hot.loop.loop},
             {"label", hot.loop.label},
             {"instructions", hot.loop.instructions.size()},
             {"operations", hot.loop.operations},
             {"cycles", hot.block.cycles},
             {"micro_operations", hot.block.micro_ops},
             {"share_of_peak_fma", hot.peak > 0 ? nlohmann::ordered_json(hot.share()) : nlohmann::ordered_json()},
             {"bound", bound_of(hot.block)}});
    }
    return {{"tool", code.tool}, {"model", code.model}, {"processor", code.wanted}, {"loops", loops}};
}

} // namespace coulter::cli
