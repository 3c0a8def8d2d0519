// `coulter show --as loops`: a plan as nested loops.

#include "coulter/schedule/check.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <set>

namespace coulter::schedule {
namespace {

std::string head(const Loop& loop) {
    std::string text;
    switch (loop.kind) {
    case LoopStep::Kind::vectorize: text = "vectorized "; break;
    case LoopStep::Kind::unroll: text = "unrolled "; break;
    case LoopStep::Kind::parallel: text = "parallel "; break;
    case LoopStep::Kind::gpu_block: text = "gpu_block "; break;
    case LoopStep::Kind::gpu_thread: text = "gpu_thread "; break;
    case LoopStep::Kind::gpu_lane: text = "gpu_lane "; break;
    default: break;
    }
    return fmt::format("{}{} {}{}", text, loop.reduced ? "reduce" : "for", loop.name,
                       loop.extent ? fmt::format(" in {}", *loop.extent) : "");
}

std::string_view memory(Memory memory) {
    return memory == Memory::automatic ? "" : name(memory);
}

class Printer {
public:
    explicit Printer(const Plan& plan) : plan_(plan) {}

    std::string run() {
        inside("", "", 0);
        launches();
        return std::move(out_);
    }

private:
    void line(int depth, const std::string& text) {
        out_ += std::string(2 * static_cast<std::size_t>(depth), ' ') + text + '\n';
    }

    /// The stages computed at a place, producers first. Places nest at most as deep as the plan has stages.
    void inside(const std::string& stage, const std::string& loop, int depth) {
        for (const StagePlan& each : plan_.stages) {
            if (!each.inlined && each.compute.stage == stage && each.compute.loop == loop) {
                realisation(each, depth);
            }
        }
    }

    void realisation(const StagePlan& stage, int depth) {
        if (depth > 200) {
            line(depth, "..."); // deeper than anybody reads, and than the stack may grow
            return;
        }
        const auto pack = std::ranges::find(plan_.packs, stage.name, &Pack::stage);
        std::string notes = fmt::format("{}:", stage.name);
        if (pack != plan_.packs.end() && pack->once) {
            notes += " once";
        }
        if (const std::string_view where = memory(stage.memory); !where.empty()) {
            notes += fmt::format(" in {}", where);
        }
        if (stage.store) {
            notes += stage.store->is_root() ? " stored at root"
                                            : fmt::format(" stored at {}/{}", stage.store->stage, stage.store->loop);
        }
        line(depth, notes);
        if (stage.init) {
            loops(stage.name, *stage.init, depth + 1, false);
        }
        loops(stage.name, stage.main, depth + 1, true);
    }

    /// How often a call starts a kernel on the device: once for each nest that has blocks.
    void launches() {
        std::map<std::string, int> counts; // by the loop of the host around them; empty: none
        for (const StagePlan& stage : plan_.stages) {
            for (const LoopNest* nest : {stage.init ? &*stage.init : nullptr, &stage.main}) {
                const bool launched = nest != nullptr && std::ranges::any_of(nest->loops, [](const Loop& loop) {
                                          return loop.kind == LoopStep::Kind::gpu_block;
                                      });
                if (launched && !stage.inlined) {
                    ++counts[stage.compute.is_root() ? ""
                                                     : fmt::format("{}/{}", stage.compute.stage, stage.compute.loop)];
                }
            }
        }
        for (const auto& [loop, count] : counts) {
            line(0, fmt::format("{} launch{}{}", count, count == 1 ? "" : "es",
                                loop.empty() ? "" : fmt::format(" in each iteration of {}", loop)));
        }
    }

    void loops(const std::string& stage, const LoopNest& nest, int depth, bool main) {
        for (const Loop& loop : nest.loops) {
            line(depth++, head(loop));
            if (main) {
                inside(stage, loop.name, depth);
            }
        }
        line(depth, main ? fmt::format("{} {}= ...", stage, reduces(stage) ? "(+)" : "") : stage + " = identity");
    }

    [[nodiscard]] bool reduces(const std::string& stage) const {
        const ir::Definition* definition = plan_.kernel.find_definition(stage);
        return definition != nullptr && (definition->reduction || definition->scan);
    }

    const Plan& plan_;
    std::string out_;
};

} // namespace

std::string loops_text(const Plan& plan) {
    return Printer(plan).run();
}

std::string lines_text(const Plan& plan) {
    std::string out;
    for (const StagePlan& stage : plan.stages) {
        std::map<std::string, std::set<int>> lines; // by file
        const auto add = [&](const Span& span) {
            if (span.line > 0 && !span.file.empty()) {
                lines[span.file].insert(span.line);
            }
        };
        add(stage.span);
        for (const LoopNest* nest : {stage.init ? &*stage.init : nullptr, &stage.main}) {
            if (nest != nullptr) {
                std::ranges::for_each(nest->steps, [&](const LoopStep& step) { add(step.span); });
            }
        }
        std::string places;
        for (const auto& [file, numbers] : lines) {
            places += fmt::format("{}{}:{}", places.empty() ? " " : ", ", file, fmt::join(numbers, ","));
        }
        out += fmt::format("{}:{}\n", stage.name, places.empty() ? " no line" : places);
    }
    return out;
}

} // namespace coulter::schedule
