// Proofs by elimination: each atom is replaced by a bound in terms of earlier ones until a constant is left.

#include "sizes_bounds.hpp"

#include <algorithm>

namespace coulter::detail {
namespace {

constexpr int most_steps = 600;
constexpr int deepest = 40;

// Coefficient of the monomials with `key`: its sign if all agree and `key` is in each at most once, else nothing.
std::optional<int> common_sign(const Poly& poly, const std::string& key) {
    std::optional<int> sign;
    for (const auto& [monomial, coefficient] : poly.terms) {
        const auto times = std::count(monomial.begin(), monomial.end(), key);
        if (times == 0) continue;
        const int here = coefficient > 0 ? 1 : -1;
        if (times > 1 || (sign && *sign != here)) return std::nullopt;
        sign = here;
    }
    return sign;
}

std::optional<Poly> substitute(const Poly& poly, const std::string& key, const Poly& with) {
    Poly result;
    for (const auto& [monomial, coefficient] : poly.terms) {
        Monomial rest = monomial;
        Poly term = Polys::constant(coefficient);
        std::optional<Poly> product = term;
        for (auto at = std::find(rest.begin(), rest.end(), key); at != rest.end();
             at = std::find(rest.begin(), rest.end(), key)) {
            rest.erase(at);
            product = product ? Polys::multiply(*product, with) : std::nullopt;
        }
        Poly others;
        others.terms[rest] = 1;
        product = product ? Polys::multiply(*product, others) : std::nullopt;
        std::optional<Poly> sum = product ? Polys::add(result, *product) : std::nullopt;
        if (!sum) return std::nullopt;
        result = *std::move(sum);
    }
    return result;
}

} // namespace

bool Prover::nonnegative(const Poly& poly) {
    steps_ = 0;
    return search(poly, 0);
}

std::size_t Prover::rank(const Atom& atom) const {
    // Structure first, then loop indices, then extents, those that are made of others before their sources.
    switch (atom.kind) {
    case Atom::Kind::dim: return sizes_.order.size() + 1;
    case Atom::Kind::extent: {
        const auto at = std::find(sizes_.order.begin(), sizes_.order.end(), atom.name);
        return static_cast<std::size_t>(at - sizes_.order.begin());
    }
    default: return sizes_.order.size() + 2;
    }
}

bool Prover::search(const Poly& poly, int depth) {
    if (poly.is_constant()) return poly.constant() >= 0;
    if (++steps_ > most_steps || depth > deepest) return false;
    const std::string* best = nullptr;
    std::size_t best_rank = 0;
    for (const auto& [monomial, coefficient] : poly.terms) {
        for (const std::string& key : monomial) {
            const std::size_t here = rank(polys_.atom(key));
            // Longer keys nest deeper, and outer structure goes first.
            if (best == nullptr || here > best_rank || (here == best_rank && key.size() > best->size())) {
                best = &key;
                best_rank = here;
            }
        }
    }
    const std::string key = *best;
    return eliminate(poly, key, depth + 1);
}

bool Prover::replaced(const Poly& poly, const std::string& key, const std::optional<Poly>& with, int depth) {
    if (!with) return false;
    const std::optional<Poly> next = substitute(poly, key, *with);
    return next && search(*next, depth);
}

// A bound of one factor bounds the product only where the other factors are not negative.
bool Prover::others_nonnegative(const Poly& poly, const std::string& key) const {
    for (const auto& [monomial, coefficient] : poly.terms) {
        if (std::find(monomial.begin(), monomial.end(), key) == monomial.end()) continue;
        for (const std::string& other : monomial) {
            const Atom::Kind kind = polys_.atom(other).kind;
            const bool fine = kind == Atom::Kind::dim || kind == Atom::Kind::extent || kind == Atom::Kind::mod;
            if (other != key && !fine) return false;
        }
    }
    return true;
}

bool Prover::eliminate(const Poly& poly, const std::string& key, int depth) {
    const Atom& atom = polys_.atom(key);
    if (atom.kind == Atom::Kind::opaque) return false;
    if (atom.kind == Atom::Kind::select) {
        return replaced(poly, key, atom.a, depth) && replaced(poly, key, atom.b, depth);
    }
    if (atom.kind == Atom::Kind::min || atom.kind == Atom::Kind::max) {
        const std::optional<int> sign = common_sign(poly, key);
        // -min(a, b) >= -a: one side is enough; min(a, b) >= 0 needs both.
        const bool either = sign && (*sign < 0) == (atom.kind == Atom::Kind::min) && others_nonnegative(poly, key);
        if (either) {
            return replaced(poly, key, atom.a, depth) || replaced(poly, key, atom.b, depth);
        }
        return replaced(poly, key, atom.a, depth) && replaced(poly, key, atom.b, depth);
    }
    const std::optional<int> sign = common_sign(poly, key);
    if (atom.kind == Atom::Kind::extent) {
        const auto rule = sizes_.rules.find(atom.name);
        const bool equal =
            rule != sizes_.rules.end() && rule->second.value &&
            (rule->second.source == ExtentSource::constant || rule->second.source == ExtentSource::expression);
        if (equal && replaced(poly, key, polys_.convert(rule->second.value), depth)) return true;
        return sign && others_nonnegative(poly, key) && eliminate_extent(poly, atom, key, *sign, depth);
    }
    if (!sign || !others_nonnegative(poly, key)) return false;
    if (atom.kind == Atom::Kind::div || atom.kind == Atom::Kind::mod) {
        const Poly numerator = atom.a;
        const std::int64_t d = atom.divisor;
        if (atom.kind == Atom::Kind::mod) {
            if (replaced(poly, key, Polys::constant(*sign > 0 ? 0 : d - 1), depth)) return true;
            const std::optional<Poly> exact = Polys::add(numerator, polys_.floor_div(numerator, d), -d);
            return replaced(poly, key, exact, depth);
        }
        if (*sign > 0 && search(numerator, depth) && replaced(poly, key, Poly{}, depth)) return true;
        // d*q lies in numerator - (d-1) .. numerator, so the whole inequality is scaled by d.
        const std::optional<Poly> bound = *sign > 0 ? Polys::add(numerator, Polys::constant(1 - d)) : numerator;
        if (!bound) return false;
        Poly with_key;
        Poly without;
        for (const auto& [monomial, coefficient] : poly.terms) {
            const bool has = std::find(monomial.begin(), monomial.end(), key) != monomial.end();
            (has ? with_key : without).terms[monomial] = coefficient;
        }
        const std::optional<Poly> scaled = Polys::add({}, without, d);
        const std::optional<Poly> substituted = substitute(with_key, key, *bound);
        const std::optional<Poly> sum = scaled && substituted ? Polys::add(*scaled, *substituted) : std::nullopt;
        return sum && search(*sum, depth);
    }
    if (atom.kind == Atom::Kind::bounded) {
        return replaced(poly, key, Polys::constant(*sign > 0 ? atom.low : atom.high), depth);
    }
    // A loop index.
    const std::optional<Poly> last = Polys::add(polys_.extent(atom.name), Polys::constant(-1));
    return replaced(poly, key, *sign > 0 ? Poly{} : last, depth);
}

bool Prover::eliminate_extent(const Poly& poly, const Atom& atom, const std::string& key, std::int64_t sign,
                              int depth) {
    const std::string name = atom.name;
    const bool runs = loops_.contains(name);
    if (sign > 0 && replaced(poly, key, Polys::constant(runs ? 1 : 0), depth)) return true;
    for (const Fact& fact : facts_) {
        if (sign > 0 || !runs || fact.dim != name) continue;
        // poly = k*fact + rest, with k chosen so that `name` cancels where it stands alone.
        const auto mine = poly.terms.find({key});
        const auto theirs = fact.value.terms.find({key});
        if (mine == poly.terms.end() || theirs == fact.value.terms.end() || theirs->second >= 0) continue;
        const std::int64_t times = mine->second;
        const std::int64_t scale = -theirs->second;
        // scale*poly - (-times)*fact has no `name`, and is enough, as fact >= 0 and -times > 0.
        const std::optional<Poly> scaled = Polys::add({}, poly, scale);
        const std::optional<Poly> rest = scaled ? Polys::add(*scaled, fact.value, times) : std::nullopt;
        if (rest && !rest->terms.contains({key}) && search(*rest, depth)) return true;
    }
    // An inferred extent is its formula.
    const auto rule = sizes_.rules.find(name);
    return rule != sizes_.rules.end() && rule->second.source == ExtentSource::inferred &&
           replaced(poly, key, polys_.convert(rule->second.value), depth);
}

namespace {

using ir::Kind;
using ir::Op;
using ir::Ref;

Ref combine(Op op, const Ref& a, const Ref& b) {
    return simplify_index(ir::binary(op, a, b));
}
bool same(const Interval& x) {
    return ir::equal(x.low, x.high);
}

std::optional<Interval> product(const Interval& a, const Interval& b) {
    if (same(a) && !same(b)) return product(b, a);
    if (!same(b)) return std::nullopt;
    const Ref& k = b.low;
    if (k->kind == Kind::constant) {
        const bool flip = k->integer < 0;
        return Interval{combine(Op::mul, flip ? a.high : a.low, k), combine(Op::mul, flip ? a.low : a.high, k)};
    }
    const Ref x = combine(Op::mul, a.low, k);
    if (same(a)) return Interval{x, x};
    const Ref y = combine(Op::mul, a.high, k);
    if (k->kind == Kind::extent) return Interval{x, y};
    return Interval{combine(Op::min, x, y), combine(Op::max, x, y)};
}

std::optional<Interval> interval_node(const ir::Node& node, const std::vector<std::optional<Interval>>& args) {
    const auto point = [](const Ref& ref) { return Interval{ref, ref}; };
    switch (node.kind) {
    case Kind::constant: return point(ir::index_constant(node.integer));
    case Kind::extent: return point(ir::extent_node(node.name));
    case Kind::dim:
        return Interval{ir::index_constant(0), combine(Op::sub, ir::extent_node(node.name), ir::index_constant(1))};
    case Kind::cast: {
        const Type from = node.args[0]->type;
        if (!is_integer(from) || bits(from) > 16) return std::nullopt;
        return Interval{ir::index_constant(lowest_integer(from)),
                        ir::index_constant(static_cast<std::int64_t>(highest_integer(from)))};
    }
    case Kind::unary: {
        if (!args[0]) return std::nullopt;
        const Ref zero = ir::index_constant(0);
        return Interval{combine(Op::sub, zero, args[0]->high), combine(Op::sub, zero, args[0]->low)};
    }
    case Kind::select:
        if (!args[1] || !args[2]) return std::nullopt;
        return Interval{combine(Op::min, args[1]->low, args[2]->low), combine(Op::max, args[1]->high, args[2]->high)};
    case Kind::binary: break;
    default: return std::nullopt;
    }
    if (!args[1] || (!args[0] && node.op != Op::mod && node.op != Op::min && node.op != Op::max)) return std::nullopt;
    const Interval& b = *args[1];
    if (node.op == Op::mod) {
        // A remainder by 0 is 0, so the last value is that of a divisor of at least 1.
        const bool positive =
            same(b) && (b.low->kind == Kind::extent || (b.low->kind == Kind::constant && b.low->integer >= 1));
        if (!positive) return std::nullopt;
        return Interval{ir::index_constant(0),
                        combine(Op::max, combine(Op::sub, b.low, ir::index_constant(1)), ir::index_constant(0))};
    }
    if (!args[0]) return std::nullopt;
    const Interval& a = *args[0];
    switch (node.op) {
    case Op::add: return Interval{combine(Op::add, a.low, b.low), combine(Op::add, a.high, b.high)};
    case Op::sub: return Interval{combine(Op::sub, a.low, b.high), combine(Op::sub, a.high, b.low)};
    case Op::mul: return product(a, b);
    case Op::min:
    case Op::max: return Interval{combine(node.op, a.low, b.low), combine(node.op, a.high, b.high)};
    case Op::div:
        if (same(b) && b.low->kind == Kind::extent) {
            // Never negative, and a divisor of 0 gives 0 on both sides, so the quotient is monotone.
            return Interval{combine(Op::div, a.low, b.low), combine(Op::div, a.high, b.low)};
        }
        if (!same(b) || b.low->kind != Kind::constant) {
            if (!same(a) || !same(b)) return std::nullopt;
            return point(ir::binary(Op::div, a.low, b.low));
        }
        if (b.low->integer == 0) return point(ir::index_constant(0));
        return b.low->integer > 0 ? Interval{combine(Op::div, a.low, b.low), combine(Op::div, a.high, b.low)}
                                  : Interval{combine(Op::div, a.high, b.low), combine(Op::div, a.low, b.low)};
    default: return std::nullopt;
    }
}

// Clamping bounds a value that nothing else bounds: min(max(anything, 0), extent - 1).
struct HalfOpen {
    Ref low;
    Ref high;
};

} // namespace

std::optional<Interval> interval_of(const ir::Ref& index) {
    std::unordered_map<const ir::Node*, HalfOpen> known;
    for (const ir::Node* node : ir::postorder({index})) {
        if (node->type != Type::index) continue;
        HalfOpen& result = known[node];
        std::vector<std::optional<Interval>> args;
        std::vector<HalfOpen> halves;
        for (const Ref& arg : node->args) {
            const auto at = known.find(arg.get());
            halves.push_back(at == known.end() ? HalfOpen{} : at->second);
            const HalfOpen& half = halves.back();
            args.push_back(half.low && half.high ? std::optional(Interval{half.low, half.high}) : std::nullopt);
        }
        const bool extreme = node->kind == Kind::binary && (node->op == Op::min || node->op == Op::max);
        const bool complete = std::all_of(args.begin(), args.end(), [](const auto& arg) { return arg.has_value(); });
        if (extreme && !complete) {
            const HalfOpen& a = halves[0];
            const HalfOpen& b = halves[1];
            const auto both = [&](const Ref& x, const Ref& y) { return x && y ? combine(node->op, x, y) : nullptr; };
            const auto either = [&](const Ref& x, const Ref& y) {
                return x && y ? combine(node->op, x, y) : x ? x : y;
            };
            const bool min = node->op == Op::min;
            result = {min ? both(a.low, b.low) : either(a.low, b.low),
                      min ? either(a.high, b.high) : both(a.high, b.high)};
            continue;
        }
        if (const std::optional<Interval> interval = interval_node(*node, args))
            result = {interval->low, interval->high};
    }
    const HalfOpen& half = known[index.get()];
    if (!half.low || !half.high) return std::nullopt;
    return Interval{half.low, half.high};
}

} // namespace coulter::detail
