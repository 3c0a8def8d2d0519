#include "grad_rules.hpp"

#include "grad_math.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::gradient {

using ir::Kind;
using ir::Op;
using ir::ReduceOp;
using ir::Ref;

Ref RuleCall::here(const std::string& tensor, int component) const {
    std::map<std::string, Ref> indices;
    if (definition.reduction) {
        for (const ir::Into& into : definition.reduction->into) {
            indices[into.dim] = into.index;
        }
    }
    return builder.read_at(tensor, component, indices);
}

Ref RuleCall::adjoint(std::size_t component) const {
    const std::string& name = adjoints.at(component);
    return name.empty() ? nullptr : as(adjoint_type(definition.types.at(component)), here(name));
}

Ref RuleCall::result(std::size_t component) const {
    return here(definition.name, static_cast<int>(component));
}

std::string RuleCall::helper(const std::string& role) const {
    return builder.helper_name(fmt::format("{}.{}.{}", builder.prefix(), definition.name, role));
}

std::string RuleCall::helper(const std::string& role, std::size_t component) const {
    return builder.helper_name(builder.adjoint_name(definition.name, static_cast<int>(component)) + "." + role);
}

void RuleCall::reduce_alike(const std::string& name, ReduceOp op, const Ref& value) const {
    ir::Definition made;
    made.name = name;
    made.dims = definition.dims;
    made.types = {value->type};
    made.values = {value};
    made.span = definition.span;
    ir::Reduction& reduction = made.reduction.emplace();
    reduction.op = op;
    reduction.dims = definition.reduction->dims;
    reduction.where = definition.reduction->where;
    reduction.into = definition.reduction->into;
    builder.add(std::move(made));
}

void RuleCall::map(const std::string& name, const Ref& value) const {
    ir::Definition made;
    made.name = name;
    made.dims = definition.dims;
    made.types = {value->type};
    made.values = {value};
    made.span = definition.span;
    builder.add(std::move(made));
}

namespace {

Reader reader_of(const ir::Definition& definition) {
    Reader reader;
    reader.name = definition.name;
    reader.span = definition.span;
    reader.loops = definition.dims;
    if (definition.reduction) {
        for (const ir::Into& into : definition.reduction->into) {
            std::erase(reader.loops, into.dim);
        }
        reader.reduced = definition.reduction->dims;
        reader.loops.insert(reader.loops.end(), reader.reduced.begin(), reader.reduced.end());
        reader.where = definition.reduction->where;
    }
    return reader;
}

// The elements that are the result share its adjoint equally.
void extreme_rule(const RuleCall& call, std::size_t component, const Ref& value, std::vector<Seed>& seeds) {
    const Type type = adjoint_type(value->type);
    const Ref is_result = ir::binary(Op::eq, value, call.result(component));
    const std::string ties = call.helper("ties", component);
    const std::string share = call.helper("share", component);
    call.reduce_alike(ties, ReduceOp::sum, ir::select(is_result, ir::real_constant(type, 1), zero(type)));
    call.map(share, quotient_of(as(type, call.builder.read(call.adjoints[component])), call.builder.read(ties)));
    seeds.push_back({value, {call.here(share), is_result}});
}

// The derivative is the product of the others: with one zero among them only that element has one, with two none.
void product_rule(const RuleCall& call, std::size_t component, const Ref& value, std::vector<Seed>& seeds) {
    const Type type = adjoint_type(value->type);
    const Ref wide = as(type, value);
    const Ref is_zero = ir::binary(Op::eq, wide, zero(type));
    const Ref one = ir::real_constant(type, 1);
    const std::string zeros = call.helper("zeros", component);
    const std::string nonzero = call.helper("nonzero", component);
    const std::string of_zero = call.helper("of_zero", component);
    const std::string of_others = call.helper("of_others", component);
    call.reduce_alike(zeros, ReduceOp::sum, ir::select(is_zero, one, zero(type)));
    call.reduce_alike(nonzero, ReduceOp::product, ir::select(is_zero, one, wide));
    const Ref count = call.builder.read(zeros);
    const Ref rest = product_of(as(type, call.builder.read(call.adjoints[component])), call.builder.read(nonzero));
    call.map(of_zero, masked(ir::binary(Op::eq, count, one), rest));
    call.map(of_others, masked(ir::binary(Op::eq, count, zero(type)), rest));
    const Ref divisor = ir::select(is_zero, one, wide);
    seeds.push_back(
        {value, {ir::select(is_zero, call.here(of_zero), quotient_of(call.here(of_others), divisor)), nullptr}});
}

} // namespace

