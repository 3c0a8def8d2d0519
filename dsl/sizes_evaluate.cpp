// Values of expressions over extents.

#include "coulter/sizes.hpp"

namespace coulter {
namespace {

using ir::Kind;
using ir::Op;

std::optional<std::int64_t> floor_div(std::int64_t a, std::int64_t b) {
    if (b == 0) return 0;
    if (b == -1) {
        std::int64_t negated = 0;
        if (__builtin_sub_overflow(std::int64_t{0}, a, &negated)) return std::nullopt;
        return negated;
    }
    const std::int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

std::optional<std::int64_t> binary(Op op, std::int64_t a, std::int64_t b) {
    std::int64_t result = 0;
    switch (op) {
    case Op::add: return __builtin_add_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Op::sub: return __builtin_sub_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Op::mul: return __builtin_mul_overflow(a, b, &result) ? std::nullopt : std::optional(result);
    case Op::div: return floor_div(a, b);
    case Op::mod: {
        if (b == 0 || b == -1) return 0;
        const std::int64_t rest = a % b;
        return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    case Op::min: return a < b ? a : b;
    case Op::max: return a < b ? b : a;
    case Op::eq: return a == b;
    case Op::ne: return a != b;
    case Op::lt: return a < b;
    case Op::le: return a <= b;
    case Op::gt: return a > b;
    case Op::ge: return a >= b;
    case Op::logical_and: return a != 0 && b != 0;
    case Op::logical_or: return a != 0 || b != 0;
    default: return std::nullopt;
    }
}

} // namespace

std::optional<std::int64_t> evaluate(const ir::Ref& expression, const std::map<std::string, std::int64_t>& extents) {
    std::unordered_map<const ir::Node*, std::optional<std::int64_t>> values;
    for (const ir::Node* node : ir::postorder({expression})) {
        std::optional<std::int64_t>& value = values[node];
        const auto arg = [&](std::size_t i) { return values.at(node->args[i].get()); };
        if (node->kind == Kind::constant && !is_float(node->type)) {
            value = node->integer;
        } else if (node->kind == Kind::extent) {
            const auto at = extents.find(node->name);
            if (at != extents.end()) value = at->second;
        } else if (node->kind == Kind::unary && arg(0)) {
            if (node->op == Op::neg) value = binary(Op::sub, 0, *arg(0));
            if (node->op == Op::logical_not) value = *arg(0) == 0;
        } else if (node->kind == Kind::binary && arg(0) && arg(1)) {
            value = binary(node->op, *arg(0), *arg(1));
        } else if (node->kind == Kind::select && arg(0)) {
            value = *arg(0) != 0 ? arg(1) : arg(2);
        }
    }
    return values.at(expression.get());
}

std::map<std::string, std::int64_t> resolve_extents(const ir::Kernel& kernel, const Sizes& sizes,
                                                    const std::map<std::string, std::int64_t>& given) {
    std::map<std::string, std::int64_t> extents;
    for (const std::string& dim : sizes.order) {
        const ExtentRule& rule = sizes.rules.at(dim);
        if (rule.value) {
            if (const auto value = evaluate(rule.value, extents)) extents[dim] = *value;
        } else if (const auto at = given.find(dim); at != given.end()) {
            extents[dim] = at->second;
        } else if (const auto typical = kernel.estimates.find(dim); typical != kernel.estimates.end()) {
            extents[dim] = typical->second;
        }
    }
    return extents;
}

} // namespace coulter
