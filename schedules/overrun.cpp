#include "coulter/schedule/overrun.hpp"

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

// One stage while the overruns are found.
struct Stage {
    const ir::Definition* definition = nullptr;
    const StagePlan* plan = nullptr;
    const HeldPadding* padding = nullptr; ///< or null
    bool internal = false;
    Overrun found;
};

// A stage in a tile of its consumer computes whole tiles, also at the end of a dim whose extent the tile does not
// divide. Dims of which all is computed, or one element, stay inside.
void find_tile_overrun(const Plan& plan, const std::map<std::string, std::int64_t>& constants, Stage& stage) {
    for (const std::string& dim : stage.definition->dims) {
        if (stage.padding != nullptr && stage.padding->dims.contains(dim)) {
            stage.found.dims.insert(dim);
            continue;
        }
        const auto size = constants.find(dim);
        const auto tile = stage.plan->tile.find(dim);
        if (tile == stage.plan->tile.end()) {
            if (size != constants.end() &&
                (stage.plan->compute.is_root() || plan.kernel.is_output(stage.definition->name))) {
                stage.found.computed[dim] = size->second;
            }
            continue;
        }
        stage.found.computed[dim] = tile->second;
        if (tile->second != 1 && !(size != constants.end() && size->second % tile->second == 0)) {
            stage.found.dims.insert(dim);
        }
    }
}

// Dims of which Halide knows only roughly which indices a placed stage takes.
void find_roughly_known(Stage& stage) {
    if (!stage.plan->inlined && stage.plan->store) {
        // Memory that outlives the loop makes Halide start it early, so that the first iteration finds what it reads.
        stage.found.dims.insert(stage.definition->dims.begin(), stage.definition->dims.end());
        for (const std::string& dim : ir::whole_dims(*stage.definition)) {
            stage.found.dims.erase(dim); // its loops run over the extent, or there are none
        }
    }
    // Fused loops that begin where the part does that the host needs, unless all extents are constant.
    const std::vector<Loop>& loops = stage.plan->main.loops;
    const bool has_constants = std::ranges::all_of(loops, [](const Loop& loop) { return loop.extent.has_value(); });
    if (stage.plan->inlined || stage.plan->compute.is_root() || has_constants) {
        return;
    }
    std::map<std::string, std::set<std::string>> dims_of; // of a loop
    for (const std::string& dim : stage.definition->dims) {
        dims_of[display_name(dim)].insert(dim);
    }
    for (const LoopStep& step : stage.plan->main.steps) {
        if (step.kind == LoopStep::Kind::split) {
            dims_of[step.outer] = dims_of[step.inner] = dims_of[step.loop];
        } else if (step.kind == LoopStep::Kind::fuse) {
            std::set<std::string> dims = dims_of[step.loop];
            dims.insert(dims_of[step.outer].begin(), dims_of[step.outer].end());
            stage.found.dims.insert(dims.begin(), dims.end());
            dims_of[step.inner] = std::move(dims);
        }
    }
}

// A loop of vectors of an internal map has no rest: the last vector is computed whole.
void round_vectors(Stage& stage) {
    if (!stage.internal || stage.plan->inlined || stage.definition->reduction || stage.definition->scan) {
        return;
    }
    const std::vector<std::string>& dims = stage.definition->dims;
    for (const LoopStep& step : stage.plan->main.steps) {
        if (step.kind != LoopStep::Kind::split || step.tail == Tail::shift) {
            continue;
        }
        const bool is_vector = std::ranges::any_of(stage.plan->main.loops, [&](const Loop& loop) {
            return loop.name == step.inner && loop.kind == LoopStep::Kind::vectorize;
        });
        const auto dim = std::ranges::find(dims, step.loop, display_name);
        if (is_vector && dim != dims.end() && !stage.found.computed.contains(*dim)) {
            stage.found.dims.insert(*dim);
            stage.found.rounded[step.loop] = {*dim, step.factor};
        }
    }
}

// What the stage reads beyond the extent of a dim by its name, the producer computes there: such reads need no clamp.
void ask_producers(std::map<std::string, Stage>& stages, const Stage& stage) {
    for (const ir::Node* node : ir::postorder(ir::roots(*stage.definition))) {
        const auto producer = node->kind == ir::Kind::access ? stages.find(node->name) : stages.end();
        if (producer == stages.end() || node->boundary != ir::Boundary::checked || !producer->second.internal) {
            continue;
        }
        for (const std::string& dim : producer->second.definition->dims) {
            const ir::Ref index = ir::index_of(*node, dim);
            const bool by_name = index->kind == ir::Kind::dim && index->name == dim;
            const std::vector<std::string> whole = ir::whole_dims(*producer->second.definition);
            const bool is_bounded = producer->second.found.computed.contains(dim) ||
                                    std::ranges::find(whole, dim) != whole.end();
            if (by_name && stage.found.dims.contains(dim) && !is_bounded) {
                producer->second.found.dims.insert(dim);
            }
        }
    }
}

} // namespace

bool is_internal(const Plan& plan, const std::string& stage) {
    return !plan.kernel.is_output(stage) &&
           std::ranges::none_of(plan.packs, [&](const Pack& pack) { return pack.once && pack.stage == stage; });
}

std::map<std::string, Overrun> overruns(const Plan& plan, const std::map<std::string, HeldPadding>& padding) {
    const auto constants = constant_extents(plan.kernel);
    std::map<std::string, Stage> stages;
    for (const StagePlan& each : plan.stages) {
        const auto held = padding.find(each.name);
        Stage stage{plan.kernel.find_definition(each.name),
                    &each,
                    held == padding.end() ? nullptr : &held->second,
                    is_internal(plan, each.name),
                    {}};
        find_tile_overrun(plan, constants, stage);
        find_roughly_known(stage);
        stages.emplace(each.name, std::move(stage));
    }
    // Consumers first.
    for (auto definition = plan.kernel.definitions.rbegin(); definition != plan.kernel.definitions.rend();
         ++definition) {
        Stage& stage = stages.at(definition->name);
        round_vectors(stage);
        ask_producers(stages, stage);
    }
    std::map<std::string, Overrun> result;
    for (auto& [name, stage] : stages) {
        result.emplace(name, std::move(stage.found));
    }
    return result;
}

} // namespace coulter::schedule
