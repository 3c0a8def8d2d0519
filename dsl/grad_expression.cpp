#include "grad_expression.hpp"

#include "grad_math.hpp"

#include <numbers>
#include <unordered_set>

namespace coulter::gradient {
namespace {

using ir::Kind;
using ir::Node;
using ir::Op;
using ir::Ref;

bool is_flat(Op op) {
    return op == Op::floor || op == Op::ceil || op == Op::round || op == Op::trunc || op == Op::stop_gradient ||
           op == Op::is_nan || op == Op::is_inf || op == Op::is_finite;
}

/// The adjoints of the operands of one node, in its own adjoint type.
class Rule {
public:
    /// `self`: the node; `result`: its value; `g`: its adjoint.
    Rule(Ref self, Ref result, Ref g)
        : self_(std::move(self)), result_(std::move(result)), g_(std::move(g)), type_(g_->type) {}

    /// Null where operand `i` gets nothing; nothing at all where the operation has no rule.
    [[nodiscard]] std::optional<Ref> operator()(std::size_t i) const {
        switch (self_->kind) {
        case Kind::unary: return self_->op == Op::neg ? std::optional(negated(g_)) : std::nullopt;
        case Kind::binary: return binary(i);
        case Kind::call: return call(i);
        case Kind::cast: return as(adjoint_type(self_->args[0]->type), g_);
        default: return std::nullopt;
        }
    }

private:
    [[nodiscard]] Ref arg(std::size_t i) const { return as(type_, self_->args[i]); }
    [[nodiscard]] Ref value() const { return as(type_, result_); }
    [[nodiscard]] Ref number(double value) const { return ir::real_constant(type_, value); }
    [[nodiscard]] Ref apply(Op op, const Ref& a) const { return ir::call(op, {a}); }
    [[nodiscard]] Ref times(const Ref& factor) const { return product_of(g_, factor); }
    [[nodiscard]] Ref square(const Ref& a) const { return product_of(a, a); }

    [[nodiscard]] std::optional<Ref> binary(std::size_t i) const {
        const bool first = i == 0;
        switch (self_->op) {
        case Op::add: return g_;
        case Op::sub: return first ? g_ : negated(g_);
        case Op::mul: return times(arg(1 - i));
        case Op::div: return first ? quotient_of(g_, arg(1)) : negated(quotient_of(times(value()), arg(1)));
        case Op::mod: // a - b * floor(a / b)
            return first ? g_ : negated(times(apply(Op::floor, quotient_of(arg(0), arg(1)))));
        default: return std::nullopt;
        }
    }

    [[nodiscard]] std::optional<Ref> call(std::size_t i) const {
        const Ref x = arg(0);
        switch (self_->op) {
        case Op::abs: {
            const Ref negative = ir::binary(Op::lt, x, number(0));
            const Ref sign =
                ir::select(ir::binary(Op::gt, x, number(0)), number(1), ir::select(negative, number(-1), number(0)));
            return times(sign);
        }
        case Op::sqrt: return quotient_of(scaled(g_, 0.5), value());
        case Op::exp: return times(value());
        case Op::log: return quotient_of(g_, x);
        case Op::log1p: return quotient_of(g_, sum_of(number(1), x));
        case Op::expm1: return times(sum_of(value(), number(1)));
        case Op::sin: return times(apply(Op::cos, x));
        case Op::cos: return negated(times(apply(Op::sin, x)));
        case Op::tan: return times(sum_of(number(1), square(value())));
        case Op::asin: return quotient_of(g_, apply(Op::sqrt, ir::binary(Op::sub, number(1), square(x))));
        case Op::acos: return negated(quotient_of(g_, apply(Op::sqrt, ir::binary(Op::sub, number(1), square(x)))));
        case Op::atan: return quotient_of(g_, sum_of(number(1), square(x)));
        case Op::atan2: {
            const Ref radius = sum_of(square(x), square(arg(1)));
            return i == 0 ? quotient_of(times(arg(1)), radius) : negated(quotient_of(times(x), radius));
        }
        case Op::sinh: return times(apply(Op::cosh, x));
        case Op::cosh: return times(apply(Op::sinh, x));
        case Op::tanh: return times(ir::binary(Op::sub, number(1), square(value())));
        case Op::erf: // 2 / sqrt(pi) * exp(-x^2)
            return times(scaled(apply(Op::exp, negated(square(x))), 2 * std::numbers::inv_sqrtpi));
        case Op::sigmoid: return times(product_of(value(), ir::binary(Op::sub, number(1), value())));
        case Op::pow: return power(i);
        case Op::fma: return i == 2 ? g_ : times(arg(1 - i));
        default: return std::nullopt;
        }
    }

    [[nodiscard]] Ref power(std::size_t i) const {
        const Ref base = arg(0);
        const Ref exponent = arg(1);
        if (i == 0) {
            if (exponent->kind == Kind::constant) {
                const double n = exponent->real;
                if (n == 0) {
                    return nullptr;
                }
                const Ref rest = n == 1 ? number(1) : n == 2 ? base : ir::call(Op::pow, {base, number(n - 1)});
                return times(scaled(rest, n));
            }
            // x^0 is 1 everywhere: its derivative is 0 also where x^-1 is infinite.
            const Ref slope = product_of(exponent, ir::call(Op::pow, {base, ir::binary(Op::sub, exponent, number(1))}));
            return masked(ir::binary(Op::ne, exponent, number(0)), times(slope));
        }
        // 0^y is 0 for all positive y, where the logarithm is infinite.
        return masked(ir::binary(Op::ne, base, number(0)), times(product_of(value(), apply(Op::log, base))));
    }

