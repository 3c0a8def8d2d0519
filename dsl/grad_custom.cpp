// Adjoints of custom reductions.
//
// A component that is combined on its own by +, *, min or max is a reduction of that kind, and (count, mean, squared
// deviations) as `moments` merges them has a closed form. Everything else goes by the states that an element meets:
// with P the elements before it and S those after it, the result is f(f(P, v), S), so the derivative by v is exact
// whatever f is, as far as it is associative. Several reduced dims nest, the last innermost.

#include "grad_math.hpp"
#include "grad_rules.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <set>

namespace coulter::gradient {
namespace {

using ir::Kind;
using ir::Op;
using ir::ReduceOp;
using ir::Ref;

/// Components whose states an expression uses.
std::set<std::size_t> states_in(const Ref& combine) {
    std::set<std::size_t> states;
    for (const ir::Node* node : ir::postorder({combine})) {
        if (node->kind == Kind::operand) {
            states.insert(static_cast<std::size_t>(node->component));
        }
    }
    return states;
}

/// `left.c op right.c`, in either order.
std::optional<ReduceOp> simple_op(const Ref& combine, std::size_t component) {
    if (combine->kind != Kind::binary || combine->args[0]->kind != Kind::operand ||
        combine->args[1]->kind != Kind::operand || combine->args[0]->right == combine->args[1]->right ||
        states_in(combine) != std::set<std::size_t>{component}) {
        return std::nullopt;
    }
    switch (combine->op) {
    case Op::add: return ReduceOp::sum;
    case Op::mul: return ReduceOp::product;
    case Op::min: return ReduceOp::min;
    case Op::max: return ReduceOp::max;
    default: return std::nullopt;
    }
}

/// Whether the definition merges (count, mean, sum of squared deviations) of single elements.
bool is_moments(const ir::Definition& definition) {
    const auto& combine = definition.reduction->combine;
    if (combine.size() != 3 || definition.types[0] != definition.types[1] ||
        definition.types[0] != definition.types[2] || !is_constant(definition.values[0], 1) ||
        !is_constant(definition.values[2], 0)) {
        return false;
    }
    const Type type = definition.types[0];
    const auto a = [&](int c) { return ir::operand(type, c, false); };
    const auto b = [&](int c) { return ir::operand(type, c, true); };
    const Ref n = ir::binary(Op::add, a(0), b(0));
    const Ref share = ir::binary(Op::div, b(0), ir::binary(Op::max, n, ir::real_constant(type, 1)));
    const Ref delta = ir::binary(Op::sub, b(1), a(1));
    const Ref mean = ir::binary(Op::add, a(1), ir::binary(Op::mul, delta, share));
    const Ref off = ir::binary(Op::mul, ir::binary(Op::mul, ir::binary(Op::mul, delta, delta), a(0)), share);
    const Ref squares = ir::binary(Op::add, ir::binary(Op::add, a(2), b(2)), off);
    return ir::equal(combine[0], n) && ir::equal(combine[1], mean) && ir::equal(combine[2], squares);
}

class GeneralRule {
public:
    GeneralRule(const RuleCall& call, std::vector<bool> wanted)
        : call_(call), definition_(call.definition), reduction_(*call.definition.reduction), wanted_(std::move(wanted)),
          count_(definition_.types.size()) {}

    void run(std::vector<Seed>& seeds) {
        std::vector<Ref> adjoints(count_);
        for (std::size_t c = 0; c < count_; ++c) {
            adjoints[c] = wanted_[c] ? call_.adjoint(c) : nullptr;
        }
        std::vector<std::string> dims = definition_.dims;
        std::vector<Ref> values = definition_.values;
        for (std::size_t c = 0; reduction_.where && c < count_; ++c) {
            values[c] = ir::select(reduction_.where, values[c], reduction_.identity[c]);
        }
        const std::size_t levels = reduction_.dims.size();
        for (std::size_t level = 0; level < levels; ++level) {
            dims.push_back(reduction_.dims[level]);
            const bool innermost = level + 1 == levels;
            const std::vector<Ref> elements = innermost ? values : partial(level, dims, values);
            const std::vector<Ref> before = scanned("before", level, dims, elements, false);
            const std::vector<Ref> after = scanned("after", level, dims, elements, true);
            std::vector<Ref> joined;
            for (const Ref& combine : reduction_.combine) {
                joined.push_back(with_states(combine, before, elements));
            }
            const StateFlows outer = through_combine(call_, reduction_.combine, adjoints, joined, after);
            std::vector<Ref> middle(count_);
            for (std::size_t c = 0; c < count_; ++c) {
                middle[c] = settled(outer.left[c]);
            }
            const StateFlows inner = through_combine(call_, reduction_.combine, middle, before, elements);
            for (std::size_t c = 0; c < count_; ++c) {
                adjoints[c] = settled(inner.right[c]);
                if (!innermost && adjoints[c]) {
                    adjoints[c] = stored(level, c, dims, adjoints[c]);
                }
            }
        }
        for (std::size_t c = 0; c < count_; ++c) {
            if (adjoints[c]) {
                seeds.push_back({definition_.values[c], {adjoints[c], nullptr}});
            }
        }
    }

private:
    [[nodiscard]] std::string name(const std::string& role, std::size_t level) const {
        return reduction_.dims.size() == 1 ? call_.helper(role) : fmt::format("{}[{}]", call_.helper(role), level);
    }

