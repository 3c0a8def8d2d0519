#include "grad_substitute.hpp"

#include <algorithm>

namespace coulter::gradient {

using ir::Kind;
using ir::Ref;

Ref Substitution::operator()(const Ref& expression) {
    if (!expression) {
        return expression;
    }
    kept_.push_back(expression);
    return ir::rewrite(
        expression,
        [&](const ir::Node& node, const std::vector<Ref>& args) -> Ref {
            if (node.kind == Kind::dim) {
                const auto at = indices_.find(node.name);
                return at == indices_.end() ? nullptr : at->second;
            }
            return node.kind == Kind::access ? access(node, args) : nullptr;
        },
        memo_);
}

Ref Substitution::access(const ir::Node& node, const std::vector<Ref>& args) {
    ir::Node result = node;
    result.dims.clear();
    result.args.clear();
    bool leaves = false;
    for (const std::string& dim : builder_.dims_of(node.name)) {
        const auto explicit_at = std::find(node.dims.begin(), node.dims.end(), dim);
        const auto implicit_at = indices_.find(dim);
        Ref index;
        bool changed = false;
        if (explicit_at != node.dims.end()) {
            const auto i = static_cast<std::size_t>(explicit_at - node.dims.begin());
            changed = args[i] != node.args[i];
            const bool data = changed && [&] {
                const auto parts = ir::postorder({args[i]});
                return std::any_of(parts.begin(), parts.end(),
                                   [](const ir::Node* part) { return part->type != Type::index; });
            }();
            index = changed && !data ? builder_.simplified(args[i]) : args[i];
        } else if (implicit_at != indices_.end()) {
            index = implicit_at->second;
            changed = true;
        } else {
            continue;
        }
        if (index->kind == Kind::dim && index->name == dim) {
            continue;
        }
        leaves = leaves || (changed && !builder_.inside(index, dim, loops_));
        result.dims.push_back(dim);
        result.args.push_back(std::move(index));
    }
    if (node.boundary == ir::Boundary::padded) {
        result.args.push_back(args.back());
    } else if (leaves) {
        result.boundary = ir::Boundary::clamped;
    }
    return ir::make_node(std::move(result));
}

} // namespace coulter::gradient
