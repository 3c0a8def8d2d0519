#include "coulter/schedule/padding.hpp"

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

// The range of a loaded index is unknown, so a function defined everywhere would have to be computed everywhere.
bool is_affine(const ir::Ref& index) {
    return std::ranges::none_of(ir::postorder({index}), [](const ir::Node* node) {
        return node->kind == ir::Kind::access || node->kind == ir::Kind::select || node->kind == ir::Kind::cast;
    });
}

bool may_hold_padding(const Plan& plan, const ir::Definition& definition, const StagePlan& stage) {
    const bool packed_once =
        std::ranges::any_of(plan.packs, [&](const Pack& pack) { return pack.once && pack.stage == stage.name; });
    return !stage.inlined && !packed_once && !definition.reduction && !definition.scan &&
           definition.values.size() == 1 && !plan.kernel.is_output(definition.name);
}

// The schedule may have counted on the extent of a dim: then loops over more than that are none that it checked.
bool is_shaped(const StagePlan& stage, const std::map<std::string, std::int64_t>& constants, const std::string& dim) {
    const std::string loop = display_name(dim);
    return stage.tile.contains(dim) ||
           (constants.contains(dim) && std::ranges::any_of(stage.main.steps, [&](const LoopStep& step) {
                return step.kind != LoopStep::Kind::reorder && (step.loop == loop || step.outer == loop);
            }));
}

// Notes one read of a stage; false where the stage cannot serve it.
bool serves(const ir::Node& access, HeldPadding& held) {
    if (access.boundary != ir::Boundary::padded || access.pad()->kind != ir::Kind::constant ||
        (held.value && !ir::equal(held.value, access.pad()))) {
        return false;
    }
    held.value = access.pad();
    for (std::size_t i = 0; i < access.dims.size(); ++i) {
        if (!is_affine(access.args[i])) {
            return false;
        }
        held.dims.insert(access.dims[i]);
    }
    return true;
}

} // namespace

std::optional<HeldPadding> padding_for(const std::vector<const ir::Node*>& reads) {
    HeldPadding held;
    const bool serves_all = std::ranges::all_of(reads, [&](const ir::Node* node) { return serves(*node, held); });
    return serves_all && !held.dims.empty() ? std::optional(std::move(held)) : std::nullopt;
}

std::map<std::string, HeldPadding> held_padding(const Plan& plan) {
    std::map<std::string, std::vector<const ir::Node*>> reads;
    for (const ir::Definition& reader : plan.kernel.definitions) {
        for (const ir::Node* node : ir::postorder(ir::roots(reader))) {
            if (node->kind == ir::Kind::access) {
                reads[node->name].push_back(node);
            }
        }
    }
    const auto constants = constant_extents(plan.kernel);
    std::map<std::string, HeldPadding> result;
    for (const StagePlan& stage : plan.stages) {
        if (!may_hold_padding(plan, *plan.kernel.find_definition(stage.name), stage)) {
            continue;
        }
        std::optional<HeldPadding> held = padding_for(reads[stage.name]);
        if (held && std::ranges::none_of(held->dims,
                                         [&](const std::string& dim) { return is_shaped(stage, constants, dim); })) {
            result.emplace(stage.name, std::move(*held));
        }
    }
    return result;
}

} // namespace coulter::schedule
