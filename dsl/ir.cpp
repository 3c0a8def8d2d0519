#include "coulter/ir.hpp"

#include "coulter/array.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <unordered_set>

namespace coulter::ir {

Node::~Node() {
    // Children whose last owner is this node are detached one by one, so that a long chain does not recurse.
    std::vector<Ref> pending = std::move(args);
    while (!pending.empty()) {
        Ref child = std::move(pending.back());
        pending.pop_back();
        if (child && child.use_count() == 1) {
            // No other owner can appear: the only reference is `child`, and nodes are never handed out weakly.
            auto& grandchildren = const_cast<Node&>(*child).args;
            for (Ref& grandchild : grandchildren) {
                pending.push_back(std::move(grandchild));
            }
            grandchildren.clear();
        }
    }
}

Ref make_node(Node node) { return std::make_shared<const Node>(std::move(node)); }

namespace {

Ref leaf(Kind kind, Type type, std::int64_t integer, double real, std::string text) {
    Node node;
    node.kind = kind;
    node.type = type;
    node.integer = integer;
    node.real = real;
    node.name = std::move(text);
    return make_node(std::move(node));
}

Ref compound(Kind kind, Op op, Type type, std::vector<Ref> args) {
    Node node;
    node.kind = kind;
    node.op = op;
    node.type = type;
    node.args = std::move(args);
    return make_node(std::move(node));
}

bool gives_bool(Op op) {
    return (op >= Op::eq && op <= Op::logical_or) || op == Op::is_nan || op == Op::is_inf || op == Op::is_finite ||
           op == Op::logical_not;
}

struct OpRow {
    Op op;
    const char* name;
    int arity;
};

constexpr std::array<OpRow, 46> ops{{{Op::neg, "-", 1},
                                     {Op::logical_not, "!", 1},
                                     {Op::bit_not, "~", 1},
                                     {Op::add, "+", 2},
                                     {Op::sub, "-", 2},
                                     {Op::mul, "*", 2},
                                     {Op::div, "/", 2},
                                     {Op::mod, "%", 2},
                                     {Op::min, "min", 2},
                                     {Op::max, "max", 2},
                                     {Op::eq, "==", 2},
                                     {Op::ne, "!=", 2},
                                     {Op::lt, "<", 2},
                                     {Op::le, "<=", 2},
                                     {Op::gt, ">", 2},
                                     {Op::ge, ">=", 2},
                                     {Op::logical_and, "&&", 2},
                                     {Op::logical_or, "||", 2},
                                     {Op::bit_and, "&", 2},
                                     {Op::bit_or, "|", 2},
                                     {Op::bit_xor, "^", 2},
                                     {Op::shl, "<<", 2},
                                     {Op::shr, ">>", 2},
                                     {Op::abs, "abs", 1},
                                     {Op::sqrt, "sqrt", 1},
                                     {Op::exp, "exp", 1},
                                     {Op::log, "log", 1},
                                     {Op::log1p, "log1p", 1},
                                     {Op::expm1, "expm1", 1},
                                     {Op::sin, "sin", 1},
                                     {Op::cos, "cos", 1},
                                     {Op::tan, "tan", 1},
                                     {Op::asin, "asin", 1},
                                     {Op::acos, "acos", 1},
                                     {Op::atan, "atan", 1},
                                     {Op::atan2, "atan2", 2},
                                     {Op::sinh, "sinh", 1},
                                     {Op::cosh, "cosh", 1},
                                     {Op::tanh, "tanh", 1},
                                     {Op::erf, "erf", 1},
                                     {Op::sigmoid, "sigmoid", 1},
                                     {Op::floor, "floor", 1},
                                     {Op::ceil, "ceil", 1},
                                     {Op::round, "round", 1},
                                     {Op::trunc, "trunc", 1},
                                     {Op::pow, "pow", 2}}};
constexpr std::array<OpRow, 5> more_ops{{{Op::fma, "fma", 3},
                                         {Op::is_nan, "is_nan", 1},
                                         {Op::is_inf, "is_inf", 1},
                                         {Op::is_finite, "is_finite", 1},
                                         {Op::stop_gradient, "stop_gradient", 1}}};

const OpRow* find_op(Op op) {
    for (const auto& row : ops) {
        if (row.op == op) {
            return &row;
        }
    }
    for (const auto& row : more_ops) {
        if (row.op == op) {
            return &row;
        }
    }
    return nullptr;
}

} // namespace

Ref index_constant(std::int64_t value) { return leaf(Kind::constant, Type::index, value, 0, {}); }
Ref real_constant(Type type, double value) { return leaf(Kind::constant, type, 0, round_to(type, value), {}); }
Ref integer_constant(Type type, std::int64_t value) { return leaf(Kind::constant, type, value, 0, {}); }
Ref bool_constant(bool value) { return leaf(Kind::constant, Type::boolean, value ? 1 : 0, 0, {}); }
Ref dim_node(std::string dim) { return leaf(Kind::dim, Type::index, 0, 0, std::move(dim)); }
Ref extent_node(std::string dim) { return leaf(Kind::extent, Type::index, 0, 0, std::move(dim)); }

Ref unary(Op op, Ref a) {
    const Type type = gives_bool(op) ? Type::boolean : a->type;
    return compound(Kind::unary, op, type, {std::move(a)});
}

Ref binary(Op op, Ref a, Ref b) {
    const Type type = gives_bool(op) ? Type::boolean : a->type;
    return compound(Kind::binary, op, type, {std::move(a), std::move(b)});
}

Ref select(Ref condition, Ref yes, Ref no) {
    const Type type = yes->type;
    return compound(Kind::select, Op::none, type, {std::move(condition), std::move(yes), std::move(no)});
}

Ref cast(Type type, Ref a) { return compound(Kind::cast, Op::none, type, {std::move(a)}); }

Ref call(Op op, std::vector<Ref> args) {
    const Type type = gives_bool(op) ? Type::boolean : args.front()->type;
    return compound(Kind::call, op, type, std::move(args));
}

Ref operand(Type type, int component, bool right) {
    Node node;
    node.kind = Kind::operand;
    node.type = type;
    node.component = component;
    node.right = right;
    return make_node(std::move(node));
}

const char* name(Op op) {
    const OpRow* row = find_op(op);
    return row != nullptr ? row->name : "";
}

int arity(Op op) {
    const OpRow* row = find_op(op);
    return row != nullptr ? row->arity : 0;
}

std::optional<Op> op_from_name(std::string_view text) {
    for (const auto& row : ops) {
        if (text == row.name && (row.op >= Op::abs || row.op == Op::min || row.op == Op::max)) {
            return row.op;
        }
    }
    for (const auto& row : more_ops) {
        if (text == row.name) {
            return row.op;
        }
    }
    return std::nullopt;
}

std::vector<const Node*> postorder(const std::vector<Ref>& roots) {
    std::vector<const Node*> order;
    std::unordered_set<const Node*> seen;
    std::vector<std::pair<const Node*, std::size_t>> stack;
    for (const Ref& root : roots) {
        if (!root || !seen.insert(root.get()).second) {
            continue;
        }
        stack.emplace_back(root.get(), 0);
        while (!stack.empty()) {
            auto& [node, next] = stack.back();
            if (next == node->args.size()) {
                order.push_back(node);
                stack.pop_back();
                continue;
            }
            const Node* child = node->args[next++].get();
            if (seen.insert(child).second) {
                stack.emplace_back(child, 0);
            }
        }
    }
    return order;
}

Ref rewrite(const Ref& root, const std::function<Ref(const Node&, const std::vector<Ref>&)>& visit,
            RewriteMemo& memo) {
    if (!root) {
        return root;
    }
    // An unchanged node keeps its identity; the owner that hands it out is its user's operand, or the root.
    std::unordered_map<const Node*, Ref> owners{{root.get(), root}};
    const std::vector<const Node*> order = postorder({root});
    for (const Node* node : order) {
        for (const Ref& arg : node->args) {
            owners.emplace(arg.get(), arg);
        }
    }
    for (const Node* node : order) {
        if (memo.contains(node)) {
            continue;
        }
        std::vector<Ref> args;
        bool changed = false;
        for (const Ref& arg : node->args) {
            args.push_back(memo.at(arg.get()));
            changed = changed || args.back() != arg;
        }
        Ref replacement = visit(*node, args);
        if (!replacement && changed) {
            Node copy = *node;
            copy.args = std::move(args);
            replacement = make_node(std::move(copy));
        }
        memo.emplace(node, replacement ? std::move(replacement) : owners.at(node));
    }
    return memo.at(root.get());
}

bool equal(const Ref& a, const Ref& b) {
    struct PairHash {
        std::size_t operator()(const std::pair<const Node*, const Node*>& p) const {
            return std::hash<const void*>{}(p.first) * 31 + std::hash<const void*>{}(p.second);
        }
    };
    std::unordered_set<std::pair<const Node*, const Node*>, PairHash> seen;
    std::vector<std::pair<const Node*, const Node*>> stack{{a.get(), b.get()}};
    while (!stack.empty()) {
        const auto [x, y] = stack.back();
        stack.pop_back();
        if (x == y) {
            continue;
        }
        if (x == nullptr || y == nullptr) {
            return false;
        }
        if (!seen.insert({x, y}).second) {
            continue;
        }
        const bool same_real = std::bit_cast<std::uint64_t>(x->real) == std::bit_cast<std::uint64_t>(y->real) ||
                               (std::isnan(x->real) && std::isnan(y->real));
        if (x->kind != y->kind || x->op != y->op || x->type != y->type || x->integer != y->integer || !same_real ||
            x->name != y->name || x->dims != y->dims || x->component != y->component || x->right != y->right ||
            x->boundary != y->boundary || x->args.size() != y->args.size()) {
            return false;
        }
        for (std::size_t i = 0; i < x->args.size(); ++i) {
            stack.emplace_back(x->args[i].get(), y->args[i].get());
        }
    }
    return true;
}

const char* name(ReduceOp op) {
    constexpr std::array<const char*, 9> names{"sum",    "product", "min", "max",   "argmin",
                                               "argmax", "any",     "all", "reduce"};
    return names[static_cast<std::size_t>(op)];
}

} // namespace coulter::ir
