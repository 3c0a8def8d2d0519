#include "grad_invert.hpp"

#include "coulter/text.hpp"
#include "grad_math.hpp"
#include "grad_substitute.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>
#include <tuple>

namespace coulter::gradient {
namespace {

using detail::Atom;
using detail::Poly;
using ir::Kind;
using ir::Op;
using ir::Ref;

bool contains(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

Ref number(std::int64_t value) {
    return ir::index_constant(value);
}
Ref plus(const Ref& a, const Ref& b) {
    return ir::binary(Op::add, a, b);
}
Ref minus(const Ref& a, const Ref& b) {
    return ir::binary(Op::sub, a, b);
}
Ref times(std::int64_t factor, const Ref& a) {
    return ir::binary(Op::mul, number(factor), a);
}
Ref divided(const Ref& a, std::int64_t divisor) {
    return ir::binary(Op::div, a, number(divisor));
}
Ref remainder(const Ref& a, std::int64_t divisor) {
    return ir::binary(Op::mod, a, number(divisor));
}

bool reads_data(const Ref& index) {
    const auto parts = ir::postorder({index});
    return std::any_of(parts.begin(), parts.end(), [](const ir::Node* part) { return part->kind == Kind::access; });
}

/// Loop indices that an expression without accesses uses.
std::vector<std::string> dims_in(const Ref& index) {
    std::vector<std::string> names;
    for (const ir::Node* part : ir::postorder({index})) {
        if (part->kind == Kind::dim && !contains(names, part->name)) {
            names.push_back(part->name);
        }
    }
    return names;
}

Ref replaced(const Ref& index, const std::map<std::string, Ref>& with) {
    ir::RewriteMemo memo;
    return ir::rewrite(
        index,
        [&](const ir::Node& node, const std::vector<Ref>&) -> Ref {
            const auto at = node.kind == Kind::dim ? with.find(node.name) : with.end();
            return at == with.end() ? nullptr : at->second;
        },
        memo);
}

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

/// A loop of the reader, or a part of one. Its key is no name of a dim.
struct Unknown {
    std::string key;
    std::string base; ///< what a dim for it is called after
    Ref extent;
    std::optional<std::int64_t> size;
    bool reduced = false;
    bool digit = false; ///< a remainder
    bool loop = false;  ///< a whole loop
};

struct Linear {
    std::map<std::string, std::int64_t> coefficients; ///< of unknowns
    Ref rest;
};

struct Equation {
    std::string dim;
    Ref index; ///< over unknowns, by key; null: `original` reads data or is bent, and no loop can be solved for
    Ref original;
};

class Inverter {
public:
    Inverter(Builder& builder, const ir::Node& access, const std::vector<std::string>& loops,
             const std::vector<std::string>& reduced, const Ref& where)
        : builder_(builder), access_(access), loops_(loops), dims_(builder.dims_of(access.name)) {
        for (const std::string& loop : loops) {
            unknowns_.push_back({key_of(loop), loop, builder.extent(loop), builder.size(loop), contains(reduced, loop),
                                 false, true});
        }
        for (const std::string& dim : dims_) {
            add_equation(dim, where);
        }
        split_digits();
    }

    Inverse run() {
        note_free_loops();
        while (solve_one()) {}
        name_open();
        finish_loops();
        finish_equations();
        return std::move(result_);
    }

private:
    static std::string key_of(const std::string& loop) { return "'" + loop; }

    void add_equation(const std::string& dim, const Ref& where) {
        Ref index = ir::index_of(access_, dim);
        const bool data = reads_data(index);
        bool bent = false;
        if (access_.boundary == ir::Boundary::clamped && !proved_inside(index, dim, where)) {
            const Ref last = minus(ir::extent_node(dim), number(1));
            index = ir::binary(Op::min, ir::binary(Op::max, index, number(0)), last);
            bent = true;
        }
        std::map<std::string, Ref> keys;
        for (const std::string& loop : loops_) {
            keys[loop] = ir::dim_node(key_of(loop));
        }
        equations_.push_back({dim, data || bent ? nullptr : replaced(index, keys), index});
    }

    // A clamped index whose reader runs only where it is inside is as good as a checked one.
    [[nodiscard]] bool proved_inside(const Ref& index, const std::string& dim, const Ref& where) {
        if (reads_data(index)) {
            return false;
        }
        const Ref room = minus(minus(ir::extent_node(dim), number(1)), index);
        const auto shown = [&](const Ref& value) {
            if (builder_.nonnegative(value, loops_)) {
                return true;
            }
            for (const Ref& part : conjuncts(where)) {
                const Ref known = slack(*part);
                if (known && !reads_data(known) && builder_.nonnegative(minus(value, known), loops_)) {
                    return true;
                }
            }
            return false;
        };
        return shown(index) && shown(room);
    }

    [[nodiscard]] Unknown* find(const std::string& key) {
        const auto at =
            std::find_if(unknowns_.begin(), unknowns_.end(), [&](const Unknown& each) { return each.key == key; });
        return at == unknowns_.end() ? nullptr : &*at;
    }

    [[nodiscard]] std::vector<std::string> unknowns_in(const Ref& index) {
        std::vector<std::string> keys;
        for (const std::string& key : dims_in(index)) {
            if (find(key) != nullptr) {
                keys.push_back(key);
            }
        }
        return keys;
    }

    // v / m and v % m of the shifted loop v + c become two unknowns, where the loop has one such m and c.
    void split_digits() {
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
                at->second.fits = at->second.fits && (fresh || (at->second.divisor == here.divisor &&
                                                                at->second.shift == here.shift));
            }
        }
        for (const auto& [key, digits] : found) {
            if (digits.fits) {
                split(key, digits.divisor, digits.shift);
            }
        }
    }

