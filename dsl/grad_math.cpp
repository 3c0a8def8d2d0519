#include "grad_math.hpp"

#include "coulter/array.hpp"

#include <cmath>

namespace coulter::gradient {

using ir::Kind;
using ir::Op;
using ir::Ref;

Type adjoint_type(Type type) {
    return type == Type::f16 || type == Type::bf16 ? Type::f32 : type;
}

Ref as(Type type, const Ref& value) {
    if (!value || value->type == type) {
        return value;
    }
    return value->kind == Kind::constant && is_float(value->type) && is_float(type)
               ? ir::real_constant(type, value->real)
               : ir::cast(type, value);
}

bool is_constant(const Ref& value, double wanted) {
    return value && value->kind == Kind::constant && is_float(value->type) && value->real == wanted &&
           std::signbit(value->real) == std::signbit(wanted);
}

Ref sum_of(const Ref& a, const Ref& b) {
    if (!a || !b) {
        return a ? a : b;
    }
    if (b->kind == Kind::unary && b->op == Op::neg) {
        return ir::binary(Op::sub, a, b->args[0]);
    }
    if (a->kind == Kind::unary && a->op == Op::neg) {
        return ir::binary(Op::sub, b, a->args[0]);
    }
    return ir::binary(Op::add, a, b);
}

Ref negated(const Ref& a) {
    if (!a) {
        return a;
    }
    if (a->kind == Kind::constant) {
        return ir::real_constant(a->type, -a->real);
    }
    if (a->kind == Kind::unary && a->op == Op::neg) {
        return a->args[0];
    }
    // `-(g * c)` with a constant is `g * -c`.
    if (a->kind == Kind::binary && a->op == Op::mul && a->args[1]->kind == Kind::constant) {
        return ir::binary(Op::mul, a->args[0], ir::real_constant(a->type, -a->args[1]->real));
    }
    return ir::unary(Op::neg, a);
}

Ref product_of(const Ref& a, const Ref& b) {
    if (!a || !b) {
        return nullptr;
    }
    for (const auto& [one, other] : {std::pair(a, b), std::pair(b, a)}) {
        if (is_constant(one, 1)) {
            return other;
        }
        if (is_constant(one, -1)) {
            return negated(other);
        }
    }
    if (a->kind == Kind::constant && b->kind == Kind::constant) {
        return ir::real_constant(a->type, a->real * b->real);
    }
    // The sign goes outside, where a sum takes it.
    if (a->kind == Kind::unary && a->op == Op::neg) {
        return negated(product_of(a->args[0], b));
    }
    if (b->kind == Kind::unary && b->op == Op::neg) {
        return negated(product_of(a, b->args[0]));
    }
    return a->kind == Kind::constant ? ir::binary(Op::mul, b, a) : ir::binary(Op::mul, a, b);
}

Ref quotient_of(const Ref& a, const Ref& b) {
    if (!a || is_constant(b, 1)) {
        return a;
    }
    if (a->kind == Kind::unary && a->op == Op::neg) {
        return negated(quotient_of(a->args[0], b));
    }
    return ir::binary(Op::div, a, b);
}

Ref scaled(const Ref& a, double factor) {
    return a ? product_of(a, ir::real_constant(a->type, factor)) : a;
}

Ref both(const Ref& a, const Ref& b) {
    if (!a || !b || ir::equal(a, b)) {
        return a ? a : b;
    }
    return ir::binary(Op::logical_and, a, b);
}

Ref either(const Ref& a, const Ref& b) {
    if (!a || !b || ir::equal(a, inverse(b)) || ir::equal(inverse(a), b)) {
        return nullptr;
    }
    return ir::equal(a, b) ? a : ir::binary(Op::logical_or, a, b);
}

Ref inverse(const Ref& condition) {
    if (condition->kind == Kind::unary && condition->op == Op::logical_not) {
        return condition->args[0];
    }
    return ir::unary(Op::logical_not, condition);
}

Ref masked(const Ref& condition, const Ref& value) {
    return !condition || !value ? value : ir::select(condition, value, zero(value->type));
}

std::vector<Ref> conjuncts(const Ref& condition) {
    std::vector<Ref> parts;
    std::vector<Ref> open;
    if (condition) {
        open.push_back(condition);
    }
    while (!open.empty()) {
        const Ref next = open.back();
        open.pop_back();
        if (next->kind == Kind::binary && next->op == Op::logical_and) {
            open.push_back(next->args[1]);
            open.push_back(next->args[0]);
        } else {
            parts.push_back(next);
        }
    }
    return parts;
}

Ref zero(Type type) {
    return ir::real_constant(type, 0);
}

namespace {

std::optional<bool> truth(const Ref& condition) {
    if (condition->kind == Kind::constant) {
        return condition->integer != 0;
    }
    return std::nullopt;
}

std::optional<bool> compared(Op op, std::int64_t a, std::int64_t b) {
    switch (op) {
    case Op::eq: return a == b;
    case Op::ne: return a != b;
    case Op::lt: return a < b;
    case Op::le: return a <= b;
    case Op::gt: return a > b;
    case Op::ge: return a >= b;
    default: return std::nullopt;
    }
}

Ref folded_condition(const ir::Node& node, const std::vector<Ref>& args) {
    if (node.kind == Kind::unary && node.op == Op::logical_not) {
        const std::optional<bool> known = truth(args[0]);
        return known ? ir::bool_constant(!*known) : nullptr;
    }
    if (node.kind != Kind::binary) {
        return nullptr;
    }
    if (node.op == Op::logical_and || node.op == Op::logical_or) {
        const bool decides = node.op == Op::logical_or; // the result where one of both is so
        for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
            if (const std::optional<bool> known = truth(args[i])) {
                return *known == decides ? ir::bool_constant(decides) : args[1 - i];
            }
        }
        return nullptr;
    }
    const bool are_constant = args[0]->kind == Kind::constant && args[1]->kind == Kind::constant;
    const std::optional<bool> holds = are_constant && args[0]->type == Type::index
                                          ? compared(node.op, args[0]->integer, args[1]->integer)
                                          : std::nullopt;
    return holds ? ir::bool_constant(*holds) : nullptr;
}

} // namespace

Ref folded(const Ref& value) {
    ir::RewriteMemo memo;
    return ir::rewrite(
        value,
        [](const ir::Node& node, const std::vector<Ref>& args) -> Ref {
            if (node.type == Type::boolean) {
                return folded_condition(node, args);
            }
            if (node.kind == Kind::select) {
                const std::optional<bool> holds = truth(args[0]);
                return holds ? args[*holds ? 1 : 2] : nullptr;
            }
            if (node.kind == Kind::binary && node.op == Op::add) {
                return is_constant(args[0], 0) ? args[1] : is_constant(args[1], 0) ? args[0] : nullptr;
            }
            return nullptr;
        },
        memo);
}

} // namespace coulter::gradient
