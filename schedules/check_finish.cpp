#include "check_finish.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule::detail {

std::optional<Plan> Finish::run() {
    inlining();
    uses();
    // Consumers first: where a stage is placed depends on the loops of those that read it.
    const ir::Kernel& kernel = model_.kernel();
    for (std::size_t i = kernel.definitions.size(); i-- > 0;) {
        const std::string& name = kernel.definitions[i].name;
        const std::vector<Note>& via = model_.stages_.at(name).where_via;
        model_.via_ = via.empty() ? nullptr : &via;
        place(name);
        model_.via_ = nullptr;
        if (!done_.at(name).inlined) {
            nests(name);
        }
    }
    for (const ir::Definition& each : kernel.definitions) {
        memory(each.name);
    }
    if (model_.has_errors()) {
        return std::nullopt;
    }
    Plan plan;
    plan.kernel = kernel;
    plan.numerics = model_.numerics;
    plan.target = model_.target;
    plan.packs = model_.plan_packs_;
    for (const ir::Definition& each : kernel.definitions) {
        plan.stages.push_back(stage_plan(each.name));
    }
    return plan;
}

StagePlan Finish::stage_plan(const std::string& name) const {
    const Stage& stage = model_.stages_.at(name);
    const Done& done = done_.at(name);
    const auto finished = [](const Nest& nest) {
        LoopNest result;
        result.steps = nest.steps();
        for (const LiveLoop& live : nest.loops()) {
            result.loops.push_back({live.name, live.reduced, live.extent, live.kind});
        }
        return result;
    };
    StagePlan plan;
    plan.name = name;
    plan.inlined = done.inlined;
    plan.compute = done.compute;
    plan.store = done.store;
    plan.memory = done.memory;
    plan.layout = stage.layout;
    plan.tile = done.tile;
    plan.span = stage.span;
    plan.main = finished(done.main);
    if (!done.inlined && has_init(model_.definition(name))) {
        plan.init = finished(done.init);
    }
    return plan;
}

std::optional<Plan> Model::finish() {
    return Finish(*this).run();
}

} // namespace coulter::schedule::detail