void simple_rule(const RuleCall& call, ReduceOp op, std::size_t component, const Ref& value, std::vector<Seed>& seeds) {
    if (call.adjoints[component].empty()) {
        return;
    }
    switch (op) {
    case ReduceOp::sum: seeds.push_back({value, {call.adjoint(component), nullptr}}); return;
    case ReduceOp::product: product_rule(call, component, value, seeds); return;
    case ReduceOp::min:
    case ReduceOp::max: extreme_rule(call, component, value, seeds); return;
    case ReduceOp::argmin:
    case ReduceOp::argmax: {
        const std::string& dim = call.definition.reduction->dims.front();
        const Ref chosen = ir::binary(Op::eq, ir::cast(Type::i32, ir::dim_node(dim)), call.result(0));
        seeds.push_back({value, {call.adjoint(component), chosen}});
        return;
    }
    default: return;
    }
}

Local local_rule(const RuleCall& call) {
    const ir::Definition& definition = call.definition;
    Local local{reader_of(definition), {}};
    if (definition.scan) {
        scan_rule(call, local.seeds);
    } else if (!definition.reduction) {
        for (std::size_t c = 0; c < definition.values.size(); ++c) {
            if (!call.adjoints[c].empty()) {
                local.seeds.push_back({definition.values[c], {call.adjoint(c), nullptr}, call.result(c)});
            }
        }
    } else if (definition.reduction->op == ReduceOp::custom) {
        custom_rule(call, local.seeds);
    } else {
        simple_rule(call, definition.reduction->op, definition.types.size() - 1, definition.values[0], local.seeds);
    }
    return local;
}

Ref with_states(const Ref& combine, const std::vector<Ref>& left, const std::vector<Ref>& right) {
    ir::RewriteMemo memo;
    return ir::rewrite(
        combine,
        [&](const ir::Node& node, const std::vector<Ref>&) -> Ref {
            return node.kind == Kind::operand ? (node.right ? right : left).at(static_cast<std::size_t>(node.component))
                                              : nullptr;
        },
        memo);
}

std::vector<LeafFlow> operand_flows(const RuleCall& call, const std::vector<Ref>& combine,
                                    const std::vector<Ref>& adjoints,
                                    const std::function<Ref(const ir::Node&)>& state) {
    std::vector<Seed> seeds;
    for (std::size_t c = 0; c < combine.size(); ++c) {
        if (adjoints[c]) {
            seeds.push_back({combine[c], {adjoints[c], nullptr}});
        }
    }
    std::vector<LeafFlow> leaves = backward(
        seeds, [](const ir::Node& node) { return node.kind == Kind::operand; }, [](const ir::Node&) { return Ref(); },
        [&](const ir::Node& node) { call.missing(ir::name(node.op), "it has no derivative"); });
    ir::RewriteMemo memo;
    const auto at_states = [&](const Ref& expression) {
        return expression ? ir::rewrite(
                                expression,
                                [&](const ir::Node& node, const std::vector<Ref>&) {
                                    return node.kind == Kind::operand ? state(node) : nullptr;
                                },
                                memo)
                          : expression;
    };
    // The memo is keyed by node: what it has seen outlives it.
    const std::vector<LeafFlow> before = leaves;
    for (LeafFlow& leaf : leaves) {
        leaf.flow = {at_states(leaf.flow.value), at_states(leaf.flow.guard)};
    }
    return leaves;
}

StateFlows through_combine(const RuleCall& call, const std::vector<Ref>& combine, const std::vector<Ref>& adjoints,
                           const std::vector<Ref>& left, const std::vector<Ref>& right) {
    StateFlows result{std::vector<Flow>(left.size()), std::vector<Flow>(right.size())};
    const auto state = [&](const ir::Node& operand) {
        return (operand.right ? right : left).at(static_cast<std::size_t>(operand.component));
    };
    for (const LeafFlow& leaf : operand_flows(call, combine, adjoints, state)) {
        Flow& slot = (leaf.leaf->right ? result.right : result.left)[static_cast<std::size_t>(leaf.leaf->component)];
        slot = merged(slot, leaf.flow);
    }
    return result;
}

} // namespace coulter::gradient
