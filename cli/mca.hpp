#pragma once
/// Static figures of hot loops from LLVM's machine code analyser, which models how a processor runs them.

#include "child.hpp"
#include "inputs.hpp"
#include "mca_loops.hpp"

#include <algorithm>
#include <nlohmann/json_fwd.hpp>
#include <optional>

namespace coulter::cli {

/// What the analyser says of one block of instructions that is repeated.
struct McaBlock {
    double cycles = 0;      ///< of one repetition
    double micro_ops = 0;   ///< of one repetition
    int dispatch_width = 0; ///< micro-operations that the front end gives out in a cycle
    std::string resource;   ///< the busiest one
    double busy = 0;        ///< cycles in which a repetition takes it
};

/// From the output of `llvm-mca --json`; nothing where it is none.
[[nodiscard]] std::optional<McaBlock> parse_mca(const std::string& output);

/// What keeps the block from being faster, in words.
[[nodiscard]] std::string bound_of(const McaBlock& block);

struct HotLoop {
    AsmLoop loop;
    McaBlock block;
    double peak = 0; ///< operations per cycle of independent multiply-adds with the same registers, by the same model
    [[nodiscard]] double per_cycle() const { return block.cycles > 0 ? loop.operations / block.cycles : 0; }
    [[nodiscard]] double share() const { return peak > 0 ? std::min(per_cycle() / peak, 1.0) : 0; }
};

struct MachineCode {
    std::string tool;    ///< `llvm-mca 14.0.6`; empty where there is none
    std::string wanted;  ///< the processor that the code is for, as LLVM names it
    std::string model;   ///< the one that was modelled
    std::string missing; ///< why there are no figures; empty where there are
    std::vector<HotLoop> loops;
};

/// The analyser: what COULTER_LLVM_MCA names, else the newest `llvm-mca` or `llvm-mca-N` in PATH; empty: none.
/// \throws Failure [B009] where COULTER_LLVM_MCA names nothing.
[[nodiscard]] std::string find_llvm_mca();

/// LLVM's names of the processor that a target is for, then of those that are most like it.
[[nodiscard]] std::vector<std::string> mca_models(const std::string& target, bool amd);

/// Analyses loops for a target. What the tool cannot do is told in `missing`, never thrown.
[[nodiscard]] MachineCode analyse(const std::string& tool, const std::vector<AsmLoop>& loops,
                                  const std::vector<std::string>& models, const Limits& limits);

/// Compiles the part of the schedule that `plan` is to assembly, and analyses its hottest loops at these extents.
/// Where there is no analyser, nothing is compiled. \throws Failure, as run_lower().
[[nodiscard]] MachineCode machine_code(const Work& work, const schedule::Plan& plan, const std::string& part,
                                       const std::string& target, const std::map<std::string, std::int64_t>& extents,
                                       const Limits& limits);

/// Which model, in words, and what that means for the figures.
[[nodiscard]] std::string model_text(const MachineCode& code);

/// As `explain` prints them.
[[nodiscard]] std::string mca_text(const MachineCode& code);
[[nodiscard]] nlohmann::ordered_json mca_json(const MachineCode& code);

} // namespace coulter::cli
