#include "grad_collect.hpp"

#include "grad_terms.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_set>

namespace coulter::gradient {
namespace {

using ir::Kind;
using ir::Node;
using ir::Op;
using ir::Ref;

/// More terms are left as they are: all pairs are compared.
constexpr std::size_t most_terms = 64;

bool has(const Term& term, const Ref& factor) {
    return std::any_of(term.factors.begin(), term.factors.end(),
                       [&](const Ref& other) { return ir::equal(factor, other); });
}

void erase_one(std::vector<Ref>& factors, const Ref& factor) {
    const auto at =
        std::find_if(factors.begin(), factors.end(), [&](const Ref& other) { return ir::equal(factor, other); });
    factors.erase(at);
}

bool have_equal_factors(const Term& a, const Term& b) {
    if (a.factors.size() != b.factors.size()) {
        return false;
    }
    std::vector<Ref> left = b.factors;
    for (const Ref& factor : a.factors) {
        const auto at =
            std::find_if(left.begin(), left.end(), [&](const Ref& other) { return ir::equal(factor, other); });
        if (at == left.end()) {
            return false;
        }
        left.erase(at);
    }
    return true;
}

/// Operations of the sum, where an addition and one product before it are one.
std::size_t cost(const std::vector<Term>& terms) {
    if (terms.size() == 1) {
        return terms.front().products();
    }
    std::size_t operations = 0;
    bool starts_free = false;
    for (const Term& term : terms) {
        operations += std::max<std::size_t>(term.products(), 1);
        starts_free = starts_free || term.products() == 0;
    }
    return operations - (starts_free ? 1 : 0);
}

/// What several terms have in common: a factor, or the size of their constants.
struct Common {
    Ref factor; ///< null: the constant
    double size = 1;
    std::size_t count = 0;

    [[nodiscard]] bool is_in(const Term& term) const {
        return factor ? has(term, factor) : std::abs(term.scale) == size && !term.factors.empty();
    }
    void take_out_of(Term& term) const {
        if (factor) {
            erase_one(term.factors, factor);
        } else {
            term.scale = std::copysign(1.0, term.scale);
        }
    }
};

/// Most frequent first, in the order of the terms where equal.
std::vector<Common> commons(const std::vector<Term>& terms) {
    std::vector<Common> found;
    const auto count = [&](const Common& common) {
        for (const Common& known : found) {
            if (common.factor ? known.factor && ir::equal(known.factor, common.factor)
                              : !known.factor && known.size == common.size) {
                return;
            }
        }
        found.push_back(common);
        found.back().count = static_cast<std::size_t>(
            std::count_if(terms.begin(), terms.end(), [&](const Term& term) { return common.is_in(term); }));
    };
    for (const Term& term : terms) {
        for (const Ref& factor : term.factors) {
            count({factor});
        }
        if (term.is_scaled()) {
            count({nullptr, std::abs(term.scale)});
        }
    }
    std::erase_if(found, [](const Common& common) { return common.count < 2; });
    std::stable_sort(found.begin(), found.end(), [](const Common& a, const Common& b) { return a.count > b.count; });
    return found;
}

/// `terms` with factors outside; `operations` gets the cost of what is inside of them.
std::vector<Term> factored(Type type, std::vector<Term> terms, std::size_t& operations) {
    for (bool again = true; again;) {
        again = false;
        for (const Common& common : commons(terms)) {
            std::vector<Term> inner;
            std::vector<Term> outer;
            std::size_t place = terms.size();
            for (const Term& term : terms) {
                if (!common.is_in(term)) {
                    outer.push_back(term);
                    continue;
                }
                place = std::min(place, outer.size());
                inner.push_back(term);
                common.take_out_of(inner.back());
            }
            std::size_t inside = 0;
            inner = factored(type, std::move(inner), inside);
            Term joined;
            if (inner.size() == 1) {
                joined = inner.front();
            } else {
                inside += cost(inner);
                joined.factors = {built(type, inner)};
            }
            if (common.factor) {
                joined.factors.push_back(common.factor);
            } else {
                joined.scale *= common.size;
            }
            outer.insert(outer.begin() + static_cast<std::ptrdiff_t>(place), joined);
            if (cost(outer) + inside < cost(terms)) {
                terms = std::move(outer);
                operations += inside;
                again = true;
                break;
            }
        }
    }
    return terms;
}

class Collector {
public:
    explicit Collector(const std::vector<Ref>& values) {
        for (const Ref& value : values) {
            tops_.insert(value.get());
        }
        std::unordered_map<const Node*, int> uses;
        for (const Node* node : ir::postorder(values)) {
            for (const Ref& arg : node->args) {
                const bool part = (is_sum(*node) && (is_sum(*arg) || is_product(*arg))) ||
                                  (is_product(*node) && (is_product(*arg) || is_negation(*arg)));
                if (++uses[arg.get()] > 1 || !part) {
                    tops_.insert(arg.get());
                }
            }
        }
    }

