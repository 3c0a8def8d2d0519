// Pass `absorb-padding`.

#include "pipeline.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

// The range of a loaded index is unknown, so a function defined everywhere would have to be computed everywhere.
bool is_affine(const ir::Ref& index) {
    const std::vector<const ir::Node*> nodes = ir::postorder({index});
    return std::none_of(nodes.begin(), nodes.end(), [](const ir::Node* node) {
        return node->kind == ir::Kind::access || node->kind == ir::Kind::select || node->kind == ir::Kind::cast;
    });
}

bool may_hold_padding(const Lowering& lowering, const Stage& stage) {
    return !stage.plan->inlined && !stage.packed_once && !stage.definition->reduction && !stage.definition->scan &&
           stage.definition->values.size() == 1 && !lowering.plan.kernel.is_output(stage.definition->name);
}

// The schedule may have counted on the extent of a dim: then loops over more than that are none that it checked.
bool is_shaped(const Lowering& lowering, const Stage& stage, const std::string& dim) {
    const std::string loop = schedule::display_name(dim);
    const std::vector<schedule::LoopStep>& steps = stage.plan->main.steps;
    return stage.plan->tile.contains(dim) ||
           (lowering.extents->constant(dim) &&
            std::any_of(steps.begin(), steps.end(), [&](const schedule::LoopStep& step) {
                return step.kind != schedule::LoopStep::Kind::reorder && (step.loop == loop || step.outer == loop);
            }));
}

// Notes one read of the stage; false where the stage cannot serve it.
bool serves(const ir::Node& access, Stage& stage) {
    if (access.boundary != ir::Boundary::padded || access.pad()->kind != ir::Kind::constant ||
        (stage.pad && !ir::equal(stage.pad, access.pad()))) {
        return false;
    }
    stage.pad = access.pad();
    for (std::size_t i = 0; i < access.dims.size(); ++i) {
        if (!is_affine(access.args[i])) {
            return false;
        }
        stage.padded_dims.insert(access.dims[i]);
    }
    return true;
}

} // namespace

void absorb_padding(Lowering& lowering) {
    for (auto& [name, stage] : lowering.stages) {
        if (!may_hold_padding(lowering, stage)) {
            continue;
        }
        bool holds = true;
        for (const ir::Definition& reader : lowering.plan.kernel.definitions) {
            for (const ir::Node* node : ir::postorder(ir::roots(reader))) {
                if (node->kind == ir::Kind::access && node->name == name) {
                    holds = holds && serves(*node, stage);
                }
            }
        }
        for (const std::string& dim : stage.padded_dims) {
            holds = holds && !is_shaped(lowering, stage, dim);
        }
        if (holds && !stage.padded_dims.empty()) {
            lowering.sources.at(name).has_padding = true;
        } else {
            stage.pad = nullptr;
            stage.padded_dims.clear();
        }
    }
}

} // namespace coulter::lower