    // The shift lies in 0 .. m-1, so quotients start at 0 too.
    void split(const std::string& key, std::int64_t m, std::int64_t shift) {
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
    [[nodiscard]] Ref without_digit_atoms(const Ref& index, const std::string& digit, std::int64_t m) {
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

    void note_free_loops() {
        std::vector<std::string> used;
        for (const Equation& equation : equations_) {
            const std::vector<std::string> here = equation.index ? dims_in(equation.index)
                                                                 : ir::free_dims(builder_.kernel(), {equation.original});
            for (const std::string& name : here) {
                const std::size_t end = name.find_first_of("/%");
                used.push_back(name.starts_with("'") ? name.substr(1, end == std::string::npos ? end : end - 1) : name);
            }
        }
        for (const std::string& loop : loops_) {
            if (!contains(used, loop)) {
                result_.free.push_back(loop);
            }
        }
    }

    [[nodiscard]] std::optional<Linear> linear(const Ref& index) {
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
    bool solve_one() {
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
    void solve(Linear equation, Ref wanted) {
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

    [[nodiscard]] std::string most_worth(const Linear& equation) {
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

    // Another unknown w becomes r + m*j, such that what is left is a multiple of m; returns what is left, and takes w out
    // of the equation.
    Ref reindexed(Linear& equation, const Ref& wanted, const std::string& target, std::int64_t m) {
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
            Unknown j{fmt::format("{}*{}", w.key, m), fmt::format("{}.by{}", w.base, m), count, {}, w.reduced, false,
                      false};
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

    void define(const std::string& key, const Ref& value) {
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

    void add_condition(const Ref& condition) { conditions_.push_back(condition); }

    void name_open() {
        std::vector<std::string> taken = dims_;
        for (const Unknown& each : unknowns_) {
            const bool keeps = each.loop && !contains(taken, each.base);
            const std::string name = keeps ? each.base : builder_.make_dim(each.base, wanted_extent(each), taken);
            taken.push_back(name);
            result_.open.push_back(name);
            final_[each.key] = ir::dim_node(name);
        }
        // What was solved later may stand in what was solved earlier.
        for (auto key = order_.rbegin(); key != order_.rend(); ++key) {
            final_[*key] = builder_.simplified(replaced(solved_.at(*key), final_));
        }
        all_loops_ = dims_;
        for (const Equation& equation : equations_) {
            const bool open = equation.index ? !unknowns_in(equation.index).empty() : true;
            if (open) {
                left_.push_back(equation.dim);
            }
        }
        all_loops_.insert(all_loops_.end(), result_.open.begin(), result_.open.end());
    }

    [[nodiscard]] Ref wanted_extent(const Unknown& each) const {
        return each.loop ? builder_.extent(each.base) : each.extent;
    }

    void finish_loops() {
        for (const std::string& loop : loops_) {
            const Ref index = final_.at(key_of(loop));
            result_.indices[loop] = index;
            const bool is_open = index->kind == Kind::dim && contains(result_.open, index->name);
            if (!is_open) {
                bound(index, builder_.extent(loop));
            }
        }
        for (const auto& [digit, size] : checks_) {
            bound(builder_.simplified(replaced(digit, final_)), size);
        }
        for (const Ref& condition : conditions_) {
            const Ref final = replaced(condition, final_);
            result_.conditions.push_back(
                ir::binary(final->op, builder_.simplified(final->args[0]), builder_.simplified(final->args[1])));
        }
    }

    // 0 <= index < size, where it is not sure.
    void bound(const Ref& index, const Ref& size) {
        if (!builder_.nonnegative(index, all_loops_)) {
            result_.conditions.push_back(ir::binary(Op::ge, index, number(0)));
        }
        if (!builder_.nonnegative(minus(minus(size, number(1)), index), all_loops_)) {
            result_.conditions.push_back(ir::binary(Op::lt, index, size));
        }
    }

    // Equations that nothing was solved for: a condition where all loops in them are known, a scatter elsewhere.
    void finish_equations() {
        Substitution substitute(builder_, result_.indices, all_loops_);
        for (const Equation& equation : equations_) {
            Ref index = equation.index ? builder_.simplified(replaced(equation.index, final_))
                                       : substitute(equation.original);
            const std::vector<std::string> used = ir::free_dims(builder_.kernel(), {index});
            const bool known =
                std::none_of(used.begin(), used.end(), [&](const auto& dim) { return contains(result_.open, dim); });
            const Ref element = ir::dim_node(equation.dim);
            if (known) {
                if (!ir::equal(index, element)) {
                    result_.conditions.push_back(ir::binary(Op::eq, element, index));
                }
                continue;
            }
            const Ref last = minus(ir::extent_node(equation.dim), number(1));
            if (access_.boundary == ir::Boundary::padded) {
                result_.conditions.push_back(ir::binary(Op::ge, index, number(0)));
                result_.conditions.push_back(ir::binary(Op::le, index, last));
            }
            const bool same = access_.boundary == ir::Boundary::checked && index == equation.original;
            if (!same && access_.boundary != ir::Boundary::clamped) {
                index = ir::binary(Op::min, ir::binary(Op::max, index, number(0)), last);
            }
            result_.why.push_back(fmt::format("`{}` = {} {}", equation.dim, print(equation.original),
                                              reads_data(equation.original) ? "depends on data"
                                              : access_.boundary == ir::Boundary::clamped
                                                  ? "is clamped"
                                                  : "has no inverse that is known"));
            result_.into.push_back({equation.dim, index});
        }
    }

    Builder& builder_;
    const ir::Node& access_;
    const std::vector<std::string>& loops_;
    std::vector<std::string> dims_;
    std::vector<Equation> equations_;
    std::vector<Unknown> unknowns_;
    std::map<std::string, Ref> solved_;
    std::vector<std::string> order_; ///< of solving
    std::map<std::string, Ref> final_;
    std::vector<std::pair<Ref, Ref>> checks_; ///< remainders with their divisor
    std::vector<Ref> conditions_;
    std::vector<std::string> all_loops_;
    std::vector<std::string> left_;
    Inverse result_;
};

} // namespace

Inverse invert(Builder& builder, const ir::Node& access, const std::vector<std::string>& loops,
               const std::vector<std::string>& reduced, const Ref& where) {
    return Inverter(builder, access, loops, reduced, where).run();
}

} // namespace coulter::gradient