    Ref operator()(const Ref& value) {
        return ir::rewrite(
            value,
            [&](const Node& node, const std::vector<Ref>& args) -> Ref {
                if (!is_sum(node) && !is_product(node)) {
                    return nullptr;
                }
                Node copy = node;
                copy.args = args;
                const Ref here = args == node.args ? nullptr : ir::make_node(std::move(copy));
                if (!tops_.contains(&node)) {
                    return here;
                }
                const Ref result = collect(node.type, here ? *here : node);
                const Ref kept = result ? result : here;
                atoms_.insert(kept ? kept.get() : &node);
                return kept;
            },
            memo_);
    }

private:
    /// Null where nothing is to be done.
    Ref collect(Type type, const Node& top) {
        std::vector<Term> terms;
        std::vector<std::pair<const Node*, double>> open{{&top, 1.0}};
        while (!open.empty()) {
            const auto [node, sign] = open.back();
            open.pop_back();
            if (is_product(*node)) {
                terms.push_back(term_of(*node, sign, atoms_));
                continue;
            }
            const bool is_difference = node->op == Op::sub;
            for (std::size_t i = node->args.size(); i-- > 0;) {
                const Ref& arg = node->args[i];
                const double here = is_negation(*node) || (is_difference && i == 1) ? -sign : sign;
                if ((is_sum(*arg) || is_product(*arg)) && !atoms_.contains(arg.get())) {
                    open.emplace_back(arg.get(), here);
                } else if (arg->kind == Kind::constant) {
                    terms.push_back({here * arg->real, {}});
                } else {
                    terms.push_back({here, {arg}});
                }
            }
            if (terms.size() > most_terms) {
                return nullptr;
            }
        }
        const std::size_t before = terms.size();
        merge(terms);
        std::size_t inside = 0;
        const std::size_t alone = cost(terms);
        terms = factored(type, std::move(terms), inside);
        return terms.size() == before && cost(terms) + inside == alone ? nullptr : built(type, terms);
    }

    // What cancels stays: it is 0 for numbers alone.
    static void merge(std::vector<Term>& terms) {
        std::vector<Term> merged;
        for (Term& term : terms) {
            const auto same = std::find_if(merged.begin(), merged.end(), [&](const Term& other) {
                return !term.factors.empty() && have_equal_factors(term, other) && term.scale + other.scale != 0;
            });
            if (same == merged.end()) {
                merged.push_back(std::move(term));
            } else {
                same->scale += term.scale;
            }
        }
        terms = std::move(merged);
    }

    std::unordered_set<const Node*> tops_;  ///< of sums of products, before
    std::unordered_set<const Node*> atoms_; ///< the same after
    ir::RewriteMemo memo_;
};

} // namespace

std::vector<Ref> collected(const std::vector<Ref>& values) {
    // What was used in several terms may be used once then, and be part of a term.
    constexpr int rounds = 3;
    std::vector<Ref> now = values;
    for (int round = 0; round < rounds; ++round) {
        Collector collector(now);
        std::vector<Ref> next;
        std::transform(now.begin(), now.end(), std::back_inserter(next), std::ref(collector));
        if (next == now) {
            break;
        }
        now = std::move(next);
    }
    return now;
}

} // namespace coulter::gradient
