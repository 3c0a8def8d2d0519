#include "dots.hpp"

#include "coulter/schedule/dot_products.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

using schedule::Loop;
using schedule::LoopStep;

/// Whether all vectors of a nest are full: each split of a pure loop leaves no rest, so that no lane is masked.
bool has_whole_vectors(const Lowering& lowering, const Stage& stage) {
    std::map<std::string, std::int64_t> extents;
    for (const std::string& dim : stage.args) {
        const auto computed = stage.computed.find(dim);
        if (computed != stage.computed.end()) {
            extents[schedule::display_name(dim)] = computed->second;
        } else if (const auto size = lowering.extents->constant(dim); size && stage.plan->compute.is_root()) {
            extents[schedule::display_name(dim)] = *size;
        }
    }
    const std::vector<Loop>& loops = stage.plan->main.loops;
    std::set<std::string> pure;
    for (const std::string& dim : stage.args) {
        pure.insert(schedule::display_name(dim));
    }
    for (const LoopStep& step : stage.plan->main.steps) {
        if (step.kind == LoopStep::Kind::fuse) {
            return false;
        }
        if (step.kind != LoopStep::Kind::split || !pure.contains(step.loop)) {
            continue;
        }
        pure.insert({step.outer, step.inner});
        const auto extent = extents.find(step.loop);
        if (extent == extents.end() || extent->second % step.factor != 0) {
            return false;
        }
        extents[step.outer] = extent->second / step.factor;
        extents[step.inner] = step.factor;
    }
    return std::ranges::any_of(
        loops, [&](const Loop& loop) { return loop.kind == LoopStep::Kind::vectorize && extents.contains(loop.name); });
}

/// Whether anything is computed or stored in one of the loops from `name` inwards.
bool has_guests(const Lowering& lowering, const Stage& stage, const std::string& name) {
    const std::vector<Loop>& loops = stage.plan->main.loops;
    const auto from = std::ranges::find(loops, name, &Loop::name);
    const auto is_inside = [&](const schedule::Place& place) {
        return place.stage == stage.definition->name && std::find_if(from, loops.end(), [&](const Loop& loop) {
                                                            return loop.name == place.loop;
                                                        }) != loops.end();
    };
    return std::ranges::any_of(lowering.plan.stages, [&](const schedule::StagePlan& plan) {
        return is_inside(plan.compute) || (plan.store && is_inside(*plan.store));
    });
}

} // namespace

std::optional<Dot> find_dot(const Lowering& lowering, const Stage& stage) {
    const ir::Definition& definition = *stage.definition;
    const ir::Kernel& kernel = lowering.plan.kernel;
    const auto product = schedule::narrow_product(definition, kernel);
    if (!product || stage.plan->inlined || stage.tree || lowering.target.has_gpu_feature() ||
        !has_whole_vectors(lowering, stage)) {
        return std::nullopt;
    }
    for (const std::string& dim : definition.reduction->dims) {
        for (const LoopStep& step : stage.plan->main.steps) {
            const bool groups = step.kind == LoopStep::Kind::split && step.loop == schedule::display_name(dim) &&
                                (step.factor == 2 || step.factor == 4);
            const auto inner = std::ranges::find(stage.plan->main.loops, step.inner, &Loop::name);
            if (!groups || inner == stage.plan->main.loops.end() || inner->kind != LoopStep::Kind::unroll) {
                continue;
            }
            const auto side_by_side = [&](const ir::Ref& access) {
                const std::vector<std::string>& args = lowering.sources.at(access->name).args;
                return !args.empty() && schedule::are_neighbours(kernel, *access, args[0], dim, step.factor);
            };
            if (side_by_side(product->left) && side_by_side(product->right) &&
                !has_guests(lowering, stage, step.inner)) {
                const auto size = lowering.extents->constant(dim);
                return Dot{dim, step.outer, step.inner, static_cast<int>(step.factor),
                           size && *size % step.factor == 0};
            }
        }
    }
    return std::nullopt;
}

} // namespace coulter::lower
