// Equations `index = element` with integer coefficients, solved one after the other.

#include "grad_inverter.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <numeric>
#include <tuple>

namespace coulter::gradient {
namespace {

using detail::Atom;
using detail::Poly;
using ir::Kind;
using ir::Op;
using ir::Ref;

/// The number whose product with `a` leaves 1 modulo `m`; \pre they have no common factor.
std::int64_t inverse_modulo(std::int64_t a, std::int64_t m) {
    std::int64_t r0 = m, r1 = ((a % m) + m) % m, t0 = 0, t1 = 1;
    while (r1 != 0) {
        const std::int64_t q = r0 / r1;
        std::tie(r0, r1) = std::pair(r1, r0 - q * r1);
        std::tie(t0, t1) = std::pair(t1, t0 - q * t1);
    }
    return ((t0 % m) + m) % m;
}

} // namespace

// v / m and v % m of the shifted loop v + c become two unknowns, where the loop has one such m and c.
void Inverter::split_digits() {
    struct Digits {
        std::int64_t divisor = 0, shift = 0;
        bool fits = true;
    };
    std::map<std::string, Digits> found;
    for (const Equation& equation : equations_) {
        if (!equation.index) {
            continue;
        }
        for (const auto& [monomial, coefficient] : builder_.polys().convert(equation.index).terms) {
            const Atom* const atom = monomial.size() == 1 ? &builder_.polys().atom(monomial.front()) : nullptr;
            if (atom == nullptr || (atom->kind != Atom::Kind::div && atom->kind != Atom::Kind::mod)) {
                continue;
            }
            std::string key;
            bool single = true;
            for (const auto& [inner, factor] : atom->a.terms) {
                if (inner.empty()) {
                    continue;
                }
                const Atom* const part = inner.size() == 1 ? &builder_.polys().atom(inner.front()) : nullptr;
                single = single && part != nullptr && part->kind == Atom::Kind::dim && factor == 1 && key.empty();
                key = part == nullptr ? key : part->name;
            }
            if (!single || find(key) == nullptr) {
                continue;
            }
            const Digits here{atom->divisor, atom->a.constant(), true};
            const auto [at, fresh] = found.emplace(key, here);
            at->second.fits =
                at->second.fits && (fresh || (at->second.divisor == here.divisor && at->second.shift == here.shift));
        }
    }
    for (const auto& [key, digits] : found) {
        if (digits.fits) {
            split(key, digits.divisor, digits.shift);
        }
    }
}

// The shift lies in 0 .. m-1, so quotients start at 0 too.
void Inverter::split(const std::string& key, std::int64_t m, std::int64_t shift) {
    const Unknown whole = *find(key);
    const Ref last = plus(minus(whole.extent, number(1)), number(shift));
    const Ref count = builder_.simplified(plus(divided(last, m), number(1)));
    Unknown quotient{key + "/", fmt::format("{}.div{}", whole.base, m), count, {}, whole.reduced, false, false};
    if (count->kind == Kind::constant) {
        quotient.size = count->integer;
    }
    Unknown rest{key + "%", fmt::format("{}.mod{}", whole.base, m), number(m), m, whole.reduced, true, false};
    const Ref q = ir::dim_node(quotient.key);
    const Ref r = ir::dim_node(rest.key);
    const Ref value = minus(plus(times(m, q), r), number(shift));
    for (Equation& equation : equations_) {
        if (equation.index) {
            // Terms with the two atoms are replaced whole; polynomials then find the quotient by themselves:
            // (m*q + r - c + c) / m = q + r / m, and r / m is 0.
            equation.index = replaced(equation.index, {{key, value}});
            equation.index = without_digit_atoms(equation.index, rest.key, m);
        }
    }
    solved_[key] = value;
    order_.push_back(key);
    std::erase_if(unknowns_, [&](const Unknown& each) { return each.key == key; });
    unknowns_.push_back(std::move(quotient));
    unknowns_.push_back(std::move(rest));
}

// r / m is 0 and r % m is r for a remainder r.
Ref Inverter::without_digit_atoms(const Ref& index, const std::string& digit, std::int64_t m) {
    const Poly poly = builder_.polys().convert(index);
    Ref sum = number(0);
    for (const auto& [monomial, coefficient] : poly.terms) {
        const Atom* const atom = monomial.size() == 1 ? &builder_.polys().atom(monomial.front()) : nullptr;
        const bool bare = atom != nullptr && atom->divisor == m && atom->a.terms.size() == 1 &&
                          atom->a.terms.begin()->first == detail::Monomial{"d:" + digit} &&
                          atom->a.terms.begin()->second == 1;
        if (bare && atom->kind == Atom::Kind::div) {
            continue;
        }
        if (bare && atom->kind == Atom::Kind::mod) {
            sum = plus(sum, times(coefficient, ir::dim_node(digit)));
            continue;
        }
        Poly term;
        term.terms[monomial] = coefficient;
        sum = plus(sum, builder_.polys().rebuild(term));
    }
    return builder_.simplified(sum);
}

std::optional<Linear> Inverter::linear(const Ref& index) {
    Linear result;
    Poly rest;
    for (const auto& [monomial, coefficient] : builder_.polys().convert(index).terms) {
        const Atom* const single = monomial.size() == 1 ? &builder_.polys().atom(monomial.front()) : nullptr;
        if (single != nullptr && single->kind == Atom::Kind::dim && find(single->name) != nullptr) {
            result.coefficients[single->name] = coefficient;
            continue;
        }
        Poly term;
        term.terms[monomial] = coefficient;
        if (!unknowns_in(builder_.polys().rebuild(term)).empty()) {
            return std::nullopt;
        }
        rest.terms[monomial] = coefficient;
    }
    result.rest = builder_.polys().rebuild(rest);
    return result;
}

// Solves the linear equation with the fewest unknowns for one of them; false where none is left.
bool Inverter::solve_one() {
    Equation* best = nullptr;
    Linear chosen;
    for (Equation& equation : equations_) {
        const std::optional<Linear> here = equation.index ? linear(equation.index) : std::nullopt;
        if (here && !here->coefficients.empty() &&
            (best == nullptr || here->coefficients.size() < chosen.coefficients.size())) {
            best = &equation;
            chosen = *here;
        }
    }
    if (best == nullptr) {
        return false;
    }
    const Ref element = ir::dim_node(best->dim);
    solve(std::move(chosen), builder_.simplified(minus(element, chosen.rest)));
    std::erase_if(equations_, [&](const Equation& each) { return each.dim == element->name; });
    return true;
}

// sum of coefficient * unknown = wanted
void Inverter::solve(Linear equation, Ref wanted) {
    std::int64_t common = 0;
    for (const auto& [key, coefficient] : equation.coefficients) {
        common = std::gcd(common, coefficient);
    }
    if (common > 1) {
        add_condition(ir::binary(Op::eq, builder_.simplified(remainder(wanted, common)), number(0)));
        wanted = builder_.simplified(divided(wanted, common));
        for (auto& item : equation.coefficients) {
            item.second /= common;
        }
    }
    const std::string target = most_worth(equation);
    const std::int64_t c = equation.coefficients.at(target);
    const std::int64_t m = c < 0 ? -c : c;
    if (m > 1) {
        wanted = reindexed(equation, wanted, target, m);
    }
    Ref others = wanted;
    for (const auto& [key, coefficient] : equation.coefficients) {
        if (key != target) {
            others = minus(others, times(coefficient, ir::dim_node(key)));
        }
    }
    others = builder_.simplified(others);
    const Ref value = m > 1 ? divided(others, m) : others;
    define(target, c < 0 ? minus(number(0), value) : value);
}

std::string Inverter::most_worth(const Linear& equation) {
    const auto worth = [&](const std::string& key) {
        const Unknown& each = *find(key);
        const std::int64_t c = std::abs(equation.coefficients.at(key));
        return std::tuple(!each.digit, !each.size.has_value(), !each.reduced, each.size.value_or(0), -c);
    };
    std::string best;
    for (const Unknown& each : unknowns_) { // in the order of the loops
        if (equation.coefficients.contains(each.key) && (best.empty() || worth(each.key) > worth(best))) {
            best = each.key;
        }
    }
    return best;
}

// Another unknown w becomes r + m*j, such that what is left is a multiple of m; returns what is left, and takes w
// out of the equation.
Ref Inverter::reindexed(Linear& equation, const Ref& wanted, const std::string& target, std::int64_t m) {
    const Unknown* partner = nullptr;
    for (const auto& [key, coefficient] : equation.coefficients) {
        if (key == target || std::gcd(coefficient, m) != 1) {
            continue;
        }
        const Unknown* const here = find(key);
        const auto rank = [&](const Unknown& each) {
            const bool unit = std::abs(equation.coefficients.at(each.key)) == 1;
            return std::tuple(unit, each.size.has_value(), -each.size.value_or(0));
        };
        if (partner == nullptr || rank(*here) > rank(*partner)) {
            partner = here;
        }
    }
    Ref left = wanted;
    for (const auto& [key, coefficient] : equation.coefficients) {
        if (key != target && (partner == nullptr || key != partner->key)) {
            left = minus(left, times(coefficient, ir::dim_node(key)));
        }
    }
    left = builder_.simplified(left);
    if (partner == nullptr) {
        add_condition(ir::binary(Op::eq, builder_.simplified(remainder(left, m)), number(0)));
        equation.coefficients = {{target, equation.coefficients.at(target)}};
        return left;
    }
    const Unknown w = *partner;
    const std::int64_t cw = equation.coefficients.at(w.key);
    const Ref residue = builder_.simplified(remainder(times(inverse_modulo(cw, m), left), m));
    const Ref count = builder_.simplified(divided(plus(w.extent, number(m - 1)), m));
    Ref value = residue;
    Ref step;
    if (!(count->kind == Kind::constant && count->integer == 1)) {
        Unknown j{
            fmt::format("{}*{}", w.key, m), fmt::format("{}.by{}", w.base, m), count, {}, w.reduced, false, false};
        if (count->kind == Kind::constant) {
            j.size = count->integer;
        }
        step = ir::dim_node(j.key);
        value = plus(residue, times(m, step));
        unknowns_.push_back(std::move(j));
    }
    result_.why.push_back(fmt::format("`{}` steps by {} from a residue", w.base, m));
    define(w.key, value);
    equation.coefficients = {{target, equation.coefficients.at(target)}};
    // (left - cw * r) / m - cw * j, in which (left - left % m) / m is left / m.
    const Ref floor = cw == 1    ? times(m, divided(left, m))
                      : cw == -1 ? times(m, divided(plus(left, number(m - 1)), m))
                                 : minus(left, times(cw, residue));
    return step ? minus(floor, times(cw * m, step)) : floor;
}

void Inverter::define(const std::string& key, const Ref& value) {
    const Ref simple = builder_.simplified(value);
    const std::map<std::string, Ref> with{{key, simple}};
    if (const Unknown* const unknown = find(key); unknown->digit) {
        checks_.push_back({ir::dim_node(key), unknown->extent});
    }
    std::erase_if(unknowns_, [&](const Unknown& each) { return each.key == key; });
    for (Equation& equation : equations_) {
        equation.index = equation.index ? builder_.simplified(replaced(equation.index, with)) : nullptr;
    }
    solved_[key] = simple;
    order_.push_back(key);
}

} // namespace coulter::gradient
