// Pass `fold-constants`.

#include "pipeline.hpp"

#include "coulter/interpreter.hpp"

#include <algorithm>

namespace coulter::lower {

void fold_constants(Lowering& lowering) {
    schedule::Plan& plan = lowering.plan;
    const auto folds = [&](const schedule::Pack& pack) {
        return pack.once && plan.kernel.find_const(pack.source) != nullptr;
    };
    for (const schedule::Pack& pack : plan.packs) {
        if (!folds(pack)) {
            continue;
        }
        // A kernel of the constant and its copy alone, evaluated here.
        const ir::Definition definition = *plan.kernel.find_definition(pack.stage);
        ir::Kernel part;
        part.name = "fold";
        part.dims = plan.kernel.dims;
        part.consts = {*plan.kernel.find_const(pack.source)};
        part.definitions = {definition};
        part.outputs = {pack.stage};
        std::erase_if(part.dims, [&](const ir::Dim& dim) {
            const auto used = [&](const std::vector<std::string>& dims) {
                return std::find(dims.begin(), dims.end(), dim.name) != dims.end();
            };
            return !used(definition.dims) && !used(part.consts.front().dims);
        });
        const Array packed = interpret(part, {}).at(pack.stage);
        plan.kernel.consts.push_back({pack.stage, definition.types[0], definition.dims, packed.data, definition.span});
        std::erase_if(plan.kernel.definitions, [&](const ir::Definition& d) { return d.name == pack.stage; });
        std::erase_if(plan.stages, [&](const schedule::StagePlan& stage) { return stage.name == pack.stage; });
    }
    std::erase_if(plan.packs, folds);
}

} // namespace coulter::lower
