#include "check_finish.hpp"

#include "rewrite_unread.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {

std::optional<Plan> Finish::run() {
    inlining();
    uses();
    // Consumers first: where a stage is placed depends on the loops of those that read it.
    const ir::Kernel& kernel = model_.kernel();
    for (std::size_t i = kernel.definitions.size(); i-- > 0;) {
        const std::string& name = kernel.definitions[i].name;
        place(name);
        if (!done_.at(name).inlined) {
            nests(name);
        }
    }
    for (const ir::Definition& each : kernel.definitions) {
        memory(each.name);
    }
    for (const ir::Definition& each : kernel.definitions) {
        gpu(each.name);
        device_memory(each.name);
        device_types(each.name);
        coalescing(each.name);
    }
    kernel_sizes();
    shared_memory();
    if (model_.has_errors()) {
        return std::nullopt;
    }
    Plan plan;
    plan.kernel = without_unread(kernel);
    plan.numerics = model_.numerics;
    plan.target = model_.target;
    plan.packs = model_.plan_packs_;
    for (const ir::Definition& each : kernel.definitions) {
        plan.stages.push_back(stage_plan(each.name));
    }
    return plan;
}

// Which stages are inlined, and what else was said of those.
void Finish::inlining() {
    for (const ir::Definition& each : model_.kernel().definitions) {
        Stage& stage = model_.stages_.at(each.name);
        Done& done = done_[each.name];
        if (stage.where != Stage::Where::inlined) {
            continue;
        }
        done.inlined = true;
        const std::string& name = each.name;
        model_.via_ = &stage.where_via;
        if (model_.kernel().is_output(name)) {
            model_.error("S066", stage.where_span, fmt::format("`{}` is an output and cannot be inlined", name),
                         "outputs are computed at root");
        } else if (!is_map(each)) {
            model_.error("S064", stage.where_span,
                         fmt::format("`{}` is a {} and cannot be inlined", name, each.scan ? "scan" : "reduction"),
                         "only a map can be computed anew at each use; place it: `compute at STAGE/LOOP`");
        } else if (stage.pack_once) {
            model_.error("S053", stage.where_span, fmt::format("`{}` is packed once and cannot be inlined", name),
                         "write `per call`, or leave `compute inline` out");
        }
        model_.via_ = nullptr;
        const auto useless = [&](const Span& span, std::string_view what) {
            if (span.line != 0) {
                model_.error("S065", span, fmt::format("{} for `{}`, which is inlined", what, name),
                             "an inlined stage has no loops and no memory", {{stage.where_span, "inlined here"}});
            }
        };
        if (!stage.main.steps().empty()) {
            useless(stage.main.steps().front().span, "a loop directive");
        }
        model_.via_ = &stage.store_via;
        useless(stage.store_span, "a place to store");
        model_.via_ = nullptr;
        useless(stage.memory_span, "a memory");
        useless(stage.layout_span, "a layout");
    }
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