    Ref self_;
    Ref result_;
    Ref g_;
    Type type_;
};

class Accumulation {
public:
    void add(const Ref& node, const Flow& flow) {
        Flow& slot = flows_[node.get()];
        slot = merged(slot, flow);
    }
    [[nodiscard]] const Flow* find(const Node* node) const {
        const auto at = flows_.find(node);
        return at == flows_.end() || !at->second.value ? nullptr : &at->second;
    }

private:
    std::unordered_map<const Node*, Flow> flows_;
};

} // namespace

Ref settled(const Flow& flow) {
    return masked(flow.guard, flow.value);
}

Flow merged(const Flow& a, const Flow& b) {
    if (!a.value || !b.value) {
        return a.value ? a : b;
    }
    if (ir::equal(a.guard, b.guard)) {
        return {sum_of(a.value, b.value), a.guard};
    }
    return {sum_of(settled(a), settled(b)), either(a.guard, b.guard)};
}

bool passes(const Node& node, std::size_t i) {
    if (!is_float(node.type)) {
        return false;
    }
    switch (node.kind) {
    case Kind::select: return i > 0;
    case Kind::access: return node.boundary == ir::Boundary::padded && i + 1 == node.args.size();
    case Kind::call: return !is_flat(node.op) && is_float(node.args[i]->type);
    default: return is_float(node.args[i]->type);
    }
}

std::vector<LeafFlow> backward(const std::vector<Seed>& seeds, const std::function<bool(const Node&)>& wanted,
                               const std::function<Ref(const Node&)>& outside,
                               const std::function<void(const Node&)>& missing) {
    std::vector<Ref> roots;
    std::unordered_map<const Node*, Ref> owners;
    std::unordered_map<const Node*, Ref> results;
    for (const Seed& seed : seeds) {
        roots.push_back(seed.root);
        if (seed.result) {
            results.emplace(seed.root.get(), seed.result);
        }
        owners.emplace(seed.root.get(), seed.root);
    }
    const std::vector<const Node*> order = ir::postorder(roots);
    std::unordered_set<const Node*> leads; // to a wanted leaf
    for (const Node* node : order) {
        bool any = is_float(node->type) && (node->kind == Kind::access || node->kind == Kind::operand) && wanted(*node);
        for (std::size_t i = 0; i < node->args.size(); ++i) {
            owners.emplace(node->args[i].get(), node->args[i]);
            any = any || (passes(*node, i) && leads.contains(node->args[i].get()));
        }
        if (any) {
            leads.insert(node);
        }
    }
    Accumulation flows;
    for (const Seed& seed : seeds) {
        if (seed.flow.value && leads.contains(seed.root.get())) {
            flows.add(seed.root, seed.flow);
        }
    }
    std::unordered_map<const Node*, Flow> leaves;
    for (auto at = order.rbegin(); at != order.rend(); ++at) {
        const Node& node = **at;
        const Flow* const found = leads.contains(&node) ? flows.find(&node) : nullptr;
        if (found == nullptr) {
            continue;
        }
        const Flow flow = *found;
        const auto leads_on = [&](std::size_t i) { return passes(node, i) && leads.contains(node.args[i].get()); };
        if (node.kind == Kind::access || node.kind == Kind::operand) {
            if (wanted(node)) {
                leaves[&node] = flow;
            }
            if (node.kind == Kind::access && !node.args.empty() && leads_on(node.args.size() - 1)) {
                flows.add(node.args.back(), {flow.value, both(flow.guard, outside(node))});
            }
            continue;
        }
        if (node.kind == Kind::select) {
            // The condition goes along and is applied last, behind all derivatives.
            for (const std::size_t i : {std::size_t{1}, std::size_t{2}}) {
                if (leads_on(i)) {
                    const Ref here = i == 1 ? node.args[0] : inverse(node.args[0]);
                    flows.add(node.args[i], {flow.value, both(flow.guard, here)});
                }
            }
            continue;
        }
        if (node.kind == Kind::binary && (node.op == Op::min || node.op == Op::max)) {
            // So does who wins: what the other operand is made of may have no derivative here.
            for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
                if (leads_on(i)) {
                    const Ref& mine = node.args[i];
                    const Ref& other = node.args[1 - i];
                    const Ref wins = ir::binary(node.op == Op::max ? Op::ge : Op::le, mine, other);
                    const Ref share = ir::select(ir::binary(Op::eq, mine, other), scaled(flow.value, 0.5), flow.value);
                    flows.add(mine, {share, both(flow.guard, wins)});
                }
            }
            continue;
        }
        const auto stored = results.find(&node);
        const Rule rule(owners.at(&node), stored == results.end() ? owners.at(&node) : stored->second, flow.value);
        for (std::size_t i = 0; i < node.args.size(); ++i) {
            if (!leads_on(i)) {
                continue;
            }
            const std::optional<Ref> adjoint = rule(i);
            if (!adjoint) {
                missing(node);
                break;
            }
            if (*adjoint) {
                flows.add(node.args[i], {*adjoint, flow.guard});
            }
        }
    }
    std::vector<LeafFlow> result;
    for (const Node* node : order) {
        if (const auto leaf = leaves.find(node); leaf != leaves.end()) {
            result.push_back({owners.at(node), leaf->second});
        }
    }
    return result;
}

} // namespace coulter::gradient
