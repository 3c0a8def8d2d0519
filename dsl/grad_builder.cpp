#include "grad_builder.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::gradient {

using ir::Kind;
using ir::Op;
using ir::Ref;

namespace {

bool starts_with_segment(const std::string& name, const std::string& segment) {
    return name == segment || name.starts_with(segment + ".");
}

std::string free_prefix(const ir::Kernel& kernel) {
    for (int order = 1;; ++order) {
        const std::string prefix = order == 1 ? "d" : fmt::format("d{}", order);
        const auto taken = [&](const auto& tensor) { return starts_with_segment(tensor.name, prefix); };
        if (std::none_of(kernel.inputs.begin(), kernel.inputs.end(), taken) &&
            std::none_of(kernel.consts.begin(), kernel.consts.end(), taken) &&
            std::none_of(kernel.definitions.begin(), kernel.definitions.end(), taken)) {
            return prefix;
        }
    }
}

bool is_zero(const Ref& index) {
    return index->kind == Kind::constant && index->integer == 0;
}

/// `a % m` alone, and m: a value in 0 .. m-1.
const detail::Atom* remainder_in(const detail::Polys& polys, const detail::Poly& poly) {
    if (poly.terms.size() != 1 || poly.terms.begin()->second != 1 || poly.terms.begin()->first.size() != 1) {
        return nullptr;
    }
    const detail::Atom& atom = polys.atom(poly.terms.begin()->first.front());
    return atom.kind == detail::Atom::Kind::mod ? &atom : nullptr;
}

} // namespace

Builder::Builder(const ir::Kernel& forward, const Sizes& sizes)
    : forward_(forward), kernel_(forward), sizes_(sizes), prefix_(free_prefix(forward)) {
    for (ir::Dim& dim : kernel_.dims) {
        const auto rule = sizes_.rules.find(dim.name);
        if (rule == sizes_.rules.end() || rule->second.source != ExtentSource::inferred) {
            continue;
        }
        rule->second.source =
            rule->second.value->kind == Kind::constant ? ExtentSource::constant : ExtentSource::expression;
        if (rule->second.value->kind == Kind::constant) {
            dim.size = rule->second.value->integer;
        } else {
            dim.extent = rule->second.value;
        }
    }
    for (const auto& [dim, rule] : sizes_.rules) {
        // Where the loop runs, an extent of max(e, 0) is e.
        const Ref& value = rule.value;
        if (value && value->kind == Kind::binary && value->op == Op::max && is_zero(value->args[1])) {
            if (const auto room = detail::Polys::add(polys_.convert(value->args[0]), polys_.extent(dim), -1)) {
                facts_.push_back({*room, dim});
            }
        }
    }
    for (const ir::Input& input : forward.inputs) {
        dims_[input.name] = input.dims;
        types_[input.name] = {input.type};
    }
    for (const ir::Const& constant : forward.consts) {
        dims_[constant.name] = constant.dims;
        types_[constant.name] = {constant.type};
    }
    for (const ir::Definition& definition : forward.definitions) {
        dims_[definition.name] = definition.dims;
        types_[definition.name] = definition.types;
    }
}

std::string Builder::adjoint_name(const std::string& tensor, int component) const {
    const bool tuple = types_.at(tensor).size() > 1;
    return tuple ? fmt::format("{}.{}.c{}", prefix_, tensor, component) : fmt::format("{}.{}", prefix_, tensor);
}

std::string Builder::helper_name(std::string name) const {
    const auto is_adjoint = [&](const std::string& candidate) {
        return types_.contains(candidate.substr(std::min(candidate.size(), prefix_.size() + 1)));
    };
    while (is_adjoint(name)) {
        name += '_';
    }
    return name;
}

void Builder::add(ir::Definition definition) {
    dims_[definition.name] = definition.dims;
    types_[definition.name] = definition.types;
    kernel_.definitions.push_back(std::move(definition));
}

void Builder::add_input(ir::Input input) {
    dims_[input.name] = input.dims;
    types_[input.name] = {input.type};
    kernel_.inputs.push_back(std::move(input));
}

void Builder::add_const(ir::Const constant) {
    dims_[constant.name] = constant.dims;
    types_[constant.name] = {constant.type};
    kernel_.consts.push_back(std::move(constant));
}

void Builder::add_dim(ir::Dim dim) {
    const Ref value = dim.size ? ir::index_constant(*dim.size) : dim.extent;
    sizes_.rules[dim.name] = {dim.size ? ExtentSource::constant : ExtentSource::expression, value, {}};
    sizes_.order.push_back(dim.name);
    kernel_.dims.push_back(std::move(dim));
}

