// Pass `find-overruns`.

#include "pipeline.hpp"

#include "coulter/schedule/overrun.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

// The reduced dims that an equation in the condition may fix: from `k == 2` Halide takes that element 2 is read, even where
// the loop ends before it.
std::set<std::string> fixed_by_equations(const ir::Kernel& kernel, const ir::Definition& definition) {
    std::set<std::string> fixed;
    if (!definition.reduction || !definition.reduction->where) {
        return fixed;
    }
    for (const ir::Node* node : ir::postorder({definition.reduction->where})) {
        if (node->kind != ir::Kind::binary || node->op != ir::Op::eq) {
            continue;
        }
        const std::vector<std::string>& reduced = definition.reduction->dims;
        for (const std::string& dim : ir::free_dims(kernel, node->args)) {
            if (std::find(reduced.begin(), reduced.end(), dim) != reduced.end()) {
                fixed.insert(dim);
            }
        }
    }
    return fixed;
}

} // namespace

void find_overruns(Lowering& lowering) {
    for (auto& [name, found] : schedule::overruns(lowering.plan, schedule::held_padding(lowering.plan))) {
        Stage& stage = lowering.stages.at(name);
        stage.computed = found.computed;
        stage.overrun = found.dims;
        for (const auto& [loop, vector] : found.rounded) {
            stage.rounded.insert(loop);
        }
        if (schedule::is_internal(lowering.plan, name)) {
            lowering.sources.at(name).overrun = stage.overrun;
        }
    }
    for (const ir::Definition& definition : lowering.plan.kernel.definitions) {
        const auto stage = lowering.stages.find(definition.name);
        if (stage != lowering.stages.end()) {
            stage->second.overrun.merge(fixed_by_equations(lowering.plan.kernel, definition));
        }
    }
}

} // namespace coulter::lower
