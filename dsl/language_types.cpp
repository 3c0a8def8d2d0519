// Literals, casts and what a literal becomes beside a typed operand.

#include "coulter/array.hpp"
#include "language_nodes.hpp"

#include <cmath>
#include <fmt/core.h>
#include <limits>

namespace coulter {
namespace detail {
namespace {

NodeRef literal_node(Literal literal, std::int64_t integer, double real, bool above_i64, SourceLoc loc) {
    ExprNode node;
    node.literal = literal;
    node.integer = integer;
    node.real = real;
    node.above_i64 = above_i64;
    node.loc = loc;
    return finish(std::move(node));
}

NodeRef constant_node(Type type, std::int64_t integer, double real, SourceLoc loc) {
    ExprNode node;
    node.type = type;
    node.integer = integer;
    node.real = real;
    node.loc = loc;
    return finish(std::move(node));
}

std::string range(Type type) {
    if (is_float(type)) {
        return fmt::format("values of {} reach {:.5g}", name(type),
                           round_to(type, type == Type::f64    ? std::numeric_limits<double>::max()
                                          : type == Type::f16  ? 65504.0
                                          : type == Type::bf16 ? 3.3895313892515355e38
                                                               : double(std::numeric_limits<float>::max())));
    }
    if (type == Type::boolean) return "a bool is `true` or `false`";
    return fmt::format("values of {} are {} to {}", name(type), lowest_integer(type), highest_integer(type));
}

struct Fit {
    bool fits = false;
    std::int64_t integer = 0;
    double real = 0;
    std::string why;
};

Fit fit(const ExprNode& literal, Type type) {
    Fit result;
    const bool real_literal = literal.literal == Literal::real;
    if (literal.literal == Literal::boolean || type == Type::boolean) {
        result.fits = literal.literal == Literal::boolean && type == Type::boolean;
        result.integer = literal.integer;
        result.why =
            type == Type::boolean ? range(type) : fmt::format("write a number, or cast: `{}(true)`", name(type));
    } else if (is_float(type)) {
        const double exact = real_literal        ? literal.real
                             : literal.above_i64 ? static_cast<double>(static_cast<std::uint64_t>(literal.integer))
                                                 : static_cast<double>(literal.integer);
        result.real = round_to(type, exact);
        if (real_literal) {
            result.fits = std::isfinite(result.real) || !std::isfinite(literal.real);
            result.why = range(type);
        } else {
            // An integer is meant exactly, and `exact` itself may already be rounded.
            result.fits =
                result.real == exact && std::abs(exact) < 9.2e18 && static_cast<std::int64_t>(exact) == literal.integer;
            result.why = std::isfinite(result.real)
                             ? fmt::format("the nearest {} is {:.17g}; write that, or a literal with a point",
                                           name(type), result.real)
                             : range(type);
        }
    } else if (real_literal) {
        result.why = fmt::format("{} holds whole numbers: write an integer literal, or cast the other operand, as in "
                                 "`f32(x)`",
                                 name(type));
    } else if (type == Type::index) {
        result.fits = !literal.above_i64;
        result.integer = literal.integer;
        result.why = "an index is at most 2^63 - 1";
    } else {
        result.integer = literal.integer;
        result.why = range(type);
        if (literal.above_i64) {
            result.fits = type == Type::u64;
        } else {
            result.fits = literal.integer >= lowest_integer(type) &&
                          (literal.integer < 0 || static_cast<std::uint64_t>(literal.integer) <= highest_integer(type));
        }
    }
    return result;
}

} // namespace

NodeRef literal_integer(std::int64_t value, bool above_i64, SourceLoc loc) {
    return literal_node(Literal::integer, value, 0, above_i64, loc);
}
NodeRef literal_real(double value, SourceLoc loc) {
    return literal_node(Literal::real, 0, value, false, loc);
}
NodeRef literal_bool(bool value, SourceLoc loc) {
    return literal_node(Literal::boolean, value, 0, false, loc);
}

NodeRef coerce(const NodeRef& node, Type type, SourceLoc loc, const std::string& role) {
    if (node->poison) return node;
    if (node->literal != Literal::none) {
        const Fit value = fit(*node, type);
        if (value.fits) return constant_node(type, value.integer, value.real, loc);
        return poison_node(
            {node}, loc,
            {diagnose("L016", loc, fmt::format("{} does not fit {}, the type of {}", describe(*node), name(type), role),
                      value.why)});
    }
    if (node->type == type) return node;
    if (promote(node->type, type) == type) return cast_node(type, node, loc);
    return poison_node(
        {node}, loc,
        {diagnose("L015", loc, fmt::format("{} is {}, and the value given is {}", role, name(type), name(node->type)),
                  fmt::format("say what is meant with a cast: `{}(...)`", name(type)))});
}

NodeRef cast_node(Type type, const NodeRef& node, SourceLoc loc) {
    ExprNode cast;
    cast.kind = ir::Kind::cast;
    cast.type = type;
    cast.args = {node};
    cast.loc = loc;
    return finish(std::move(cast));
}

NodeRef require_type(const NodeRef& node, SourceLoc loc) {
    if (node->literal == Literal::none || node->poison) return node;
    return poison_node(
        {node}, loc,
        {diagnose("L017", loc, fmt::format("{} has no type here: no operand beside it says one", describe(*node)),
                  "write the type as a cast, such as `f32(1)`")});
}

} // namespace detail

Expr cast(Type type, const Expr& value) {
    using namespace detail;
    const SourceLoc loc = value.loc();
    const NodeRef& node = value.node();
    if (node->literal != Literal::none) {
        if (node->literal == Literal::boolean && type != Type::boolean && type != Type::index) {
            return {constant_node(type, is_float(type) ? 0 : node->integer, is_float(type) ? double(node->integer) : 0,
                                  loc),
                    loc};
        }
        return {coerce(node, type, loc, "the cast"), loc};
    }
    if (node->poison || node->type == type) return value;
    if (type == Type::index && !is_integer(node->type)) {
        const bool real = is_float(node->type);
        return {poison_node(
                    {node}, loc,
                    {diagnose("L018", loc, fmt::format("`index` takes an integer, and {} was given", name(node->type)),
                              real ? "round it first: `index(i32(floor(x)))`"
                                   : "turn the bool into a number first: `index(i32(c))`")}),
                loc};
    }
    return {cast_node(type, node, loc), loc};
}

Expr TypeObject::operator()(const Expr& value) const {
    return cast(type_, value);
}
Expr index(const Expr& value) {
    return cast(Type::index, value);
}

Expr infinity(Type type, SourceLoc loc) {
    return {detail::coerce(detail::literal_real(std::numeric_limits<double>::infinity(), loc), type, loc, "`infinity`"),
            loc};
}

Expr nan(Type type, SourceLoc loc) {
    return {detail::coerce(detail::literal_real(std::numeric_limits<double>::quiet_NaN(), loc), type, loc, "`nan`"),
            loc};
}

} // namespace coulter
