#include "grad_terms.hpp"

#include "grad_math.hpp"

namespace coulter::gradient {

using ir::Kind;
using ir::Node;
using ir::Op;
using ir::Ref;

bool is_sum(const Node& node) {
    return is_float(node.type) && ((node.kind == Kind::binary && (node.op == Op::add || node.op == Op::sub)) ||
                                   (node.kind == Kind::unary && node.op == Op::neg));
}

bool is_product(const Node& node) {
    return is_float(node.type) && node.kind == Kind::binary && node.op == Op::mul;
}

bool is_negation(const Node& node) {
    return node.kind == Kind::unary && node.op == Op::neg;
}

Term term_of(const Node& product, double sign, const std::unordered_set<const Node*>& whole) {
    Term term{sign, {}};
    std::vector<Ref> open(product.args.rbegin(), product.args.rend());
    while (!open.empty()) {
        const Ref next = open.back();
        open.pop_back();
        const bool is_part = (is_product(*next) || is_negation(*next)) && !whole.contains(next.get());
        if (is_part) {
            term.scale = is_negation(*next) ? -term.scale : term.scale;
            open.insert(open.end(), next->args.rbegin(), next->args.rend());
        } else if (next->kind == Kind::constant) {
            term.scale *= next->real;
        } else {
            term.factors.push_back(next);
        }
    }
    return term;
}

Ref built(Type type, const Term& term) {
    Ref product;
    for (const Ref& factor : term.factors) {
        product = product ? ir::binary(Op::mul, product, factor) : factor;
    }
    const Ref size = ir::real_constant(type, std::abs(term.scale));
    product = !product ? size : term.is_scaled() ? ir::binary(Op::mul, product, size) : product;
    return term.scale < 0 ? ir::unary(Op::neg, product) : product;
}

Ref built(Type type, const std::vector<Term>& terms) {
    Ref total;
    for (const Term& term : terms) {
        total = sum_of(total, built(type, term));
    }
    return total;
}

} // namespace coulter::gradient
