// Conversion of index expressions to polynomials and back.

#include "sizes_poly.hpp"

#include "coulter/sizes.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>

namespace coulter {
namespace detail {
namespace {

constexpr std::size_t most_terms = 64;
constexpr std::size_t longest_key = 2000;

std::string text_of(const Poly& poly) {
    std::string text;
    for (const auto& [monomial, coefficient] : poly.terms) {
        text += fmt::format("{}{}{}", text.empty() ? "" : "+", coefficient, monomial.empty() ? "" : "*");
        text += fmt::format("{}", fmt::join(monomial, "*"));
    }
    return text.empty() ? "0" : text;
}

std::int64_t floor_divide(std::int64_t a, std::int64_t b) {
    const std::int64_t quotient = a / b;
    return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

bool add_term(Poly& poly, const Monomial& monomial, std::int64_t coefficient) {
    std::int64_t& slot = poly.terms[monomial];
    if (__builtin_add_overflow(slot, coefficient, &slot)) return false;
    if (slot == 0) poly.terms.erase(monomial);
    return poly.terms.size() <= most_terms;
}

} // namespace

bool Poly::is_constant() const {
    return terms.empty() || (terms.size() == 1 && terms.begin()->first.empty());
}

std::int64_t Poly::constant() const {
    const auto at = terms.find({});
    return at == terms.end() ? 0 : at->second;
}

Poly Polys::constant(std::int64_t value) {
    Poly poly;
    if (value != 0) poly.terms[{}] = value;
    return poly;
}

std::optional<Poly> Polys::add(const Poly& a, const Poly& b, std::int64_t times_b) {
    Poly sum = a;
    for (const auto& [monomial, coefficient] : b.terms) {
        std::int64_t scaled = 0;
        if (__builtin_mul_overflow(coefficient, times_b, &scaled)) return std::nullopt;
        if (scaled != 0 && !add_term(sum, monomial, scaled)) return std::nullopt;
    }
    return sum;
}

std::optional<Poly> Polys::multiply(const Poly& a, const Poly& b) {
    Poly product;
    for (const auto& [x, cx] : a.terms) {
        for (const auto& [y, cy] : b.terms) {
            Monomial both = x;
            both.insert(both.end(), y.begin(), y.end());
            std::sort(both.begin(), both.end());
            std::int64_t coefficient = 0;
            if (__builtin_mul_overflow(cx, cy, &coefficient)) return std::nullopt;
            if (!add_term(product, both, coefficient)) return std::nullopt;
        }
    }
    return product;
}

Poly Polys::single(const std::string& key, Atom atom) {
    atoms_.try_emplace(key, std::make_shared<const Atom>(std::move(atom)));
    Poly poly;
    poly.terms[{key}] = 1;
    return poly;
}

Poly Polys::opaque(const ir::Ref& node) {
    Atom atom;
    atom.node = node;
    return single(fmt::format("z{}", opaque_count_++), std::move(atom));
}

Poly Polys::dim(const std::string& name) {
    Atom atom;
    atom.kind = Atom::Kind::dim;
    atom.name = name;
    return single("d:" + name, std::move(atom));
}

Poly Polys::extent(const std::string& name) {
    Atom atom;
    atom.kind = Atom::Kind::extent;
    atom.name = name;
    return single("e:" + name, std::move(atom));
}

Poly Polys::floor_div(const Poly& a, std::int64_t divisor) {
    if (divisor == 1) return a;
    // floor((d*q + r) / d) = q + floor(r / d): multiples leave the division.
    Poly whole;
    Poly rest;
    for (const auto& [monomial, coefficient] : a.terms) {
        const std::int64_t quotient = floor_divide(coefficient, divisor);
        const std::int64_t remainder = coefficient - quotient * divisor;
        if (monomial.empty() || remainder == 0) {
            if (quotient != 0) whole.terms[monomial] = quotient;
            if (remainder != 0) rest.terms[monomial] = remainder;
        } else {
            rest.terms[monomial] = coefficient;
        }
    }
    if (rest.is_constant()) return whole;
    Atom atom;
    atom.kind = Atom::Kind::div;
    atom.a = rest;
    atom.divisor = divisor;
    const std::optional<Poly> sum =
        add(whole, single(fmt::format("q({})/{}", text_of(rest), divisor), std::move(atom)));
    COULTER_INTERNAL_ASSERT(sum.has_value() || whole.terms.size() == most_terms);
    return sum.value_or(Poly{});
}

Poly Polys::extreme(bool max, const Poly& a, const Poly& b, const ir::Ref& node) {
    const std::optional<Poly> difference = add(a, b, -1);
    if (difference && difference->is_constant()) {
        return (difference->constant() >= 0) == max ? a : b;
    }
    const std::string x = text_of(a);
    const std::string y = text_of(b);
    if (x.size() + y.size() > longest_key) return opaque(node);
    Atom atom;
    atom.kind = max ? Atom::Kind::max : Atom::Kind::min;
    atom.a = x < y ? a : b;
    atom.b = x < y ? b : a;
    return single(fmt::format("{}({},{})", max ? "max" : "min", std::min(x, y), std::max(x, y)), std::move(atom));
}

Poly Polys::convert_node(const ir::Ref& node) {
    using ir::Kind;
    using ir::Op;
    const auto arg = [&](std::size_t i) -> const Poly& { return memo_.at(node->args[i].get()); };
    const auto or_opaque = [&](std::optional<Poly> poly) { return poly ? *std::move(poly) : opaque(node); };
    switch (node->kind) {
    case Kind::constant: return node->type == Type::index ? constant(node->integer) : opaque(node);
    case Kind::dim: return dim(node->name);
    case Kind::extent: return extent(node->name);
    case Kind::unary:
        return node->op == Op::neg && node->type == Type::index ? or_opaque(add({}, arg(0), -1)) : opaque(node);
    case Kind::select: {
        if (node->type != Type::index) return opaque(node);
        if (arg(1) == arg(2)) return arg(1);
        const std::string x = text_of(arg(1));
        const std::string y = text_of(arg(2));
        if (x.size() + y.size() > longest_key) return opaque(node);
        Atom atom;
        atom.kind = Atom::Kind::select;
        atom.a = arg(1);
        atom.b = arg(2);
        atom.node = node->args[0];
        return single(fmt::format("select{}({},{})", opaque_count_++, x, y), std::move(atom));
    }
    case Kind::cast: {
        if (node->type != Type::index) return opaque(node);
        const Type from = node->args[0]->type;
        if (!is_integer(from) || bits(from) > 16) return opaque(node);
        Atom atom;
        atom.kind = Atom::Kind::bounded;
        atom.low = lowest_integer(from);
        atom.high = static_cast<std::int64_t>(highest_integer(from));
        atom.node = node;
        return single(fmt::format("cast{}", opaque_count_++), std::move(atom));
    }
    case Kind::binary: break;
    default: return opaque(node);
    }
    if (node->type != Type::index) return opaque(node);
    switch (node->op) {
    case Op::add: return or_opaque(add(arg(0), arg(1)));
    case Op::sub: return or_opaque(add(arg(0), arg(1), -1));
    case Op::mul: return or_opaque(multiply(arg(0), arg(1)));
    case Op::min: return extreme(false, arg(0), arg(1), node);
    case Op::max: return extreme(true, arg(0), arg(1), node);
    case Op::div:
    case Op::mod: {
        const bool usable = arg(1).is_constant() && arg(1).constant() >= 1 && arg(0).terms.size() < most_terms / 2 &&
                            text_of(arg(0)).size() < longest_key;
        if (!usable) {
            // A divisor of 0 gives 0.
            return arg(1).is_constant() && arg(1).constant() == 0 ? Poly{} : opaque(node);
        }
        const std::int64_t divisor = arg(1).constant();
        if (node->op == Op::div) return floor_div(arg(0), divisor);
        Poly rest;
        for (const auto& [monomial, coefficient] : arg(0).terms) {
            const std::int64_t remainder = coefficient - floor_divide(coefficient, divisor) * divisor;
            if (remainder != 0) rest.terms[monomial] = remainder;
        }
        if (rest.is_constant()) return rest;
        Atom atom;
        atom.kind = Atom::Kind::mod;
        atom.a = rest;
        atom.divisor = divisor;
        return single(fmt::format("r({})%{}", text_of(rest), divisor), std::move(atom));
    }
    default: return opaque(node);
    }
}

Poly Polys::convert(const ir::Ref& expression) {
    kept_.push_back(expression);
    std::unordered_map<const ir::Node*, ir::Ref> owners{{expression.get(), expression}};
    const std::vector<const ir::Node*> order = ir::postorder({expression});
    for (const ir::Node* node : order) {
        for (const ir::Ref& arg : node->args) {
            owners.emplace(arg.get(), arg);
        }
    }
    for (const ir::Node* node : order) {
        if (!memo_.contains(node)) {
            Poly poly = convert_node(owners.at(node));
            memo_.emplace(node, std::move(poly));
        }
    }
    return memo_.at(expression.get());
}

ir::Ref Polys::rebuild_atom(const Atom& atom) const {
    switch (atom.kind) {
    case Atom::Kind::dim: return ir::dim_node(atom.name);
    case Atom::Kind::extent: return ir::extent_node(atom.name);
    case Atom::Kind::div: return ir::binary(ir::Op::div, rebuild(atom.a), ir::index_constant(atom.divisor));
    case Atom::Kind::mod: return ir::binary(ir::Op::mod, rebuild(atom.a), ir::index_constant(atom.divisor));
    case Atom::Kind::min: return ir::binary(ir::Op::min, rebuild(atom.a), rebuild(atom.b));
    case Atom::Kind::max: return ir::binary(ir::Op::max, rebuild(atom.a), rebuild(atom.b));
    case Atom::Kind::select: return ir::select(atom.node, rebuild(atom.a), rebuild(atom.b));
    case Atom::Kind::bounded:
    case Atom::Kind::opaque: break;
    }
    return atom.node;
}

ir::Ref Polys::rebuild(const Poly& poly) const {
    // Positive terms first, the constant last: `extent(iy) - 3`. Nesting is bounded by the keys' length.
    ir::Ref sum;
    const auto append = [&](ir::Ref term, bool negative) {
        if (!sum) {
            sum = negative ? ir::unary(ir::Op::neg, std::move(term)) : std::move(term);
        } else {
            sum = ir::binary(negative ? ir::Op::sub : ir::Op::add, std::move(sum), std::move(term));
        }
    };
    for (const bool negative : {false, true}) {
        for (const auto& [monomial, coefficient] : poly.terms) {
            if (monomial.empty() || (coefficient < 0) != negative) continue;
            ir::Ref product;
            // The magnitude of the lowest value has no positive counterpart; it stays a signed factor.
            const bool lowest = coefficient == std::numeric_limits<std::int64_t>::min();
            const std::int64_t magnitude = coefficient < 0 && !lowest ? -coefficient : coefficient;
            if (magnitude != 1) product = ir::index_constant(magnitude);
            for (const std::string& key : monomial) {
                ir::Ref factor = rebuild_atom(*atoms_.at(key));
                product = product ? ir::binary(ir::Op::mul, std::move(product), std::move(factor)) : std::move(factor);
            }
            append(std::move(product), negative && !lowest);
        }
    }
    const std::int64_t rest = poly.constant();
    if (!sum) return ir::index_constant(rest);
    if (rest > 0 || rest == std::numeric_limits<std::int64_t>::min())
        append(ir::index_constant(rest), false);
    else if (rest < 0)
        append(ir::index_constant(-rest), true);
    return sum;
}

} // namespace detail

ir::Ref simplify_index(const ir::Ref& expression) {
    if (!expression || expression->type != Type::index) return expression;
    detail::Polys polys;
    return polys.rebuild(polys.convert(expression));
}

} // namespace coulter
