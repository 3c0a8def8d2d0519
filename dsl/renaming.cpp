#include "renaming.hpp"

#include <algorithm>

namespace coulter {

ir::Ref Renaming::operator()(const ir::Ref& expression) {
    if (!expression) {
        return expression;
    }
    return ir::rewrite(
        expression,
        [&](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
            const auto at = node.kind == ir::Kind::access ? names_.find(node.name) : names_.end();
            if (at == names_.end()) {
                return nullptr;
            }
            ir::Node copy = node;
            copy.name = at->second;
            copy.dims.clear();
            copy.args.clear();
            for (const std::string& dim : dims_of_(copy.name)) {
                const auto bound = std::find(node.dims.begin(), node.dims.end(), dim);
                if (bound != node.dims.end()) {
                    copy.dims.push_back(dim);
                    copy.args.push_back(args[static_cast<std::size_t>(bound - node.dims.begin())]);
                }
            }
            if (node.boundary == ir::Boundary::padded) {
                copy.args.push_back(args.back());
            }
            return ir::make_node(std::move(copy));
        },
        memo_);
}

void Renaming::apply(ir::Definition& definition) {
    for (ir::Ref& value : definition.values) {
        value = (*this)(value);
    }
    if (definition.reduction) {
        definition.reduction->where = (*this)(definition.reduction->where);
        for (ir::Into& into : definition.reduction->into) {
            into.index = (*this)(into.index);
        }
    }
}

std::unordered_set<std::string> needed_tensors(const ir::Kernel& kernel) {
    std::unordered_set<std::string> needed(kernel.outputs.begin(), kernel.outputs.end());
    for (auto definition = kernel.definitions.rbegin(); definition != kernel.definitions.rend(); ++definition) {
        if (needed.contains(definition->name)) {
            const std::vector<std::string> reads = ir::reads(*definition);
            needed.insert(reads.begin(), reads.end());
        }
    }
    return needed;
}

} // namespace coulter
