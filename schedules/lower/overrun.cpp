// Pass `find-overruns`: which stages compute more than is asked for, so that inner loops have whole vectors.

#include "pipeline.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

// A stage in a tile of its consumer computes whole tiles, also at the end of a dim whose extent the tile does not
// divide. Dims of which all is computed, or one element, stay inside.
void find_tile_overrun(const Lowering& lowering, Stage& stage) {
    for (const std::string& dim : stage.args) {
        const auto size = lowering.extents->constant(dim);
        const auto tile = stage.plan->tile.find(dim);
        if (stage.padded_dims.contains(dim)) {
            stage.overrun.insert(dim);
            continue;
        }
        if (tile == stage.plan->tile.end()) {
            if (size && (stage.plan->compute.is_root() || lowering.plan.kernel.is_output(stage.definition->name))) {
                stage.computed[dim] = *size;
            }
            continue;
        }
        stage.computed[dim] = tile->second;
        if (tile->second != 1 && !(size && *size % tile->second == 0)) {
            stage.overrun.insert(dim);
        }
    }
}

// Whether memory of the stage may be larger than its extents say: it is the kernel's own.
bool is_internal(const Lowering& lowering, const Stage& stage) {
    return !stage.packed_once && !lowering.plan.kernel.is_output(stage.definition->name);
}

// A loop of vectors of an internal map has no rest: the last vector is computed whole.
void round_vectors(const Lowering& lowering, Stage& stage) {
    if (!is_internal(lowering, stage) || stage.plan->inlined || stage.definition->reduction) {
        return;
    }
    for (const schedule::LoopStep& step : stage.plan->main.steps) {
        if (step.kind != schedule::LoopStep::Kind::split || step.tail == schedule::Tail::shift) {
            continue;
        }
        const std::vector<schedule::Loop>& loops = stage.plan->main.loops;
        const bool is_vector = std::any_of(loops.begin(), loops.end(), [&](const schedule::Loop& loop) {
            return loop.name == step.inner && loop.kind == schedule::LoopStep::Kind::vectorize;
        });
        const auto dim = std::find_if(stage.args.begin(), stage.args.end(), [&](const std::string& each) {
            return schedule::display_name(each) == step.loop;
        });
        if (is_vector && dim != stage.args.end() && !stage.computed.contains(*dim)) {
            stage.overrun.insert(*dim);
            stage.rounded.insert(step.loop);
        }
    }
}

// What the stage reads beyond the extent of a dim by its name, the producer computes there: such reads need no clamp.
void ask_producers(Lowering& lowering, const Stage& stage) {
    for (const ir::Node* node : ir::postorder(ir::roots(*stage.definition))) {
        const auto producer = node->kind == ir::Kind::access ? lowering.stages.find(node->name) : lowering.stages.end();
        if (producer == lowering.stages.end() || node->boundary != ir::Boundary::checked ||
            !is_internal(lowering, producer->second)) {
            continue;
        }
        for (const std::string& dim : producer->second.args) {
            const ir::Ref index = ir::index_of(*node, dim);
            const bool by_name = index->kind == ir::Kind::dim && index->name == dim;
            const bool is_bounded = producer->second.computed.contains(dim);
            if (by_name && stage.overrun.contains(dim) && !is_bounded) {
                producer->second.overrun.insert(dim);
            }
        }
    }
}

} // namespace

void find_overruns(Lowering& lowering) {
    for (auto& [name, stage] : lowering.stages) {
        find_tile_overrun(lowering, stage);
    }
    // Consumers first.
    const std::vector<ir::Definition>& definitions = lowering.plan.kernel.definitions;
    for (auto definition = definitions.rbegin(); definition != definitions.rend(); ++definition) {
        Stage& stage = lowering.stages.at(definition->name);
        round_vectors(lowering, stage);
        ask_producers(lowering, stage);
        lowering.sources.at(definition->name).overrun =
            is_internal(lowering, stage) ? stage.overrun : std::set<std::string>{};
    }
}

} // namespace coulter::lower
