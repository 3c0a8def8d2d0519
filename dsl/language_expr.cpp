// Operators and mathematics: types of operands and results.

#include "language_nodes.hpp"

#include <fmt/core.h>
#include <limits>

namespace coulter {
namespace {

using namespace detail;
using ir::Kind;
using ir::Op;

NodeRef operation(Kind kind, Op op, Type type, std::vector<NodeRef> args, SourceLoc loc) {
    ExprNode node;
    node.kind = kind;
    node.op = op;
    node.type = type;
    node.args = std::move(args);
    node.loc = loc;
    return finish(std::move(node));
}

enum class Family : std::uint8_t { real, integer, index, boolean };

Family family(Type type) {
    return is_float(type)          ? Family::real
           : type == Type::index   ? Family::index
           : type == Type::boolean ? Family::boolean
                                   : Family::integer;
}

bool is_comparison(Op op) {
    return op >= Op::eq && op <= Op::ge;
}

bool legal(Op op, Family f) {
    switch (op) {
    case Op::logical_not:
    case Op::logical_and:
    case Op::logical_or: return f == Family::boolean;
    case Op::eq:
    case Op::ne: return true;
    case Op::bit_not:
    case Op::bit_and:
    case Op::bit_or:
    case Op::bit_xor:
    case Op::shl:
    case Op::shr: return f == Family::integer;
    case Op::mod: return f == Family::integer || f == Family::index;
    case Op::abs: return f != Family::boolean;
    default: return op < Op::abs ? f != Family::boolean : f == Family::real;
    }
}

std::string takes(Op op, Type given) {
    const std::string type(name(given));
    switch (op) {
    case Op::logical_not:
    case Op::logical_and:
    case Op::logical_or: return "it takes bool: write a comparison, such as `x != 0`";
    case Op::bit_not:
    case Op::bit_and:
    case Op::bit_or:
    case Op::bit_xor:
    case Op::shl:
    case Op::shr:
        return given == Type::boolean ? "it takes integers: `&&`, `||` and `!` combine conditions"
                                      : "it takes i8 to i64 and u8 to u64: cast, such as `i32(x)`";
    case Op::mod: return "it takes integers and indices: for floats write `x - floor(x / y) * y`";
    default: break;
    }
    if (op < Op::abs || op == Op::abs) return "it takes numbers: cast, such as `i32(c)`, or use `select`";
    return "it takes f64, f32, f16 and bf16: cast, such as `f32(x)`";
}

std::optional<Diagnostic> check_family(Op op, Type type, SourceLoc loc) {
    if (legal(op, family(type))) return std::nullopt;
    return diagnose("L018", loc, fmt::format("`{}` does not take {}", ir::name(op), name(type)), takes(op, type));
}

// All operands in one type, or a poisoned node.
struct Operands {
    std::vector<NodeRef> nodes;
    Type type = Type::index;
    NodeRef wrong;
};

Operands unify(const std::string& what, const std::vector<NodeRef>& given, SourceLoc loc) {
    Operands result;
    std::optional<Type> common;
    for (const NodeRef& node : given) {
        if (node->poison) {
            result.wrong = poison_node(given, loc, {});
            return result;
        }
        if (node->literal != Literal::none) continue;
        const std::optional<Type> wider = common ? promote(*common, node->type) : node->type;
        if (!wider) {
            std::string help;
            const bool with_index = *common == Type::index || node->type == Type::index;
            const Type other = *common == Type::index ? node->type : *common;
            if (with_index && is_integer(other)) {
                help = fmt::format("`index(...)` turns the value into an index, `{}(...)` the index into a value",
                                   name(other));
            } else {
                help = fmt::format("cast one of them: `{}(...)` or `{}(...)`", name(*common), name(node->type));
                if (with_index) help = fmt::format("cast the index: `{}(...)`", name(other));
            }
            result.wrong = poison_node(given, loc,
                                       {diagnose("L015", loc,
                                                 fmt::format("{} has operands of type {} and {}, which have "
                                                             "no common type",
                                                             what, name(*common), name(node->type)),
                                                 help)});
            return result;
        }
        common = wider;
    }
    if (!common) {
        result.wrong = require_type(given.front(), loc);
        return result;
    }
    result.type = *common;
    for (const NodeRef& node : given) {
        result.nodes.push_back(coerce(node, *common, loc, "the other operand of " + what));
        if (result.nodes.back()->poison) {
            result.wrong = poison_node(result.nodes, loc, {});
            return result;
        }
    }
    return result;
}

// The first operand's line; in a library function rather a line of the function than that of its caller.
SourceLoc place(const Expr& a, const Expr& b) {
    const GroupRef& group = current_group();
    const bool caller = group && a.loc().line == group->call.line && std::string_view(a.loc().file) == group->call.file;
    return caller ? b.loc() : a.loc();
}

Expr binary(Op op, const Expr& a, const Expr& b) {
    const SourceLoc loc = place(a, b);
    const std::string what = fmt::format("`{}`", ir::name(op));
    const Operands operands = unify(what, {a.node(), b.node()}, loc);
    if (operands.wrong) return {operands.wrong, loc};
    if (auto problem = check_family(op, operands.type, loc)) {
        return {poison_node(operands.nodes, loc, {std::move(*problem)}), loc};
    }
    const bool gives_bool = is_comparison(op) || op == Op::logical_and || op == Op::logical_or;
    return {operation(Kind::binary, op, gives_bool ? Type::boolean : operands.type, operands.nodes, loc), loc};
}

Expr call(Op op, const std::vector<Expr>& args) {
    const SourceLoc loc = args.front().loc();
    std::vector<NodeRef> nodes;
    for (const Expr& arg : args) {
        nodes.push_back(arg.node());
    }
    const Operands operands = unify(fmt::format("`{}`", ir::name(op)), nodes, loc);
    if (operands.wrong) return {operands.wrong, loc};
    if (auto problem = check_family(op, operands.type, loc)) {
        return {poison_node(operands.nodes, loc, {std::move(*problem)}), loc};
    }
    const bool gives_bool = op == Op::is_nan || op == Op::is_inf || op == Op::is_finite;
    return {operation(Kind::call, op, gives_bool ? Type::boolean : operands.type, operands.nodes, loc), loc};
}

Expr unary(Op op, const Expr& a) {
    const ExprNode& node = *a.node();
    if (op == Op::neg && node.literal == Literal::integer && !node.above_i64 &&
        node.integer != std::numeric_limits<std::int64_t>::min()) {
        return {literal_integer(-node.integer, false, a.loc()), a.loc()};
    }
    if (op == Op::neg && node.literal == Literal::real) return {literal_real(-node.real, a.loc()), a.loc()};
    if (op == Op::neg && node.kind == Kind::constant && is_float(node.type) && node.literal == Literal::none) {
        // So that `-infinity(f32)` is a constant, as an identity has to be.
        ExprNode negated = node;
        negated.real = -node.real;
        return {finish(std::move(negated)), a.loc()};
    }
    const NodeRef typed = require_type(a.node(), a.loc());
    if (typed->poison) return {typed, a.loc()};
    if (auto problem = check_family(op, typed->type, a.loc())) {
        return {poison_node({typed}, a.loc(), {std::move(*problem)}), a.loc()};
    }
    return {operation(Kind::unary, op, op == Op::logical_not ? Type::boolean : typed->type, {typed}, a.loc()), a.loc()};
}

} // namespace

Expr::Expr(const Dim& dim, SourceLoc loc) : loc_(loc) {
    ExprNode node;
    node.kind = Kind::dim;
    node.dim = dim.state();
    node.loc = loc;
    node_ = finish(std::move(node));
}

std::vector<Dim> Expr::dims() const {
    std::vector<Dim> list;
    for (const DimRef& dim : *node_->free) {
        list.emplace_back(dim);
    }
    return list;
}

std::optional<Type> Expr::type() const {
    if (node_->poison || node_->literal != Literal::none) return std::nullopt;
    return node_->type;
}

Expr extent(const Dim& dim, SourceLoc loc) {
    ExprNode node;
    node.kind = Kind::extent;
    node.dim = dim.state();
    node.loc = loc;
    return {finish(std::move(node)), loc};
}

Expr operator-(const Expr& a) {
    return unary(Op::neg, a);
}
Expr operator!(const Expr& a) {
    return unary(Op::logical_not, a);
}
Expr operator~(const Expr& a) {
    return unary(Op::bit_not, a);
}
Expr operator+(const Expr& a, const Expr& b) {
    return binary(Op::add, a, b);
}
Expr operator-(const Expr& a, const Expr& b) {
    return binary(Op::sub, a, b);
}
Expr operator*(const Expr& a, const Expr& b) {
    return binary(Op::mul, a, b);
}
Expr operator/(const Expr& a, const Expr& b) {
    return binary(Op::div, a, b);
}
Expr operator%(const Expr& a, const Expr& b) {
    return binary(Op::mod, a, b);
}
Expr operator==(const Expr& a, const Expr& b) {
    return binary(Op::eq, a, b);
}
Expr operator!=(const Expr& a, const Expr& b) {
    return binary(Op::ne, a, b);
}
Expr operator<(const Expr& a, const Expr& b) {
    return binary(Op::lt, a, b);
}
Expr operator<=(const Expr& a, const Expr& b) {
    return binary(Op::le, a, b);
}
Expr operator>(const Expr& a, const Expr& b) {
    return binary(Op::gt, a, b);
}
Expr operator>=(const Expr& a, const Expr& b) {
    return binary(Op::ge, a, b);
}
Expr operator&&(const Expr& a, const Expr& b) {
    return binary(Op::logical_and, a, b);
}
Expr operator||(const Expr& a, const Expr& b) {
    return binary(Op::logical_or, a, b);
}
Expr operator&(const Expr& a, const Expr& b) {
    return binary(Op::bit_and, a, b);
}
Expr operator|(const Expr& a, const Expr& b) {
    return binary(Op::bit_or, a, b);
}
Expr operator^(const Expr& a, const Expr& b) {
    return binary(Op::bit_xor, a, b);
}
Expr operator<<(const Expr& a, const Expr& b) {
    return binary(Op::shl, a, b);
}
Expr operator>>(const Expr& a, const Expr& b) {
    return binary(Op::shr, a, b);
}

Expr min(const Expr& a, const Expr& b) {
    return binary(Op::min, a, b);
}
Expr max(const Expr& a, const Expr& b) {
    return binary(Op::max, a, b);
}
Expr clamp(const Expr& x, const Expr& low, const Expr& high) {
    return min(max(x, low), high);
}

Expr select(const Expr& condition, const Expr& yes, const Expr& no) {
    const SourceLoc loc = condition.loc();
    const NodeRef test = coerce(condition.node(), Type::boolean, loc, "the condition of `select`");
    const Operands operands = unify("`select`", {yes.node(), no.node()}, loc);
    if (operands.wrong || test->poison) {
        const NodeRef rest = operands.wrong ? operands.wrong : operands.nodes.front();
        return {poison_node({test, rest, yes.node(), no.node()}, loc, {}), loc};
    }
    return {operation(Kind::select, Op::none, operands.type, {test, operands.nodes[0], operands.nodes[1]}, loc), loc};
}

Expr abs(const Expr& x) {
    // The IR has `abs` for values only.
    return x.type() == Type::index ? max(x, -x) : call(Op::abs, {x});
}

Expr sqrt(const Expr& x) {
    return call(Op::sqrt, {x});
}
Expr rsqrt(const Expr& x) {
    return Expr(1, x.loc()) / sqrt(x);
}
Expr exp(const Expr& x) {
    return call(Op::exp, {x});
}
Expr log(const Expr& x) {
    return call(Op::log, {x});
}
Expr log1p(const Expr& x) {
    return call(Op::log1p, {x});
}
Expr expm1(const Expr& x) {
    return call(Op::expm1, {x});
}
Expr sin(const Expr& x) {
    return call(Op::sin, {x});
}
Expr cos(const Expr& x) {
    return call(Op::cos, {x});
}
Expr tan(const Expr& x) {
    return call(Op::tan, {x});
}
Expr asin(const Expr& x) {
    return call(Op::asin, {x});
}
Expr acos(const Expr& x) {
    return call(Op::acos, {x});
}
Expr atan(const Expr& x) {
    return call(Op::atan, {x});
}
Expr atan2(const Expr& y, const Expr& x) {
    return call(Op::atan2, {y, x});
}
Expr sinh(const Expr& x) {
    return call(Op::sinh, {x});
}
Expr cosh(const Expr& x) {
    return call(Op::cosh, {x});
}
Expr tanh(const Expr& x) {
    return call(Op::tanh, {x});
}
Expr erf(const Expr& x) {
    return call(Op::erf, {x});
}
Expr sigmoid(const Expr& x) {
    return call(Op::sigmoid, {x});
}
Expr floor(const Expr& x) {
    return call(Op::floor, {x});
}
Expr ceil(const Expr& x) {
    return call(Op::ceil, {x});
}
Expr round(const Expr& x) {
    return call(Op::round, {x});
}
Expr trunc(const Expr& x) {
    return call(Op::trunc, {x});
}
Expr pow(const Expr& x, const Expr& y) {
    return call(Op::pow, {x, y});
}
Expr fma(const Expr& a, const Expr& b, const Expr& c) {
    return call(Op::fma, {a, b, c});
}
Expr is_nan(const Expr& x) {
    return call(Op::is_nan, {x});
}
Expr is_inf(const Expr& x) {
    return call(Op::is_inf, {x});
}
Expr is_finite(const Expr& x) {
    return call(Op::is_finite, {x});
}
Expr stop_gradient(const Expr& x) {
    return call(Op::stop_gradient, {x});
}

} // namespace coulter