Type Builder::type_of(const std::string& tensor, int component) const {
    return types_.at(tensor).at(static_cast<std::size_t>(component));
}

Ref Builder::read(const std::string& tensor, int component) const {
    return read_at(tensor, component, {});
}

Ref Builder::read_at(const std::string& tensor, int component, const std::map<std::string, Ref>& indices,
                     const Ref& pad) const {
    ir::Node node;
    node.kind = Kind::access;
    node.name = tensor;
    node.component = component;
    node.type = type_of(tensor, component);
    for (const std::string& dim : dims_of(tensor)) {
        const auto index = indices.find(dim);
        const bool bound = index != indices.end() && !(index->second->kind == Kind::dim && index->second->name == dim);
        if (bound) {
            node.dims.push_back(dim);
            node.args.push_back(index->second);
        }
    }
    if (pad) {
        node.boundary = ir::Boundary::padded;
        node.args.push_back(pad);
    }
    return ir::make_node(std::move(node));
}

std::string Builder::make_dim(const std::string& name, const Ref& extent, const std::vector<std::string>& taken) {
    for (std::string candidate = prefix_ + "." + name;; candidate = prefix_ + "." + candidate) {
        if (std::find(taken.begin(), taken.end(), candidate) != taken.end()) {
            continue;
        }
        if (const ir::Dim* const known = kernel_.find_dim(candidate)) {
            const bool same = extent->kind == Kind::constant ? known->size == extent->integer
                                                             : known->extent && ir::equal(known->extent, extent);
            if (same) {
                return candidate;
            }
            continue;
        }
        ir::Dim dim;
        dim.name = candidate;
        if (extent->kind == Kind::constant) {
            dim.size = extent->integer;
            sizes_.rules[candidate] = {ExtentSource::constant, extent, {}};
        } else {
            dim.extent = extent;
            sizes_.rules[candidate] = {ExtentSource::expression, extent, {}};
        }
        sizes_.order.push_back(candidate);
        kernel_.dims.push_back(std::move(dim));
        return candidate;
    }
}

std::optional<std::int64_t> Builder::size(const std::string& dim) const {
    const auto rule = sizes_.rules.find(dim);
    const bool known = rule != sizes_.rules.end() && rule->second.value && rule->second.value->kind == Kind::constant;
    return known ? std::optional(rule->second.value->integer) : std::nullopt;
}

Ref Builder::extent(const std::string& dim) const {
    const auto constant = size(dim);
    return constant ? ir::index_constant(*constant) : ir::extent_node(dim);
}

// m * (a / m) + a % m is a.
detail::Poly Builder::joined(detail::Poly poly) const {
    using detail::Atom;
    for (bool found = true; found;) {
        found = false;
        for (const auto& [monomial, coefficient] : poly.terms) {
            const detail::Atom* const rest = monomial.size() == 1 ? &polys_.atom(monomial.front()) : nullptr;
            if (rest == nullptr || rest->kind != Atom::Kind::mod) {
                continue;
            }
            for (const auto& [other, factor] : poly.terms) {
                const detail::Atom* const quotient = other.size() == 1 ? &polys_.atom(other.front()) : nullptr;
                std::int64_t wanted = 0;
                if (quotient == nullptr || quotient->kind != Atom::Kind::div || quotient->divisor != rest->divisor ||
                    quotient->a != rest->a || __builtin_mul_overflow(coefficient, rest->divisor, &wanted) ||
                    factor != wanted) {
                    continue;
                }
                detail::Poly without = poly;
                without.terms.erase(monomial);
                without.terms.erase(other);
                const auto sum = detail::Polys::add(without, rest->a, coefficient);
                if (sum) {
                    poly = *sum;
                    found = true;
                }
                break;
            }
            if (found) {
                break;
            }
        }
    }
    return poly;
}

