// Lifetime, free dims and traversal of expression nodes.

#include "language_nodes.hpp"

#include <algorithm>
#include <unordered_set>

namespace coulter::detail {

void discard(std::shared_ptr<const void> owner) {
    // A destructor that runs inside reset() finds `draining` set and only queues, so depth never becomes stack.
    thread_local std::vector<std::shared_ptr<const void>> queue;
    thread_local bool draining = false;
    if (!owner) return;
    queue.push_back(std::move(owner));
    if (draining) return;
    draining = true;
    while (!queue.empty()) {
        const std::shared_ptr<const void> next = std::move(queue.back());
        queue.pop_back();
    }
    draining = false;
}

ExprNode::~ExprNode() {
    for (NodeRef& arg : args) {
        discard(std::move(arg));
    }
    discard(std::move(tensor));
    discard(std::move(dim));
    for (DimRef& d : bound) {
        discard(std::move(d));
    }
    discard(std::move(free));
}

TensorState::~TensorState() {
    const auto drop = [](std::vector<NodeRef>& nodes) {
        for (NodeRef& node : nodes) {
            discard(std::move(node));
        }
    };
    drop(values);
    drop(identity);
    drop(combine);
    discard(std::move(where));
    for (IntoState& item : into) {
        discard(std::move(item.index));
    }
    discard(std::move(alias));
}

GroupRef& current_group() {
    thread_local GroupRef group;
    return group;
}

bool within(const GroupRef& group, const GroupRef& ancestor) {
    if (!ancestor) return true;
    for (const GroupState* at = group.get(); at != nullptr; at = at->outer.get()) {
        if (at == ancestor.get()) return true;
    }
    return false;
}

TensorRef resolve(TensorRef tensor) {
    while (tensor->alias) {
        tensor = tensor->alias;
    }
    return tensor;
}

std::vector<std::string> names_of(const DimList& dims) {
    std::vector<std::string> names;
    for (const DimRef& dim : dims) {
        names.push_back(dim->name);
    }
    return names;
}

bool contains(const DimList& dims, const std::string& name) {
    return std::any_of(dims.begin(), dims.end(), [&](const DimRef& dim) { return dim->name == name; });
}

void append_unique(DimList& dims, const DimRef& dim) {
    if (!contains(dims, dim->name)) dims.push_back(dim);
}

DimListRef no_dims() {
    static const DimListRef empty = std::make_shared<const DimList>();
    return empty;
}

DimListRef merge(const DimListRef& a, const DimListRef& b) {
    if (a == b || b->empty()) return a;
    if (a->empty()) return b;
    DimList all = *a;
    for (const DimRef& dim : *b) {
        append_unique(all, dim);
    }
    return all.size() == a->size() ? a : std::make_shared<const DimList>(std::move(all));
}

NodeRef finish(ExprNode node) {
    node.free = no_dims();
    if (node.kind == ir::Kind::dim) {
        node.free = std::make_shared<const DimList>(DimList{node.dim});
    }
    for (const NodeRef& arg : node.args) {
        node.free = merge(node.free, arg->free);
        node.poison = node.poison || arg->poison;
    }
    return std::make_shared<const ExprNode>(std::move(node));
}

NodeRef poison_node(std::vector<NodeRef> args, SourceLoc loc, std::vector<Diagnostic> problems) {
    ExprNode node;
    node.kind = ir::Kind::call;
    node.args = std::move(args);
    node.loc = loc;
    node.poison = true;
    node.problems = std::move(problems);
    return finish(std::move(node));
}

std::vector<NodeRef> expression_roots(const TensorState& tensor) {
    std::vector<NodeRef> all = tensor.values;
    if (tensor.where) all.push_back(tensor.where);
    for (const IntoState& item : tensor.into) {
        all.push_back(item.index);
    }
    all.insert(all.end(), tensor.identity.begin(), tensor.identity.end());
    all.insert(all.end(), tensor.combine.begin(), tensor.combine.end());
    return all;
}

std::vector<const ExprNode*> postorder(const std::vector<NodeRef>& roots) {
    std::vector<const ExprNode*> order;
    std::unordered_set<const ExprNode*> seen;
    std::vector<std::pair<const ExprNode*, std::size_t>> stack;
    for (const NodeRef& root : roots) {
        if (!root || !seen.insert(root.get()).second) continue;
        stack.emplace_back(root.get(), 0);
        while (!stack.empty()) {
            auto& [node, next] = stack.back();
            if (next == node->args.size()) {
                order.push_back(node);
                stack.pop_back();
                continue;
            }
            const ExprNode* child = node->args[next++].get();
            if (seen.insert(child).second) stack.emplace_back(child, 0);
        }
    }
    return order;
}

std::vector<TensorRef> producers(const TensorState& tensor) {
    std::vector<TensorRef> list;
    std::unordered_set<const TensorState*> seen;
    for (const ExprNode* node : postorder(expression_roots(tensor))) {
        const TensorRef handle = node->undefined ? node->pending.lock() : node->tensor;
        if (!handle) continue;
        const TensorRef read = resolve(handle);
        if (seen.insert(read.get()).second) list.push_back(read);
    }
    return list;
}

} // namespace coulter::detail