    [[nodiscard]] std::vector<Ref> components(const std::string& tensor) const {
        std::vector<Ref> all;
        for (std::size_t c = 0; c < count_; ++c) {
            all.push_back(call_.builder.read(tensor, static_cast<int>(c)));
        }
        return all;
    }

    // What the loops inside the level give together.
    [[nodiscard]] std::vector<Ref> partial(std::size_t level, const std::vector<std::string>& dims,
                                           const std::vector<Ref>& values) const {
        ir::Definition made;
        made.name = name("partial", level);
        made.dims = dims;
        made.types = definition_.types;
        made.values = values;
        made.span = definition_.span;
        ir::Reduction& reduction = made.reduction.emplace();
        reduction.op = ReduceOp::custom;
        reduction.dims.assign(reduction_.dims.begin() + static_cast<std::ptrdiff_t>(level) + 1, reduction_.dims.end());
        reduction.identity = reduction_.identity;
        reduction.combine = reduction_.combine;
        const std::string made_name = made.name;
        call_.builder.add(std::move(made));
        return components(made_name);
    }

    [[nodiscard]] std::vector<Ref> scanned(const std::string& role, std::size_t level,
                                           const std::vector<std::string>& dims, const std::vector<Ref>& values,
                                           bool reversed) const {
        ir::Definition made;
        made.name = name(role, level);
        made.dims = dims;
        made.types = definition_.types;
        made.values = values;
        made.span = definition_.span;
        ir::Scan& scan = made.scan.emplace();
        scan.dim = dims.back();
        scan.reversed = reversed;
        scan.exclusive = true;
        scan.associative = true; // as what a reduction combines by is
        scan.identity = reduction_.identity;
        scan.combine = reduction_.combine;
        const std::string made_name = made.name;
        call_.builder.add(std::move(made));
        return components(made_name);
    }

    [[nodiscard]] Ref stored(std::size_t level, std::size_t component, const std::vector<std::string>& dims,
                             const Ref& value) const {
        ir::Definition made;
        made.name = fmt::format("{}[{}]", call_.helper("flow", component), level);
        made.dims = dims;
        made.types = {value->type};
        made.values = {value};
        made.span = definition_.span;
        const std::string made_name = made.name;
        call_.builder.add(std::move(made));
        return call_.builder.read(made_name);
    }

    const RuleCall& call_;
    const ir::Definition& definition_;
    const ir::Reduction& reduction_;
    std::vector<bool> wanted_;
    std::size_t count_;
};

void moments_rule(const RuleCall& call, std::vector<Seed>& seeds) {
    const Ref& value = call.definition.values[1];
    const Type type = adjoint_type(value->type);
    Ref total;
    if (const Ref mean = call.adjoint(1)) {
        const std::string share = call.helper("share", 1);
        call.map(share, quotient_of(as(type, call.builder.read(call.adjoints[1])),
                                    as(type, call.builder.read(call.definition.name, 0))));
        total = call.here(share);
    }
    if (const Ref squares = call.adjoint(2)) {
        const Ref off = ir::binary(Op::sub, as(type, value), as(type, call.result(1)));
        total = sum_of(total, product_of(scaled(squares, 2), off));
    }
    if (total) {
        seeds.push_back({value, {total, nullptr}});
    }
}

} // namespace

void custom_rule(const RuleCall& call, std::vector<Seed>& seeds) {
    const ir::Definition& definition = call.definition;
    const ir::Reduction& reduction = *definition.reduction;
    if (is_moments(definition)) {
        moments_rule(call, seeds);
        return;
    }
    const std::size_t count = definition.types.size();
    std::vector<bool> general(count, false);
    bool any = false;
    for (std::size_t c = 0; c < count; ++c) {
        const std::optional<ReduceOp> op = simple_op(reduction.combine[c], c);
        if (op) {
            simple_rule(call, *op, c, definition.values[c], seeds);
        } else if (!call.adjoints[c].empty()) {
            general[c] = any = true;
        }
    }
    if (!any) {
        return;
    }
    if (!reduction.into.empty()) {
        call.missing("reduce", "it scatters, and its components are not combined by +, *, min or max each");
        return;
    }
    GeneralRule(call, general).run(seeds);
}

} // namespace coulter::gradient
