#include "grad_invariant.hpp"

#include "grad_math.hpp"
#include "grad_terms.hpp"
#include "lists.hpp"

#include <algorithm>

namespace coulter::gradient {

using ir::Kind;
using ir::Node;
using ir::Op;
using ir::Ref;

namespace {

/// Factors of a sum's value that its reduced dims do not change, and `rest`. None where it has conditions: without a
/// summand a sum is 0, whatever the factor is.
Term loop_invariant(const ir::Kernel& kernel, const ir::Definition& sum, Term& rest) {
    Term outside;
    const bool is_plain = sum.types.size() == 1 && sum.reduction && sum.reduction->op == ir::ReduceOp::sum &&
                          !sum.reduction->where && sum.reduction->into.empty();
    if (!is_plain || (!is_product(*sum.values[0]) && !is_negation(*sum.values[0]))) {
        return outside;
    }
    const Term all = term_of(*sum.values[0], is_negation(*sum.values[0]) ? -1 : 1, {});
    for (const Ref& factor : all.factors) {
        const std::vector<std::string> used = ir::free_dims(kernel, {factor});
        const bool changes = std::any_of(used.begin(), used.end(),
                                         [&](const std::string& dim) { return contains(sum.reduction->dims, dim); });
        (changes ? rest : outside).factors.push_back(factor);
    }
    (rest.factors.empty() ? rest : outside).scale = all.scale;
    return outside;
}

/// The one definition that reads `sum`, if it is a map that takes each element for one of its own.
ir::Definition* map_over(ir::Kernel& kernel, const ir::Definition& sum) {
    ir::Definition* reader = nullptr;
    for (ir::Definition& definition : kernel.definitions) {
        for (const Node* node : ir::postorder(ir::roots(definition))) {
            if (node->kind != Kind::access || node->name != sum.name) {
                continue;
            }
            if ((reader != nullptr && reader != &definition) || !node->dims.empty() || definition.reduction ||
                definition.scan || definition.dims.size() != sum.dims.size()) {
                return nullptr;
            }
            reader = &definition;
        }
    }
    return reader;
}

} // namespace

void take_factors_out(ir::Kernel& kernel, const std::function<bool(const std::string&)>& is_helper) {
    for (ir::Definition& sum : kernel.definitions) {
        if (!is_helper(sum.name) || kernel.is_output(sum.name)) {
            continue;
        }
        Term rest;
        const Term outside = loop_invariant(kernel, sum, rest);
        const bool is_any = !rest.factors.empty() && (!outside.factors.empty() || outside.is_scaled());
        ir::Definition* const reader = is_any ? map_over(kernel, sum) : nullptr;
        if (reader == nullptr) {
            continue;
        }
        ir::RewriteMemo memo;
        for (Ref& value : reader->values) {
            value = ir::rewrite(
                value,
                [&](const Node& node, const std::vector<Ref>& args) -> Ref {
                    if (node.kind == Kind::binary && node.op == Op::add) {
                        return sum_of(args[0], args[1]); // a sign goes into a difference
                    }
                    if (node.kind != Kind::access || node.name != sum.name) {
                        return nullptr;
                    }
                    Term product = outside;
                    product.factors.insert(product.factors.begin(), ir::make_node(node));
                    return built(node.type, product);
                },
                memo);
        }
        sum.values[0] = built(sum.values[0]->type, std::vector<Term>{rest});
    }
}

} // namespace coulter::gradient
