#include "grad_builder.hpp"

#include <algorithm>
#include <fmt/format.h>

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

bool Builder::nonnegative(const Ref& index, const std::vector<std::string>& loops) {
    detail::Prover prover(polys_, sizes_, no_facts_);
    prover.set_loops(loops);
    return prover.nonnegative(polys_.convert(index));
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
