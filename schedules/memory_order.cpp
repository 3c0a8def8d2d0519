#include "coulter/schedule/memory_order.hpp"

#include <algorithm>

namespace coulter::schedule {

std::vector<std::string> memory_order(const ir::Kernel& kernel, const ir::Definition& definition,
                                      const StagePlan& plan) {
    if (!plan.layout.empty()) {
        return plan.layout;
    }
    std::vector<std::string> dims = definition.dims;
    if (kernel.is_output(definition.name)) {
        return dims;
    }
    std::string vector_loop;
    std::string thread_loop; // the innermost
    for (const Loop& loop : plan.main.loops) {
        if (loop.kind == LoopStep::Kind::vectorize && !loop.reduced) {
            vector_loop = loop.name;
        } else if (loop.kind == LoopStep::Kind::gpu_thread || loop.kind == LoopStep::Kind::gpu_lane) {
            thread_loop = loop.name;
        }
    }
    if (vector_loop.empty()) {
        vector_loop = thread_loop;
    }
    // The loop may be the inner part of a dim, made by splits.
    for (auto step = plan.main.steps.rbegin(); step != plan.main.steps.rend() && !vector_loop.empty(); ++step) {
        if (step->kind == LoopStep::Kind::split && step->inner == vector_loop) {
            vector_loop = step->loop;
        }
    }
    const auto at = std::find_if(dims.rbegin(), dims.rend(), [&](const std::string& dim) {
        return dim == vector_loop || (!vector_loop.empty() && dim.ends_with(":" + vector_loop));
    });
    if (at != dims.rend()) {
        std::rotate(dims.rbegin(), at, at + 1);
    }
    return dims;
}

} // namespace coulter::schedule