Ref Builder::simplified(const Ref& index) {
    ir::RewriteMemo memo;
    const Ref inner = ir::rewrite(
        index,
        [&](const ir::Node& node, const std::vector<Ref>& args) -> Ref {
            const bool divides = node.kind == Kind::binary && (node.op == Op::div || node.op == Op::mod);
            if (node.kind != Kind::binary || node.type != Type::index) {
                return nullptr;
            }
            ir::Node copy = node;
            copy.args = args;
            if (divides && args[1]->kind == Kind::constant && args[1]->integer >= 1) {
                // (a % m) / n is 0 and (a % m) % n is a % m, where m is at most n.
                const detail::Poly numerator = joined(polys_.convert(args[0]));
                const detail::Atom* const rest = remainder_in(polys_, numerator);
                if (rest != nullptr && rest->divisor <= args[1]->integer) {
                    return node.op == Op::div ? ir::index_constant(0) : polys_.rebuild(numerator);
                }
            }
            return polys_.rebuild(joined(polys_.convert(ir::make_node(std::move(copy)))));
        },
        memo);
    return polys_.rebuild(joined(polys_.convert(inner)));
}

bool Builder::nonnegative(const Ref& index, const std::vector<std::string>& loops) {
    detail::Prover prover(polys_, sizes_, facts_);
    prover.set_loops(loops);
    const detail::Poly poly = polys_.convert(index);
    return prover.nonnegative(poly) || quotients_ascend(prover, with_formulas(poly));
}

// Extents that count for something and have a formula, by that; max(e, 0) is at least e.
detail::Poly Builder::with_formulas(detail::Poly poly) {
    for (const ir::Dim& dim : kernel_.dims) {
        const auto at = poly.terms.find({"e:" + dim.name});
        if (!dim.extent || at == poly.terms.end() || at->second < 0) {
            continue;
        }
        const bool limited =
            dim.extent->kind == Kind::binary && dim.extent->op == Op::max && is_zero(dim.extent->args[1]);
        const std::int64_t times = at->second;
        detail::Poly without = poly;
        without.terms.erase(detail::Monomial{"e:" + dim.name});
        const Ref formula = limited ? dim.extent->args[0] : dim.extent;
        if (const auto sum = detail::Polys::add(without, polys_.convert(formula), times)) {
            poly = *sum;
        }
    }
    return poly;
}

// a / m - b / m >= 0 where a >= b, which bounds of each quotient alone do not show.
bool Builder::quotients_ascend(detail::Prover& prover, const detail::Poly& poly) const {
    const auto quotient = [&](const detail::Monomial& monomial) -> const detail::Atom* {
        const detail::Atom* const atom = monomial.size() == 1 ? &polys_.atom(monomial.front()) : nullptr;
        return atom != nullptr && atom->kind == detail::Atom::Kind::div ? atom : nullptr;
    };
    for (const auto& [high, up] : poly.terms) {
        for (const auto& [low, down] : poly.terms) {
            const detail::Atom* const a = quotient(high);
            const detail::Atom* const b = quotient(low);
            if (a == nullptr || b == nullptr || up <= 0 || up != -down || a->divisor != b->divisor) {
                continue;
            }
            detail::Poly rest = poly;
            rest.terms.erase(high);
            rest.terms.erase(low);
            // A constant beside them goes into the numerator.
            std::int64_t constant = 0;
            if (up == 1 && !__builtin_mul_overflow(rest.constant(), a->divisor, &constant)) {
                rest.terms.erase(detail::Monomial{});
            }
            auto difference = detail::Polys::add(a->a, b->a, -1);
            difference = difference ? detail::Polys::add(*difference, detail::Polys::constant(constant)) : difference;
            if (difference && prover.nonnegative(*difference) && prover.nonnegative(rest)) {
                return true;
            }
        }
    }
    return false;
}

bool Builder::inside(const Ref& index, const std::string& dim, const std::vector<std::string>& loops) {
    const Ref last = ir::binary(Op::sub, ir::extent_node(dim), ir::index_constant(1));
    return nonnegative(index, loops) && nonnegative(ir::binary(Op::sub, last, index), loops);
}

bool Builder::holds(const Ref& comparison, const std::vector<std::string>& loops) {
    const Ref value = slack(*comparison);
    return value && nonnegative(value, loops);
}

Ref slack(const ir::Node& comparison) {
    if (comparison.kind != Kind::binary || comparison.args[0]->type != Type::index) {
        return nullptr;
    }
    const Ref& a = comparison.args[0];
    const Ref& b = comparison.args[1];
    const auto less = [](const Ref& low, const Ref& high, std::int64_t gap) {
        return ir::binary(Op::sub, ir::binary(Op::sub, high, low), ir::index_constant(gap));
    };
    switch (comparison.op) {
    case Op::lt: return less(a, b, 1);
    case Op::le: return less(a, b, 0);
    case Op::gt: return less(b, a, 1);
    case Op::ge: return less(b, a, 0);
    default: return nullptr;
    }
}

} // namespace coulter::gradient
