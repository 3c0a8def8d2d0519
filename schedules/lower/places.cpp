// Pass `place-stages`.

#include "names.hpp"
#include "pipeline.hpp"

#include "coulter/schedule/check.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

Halide::LoopLevel level(const Lowering& lowering, const schedule::Place& place) {
    if (place.is_root()) {
        return Halide::LoopLevel::root();
    }
    const bool init = place.stage.ends_with(".init") && !lowering.stages.contains(place.stage);
    const std::string name = init ? place.stage.substr(0, place.stage.size() - 5) : place.stage;
    const Stage& stage = lowering.stages.at(name);
    // Halide compares names alone; its own stage numbers are of no use here, since its check of places knows none.
    return {stage.func, Halide::VarOrRVar(Halide::Var(mangle(place.loop)))};
}

// Halves are made where their stage combines them: inside its innermost loop.
void place_halves(Stage& stage) {
    Halide::Var innermost = Halide::Var::outermost();
    for (const schedule::Loop& loop : stage.plan->main.loops) {
        if (!loop.reduced) {
            innermost = Halide::Var(mangle(loop.name));
        }
    }
    for (Halide::Func& half : stage.halves) {
        half.compute_at(stage.func, innermost).store_in(Halide::MemoryType::Stack);
    }
}

bool is_vectorized(const schedule::StagePlan& plan) {
    const auto has_vector = [](const schedule::LoopNest& nest) {
        return std::ranges::any_of(nest.steps, [](const schedule::LoopStep& step) {
            return step.kind == schedule::LoopStep::Kind::vectorize;
        });
    };
    return has_vector(plan.main) || (plan.init && has_vector(*plan.init));
}

} // namespace

void place_stages(Lowering& lowering) {
    const std::map<std::string, std::int64_t> constants = schedule::constant_extents(lowering.plan.kernel);
    for (auto& [name, stage] : lowering.stages) {
        const schedule::StagePlan& plan = *stage.plan;
        const bool is_constant = std::ranges::all_of(stage.definition->dims,
                                                     [&](const std::string& dim) { return constants.contains(dim); });
        place_halves(stage);
        if (plan.inlined || stage.packed_once || lowering.plan.kernel.is_output(name)) {
            continue;
        }
        stage.func.compute_at(level(lowering, plan.compute));
        if (plan.store) {
            stage.func.store_at(level(lowering, *plan.store));
        }
        // Halide may find that a constant part of a stage is needed, down to one element, and then has it on the stack.
        // A variable of one element gets the alignment of its type, but vectors whose other lanes are masked are stored
        // to it as if it had theirs: such a stage lies on the heap, or is two elements long.
        if (is_vectorized(plan) && plan.memory != schedule::Memory::heap && (!plan.compute.is_root() || is_constant) &&
            !stage.func.args().empty() &&
            std::ranges::none_of(plan.tile, [](const auto& each) { return each.second > 1; })) {
            stage.func.align_storage(stage.func.args().front(), 2);
        }
        switch (plan.memory) {
        case schedule::Memory::heap: stage.func.store_in(Halide::MemoryType::Heap); break;
        case schedule::Memory::stack:
        case schedule::Memory::registers: stage.func.store_in(Halide::MemoryType::Stack); break;
        case schedule::Memory::shared: stage.func.store_in(Halide::MemoryType::GPUShared); break;
        case schedule::Memory::automatic:
            if (plan.compute.is_root() && !is_constant) {
                stage.func.store_in(Halide::MemoryType::Heap);
            }
            break;
        }
    }
}

} // namespace coulter::lower
