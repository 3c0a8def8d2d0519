// Questions that passes ask of a kernel.

#include "coulter/ir.hpp"

#include <algorithm>

namespace coulter::ir {
namespace {

template <class List>
auto find_named(const List& list, std::string_view wanted) -> decltype(&list.front()) {
    const auto at = std::find_if(list.begin(), list.end(), [&](const auto& item) { return item.name == wanted; });
    return at == list.end() ? nullptr : &*at;
}

void append_unique(std::vector<std::string>& list, const std::string& item) {
    if (std::find(list.begin(), list.end(), item) == list.end()) {
        list.push_back(item);
    }
}

bool equal_all(const std::vector<Ref>& a, const std::vector<Ref>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Ref& x, const Ref& y) { return equal(x, y); });
}

bool equal(const std::optional<Reduction>& a, const std::optional<Reduction>& b) {
    if (!a || !b) {
        return a.has_value() == b.has_value();
    }
    return a->op == b->op && a->dims == b->dims && a->atomic == b->atomic && equal(a->where, b->where) &&
           equal_all(a->identity, b->identity) && equal_all(a->combine, b->combine) &&
           std::equal(a->into.begin(), a->into.end(), b->into.begin(), b->into.end(),
                      [](const Into& x, const Into& y) { return x.dim == y.dim && equal(x.index, y.index); });
}

bool equal(const std::optional<Scan>& a, const std::optional<Scan>& b) {
    if (!a || !b) {
        return a.has_value() == b.has_value();
    }
    return a->dim == b->dim && a->inner == b->inner && a->reversed == b->reversed && a->exclusive == b->exclusive &&
           a->associative == b->associative && equal_all(a->identity, b->identity) && equal_all(a->combine, b->combine);
}

} // namespace

const Dim* Kernel::find_dim(std::string_view wanted) const {
    return find_named(dims, wanted);
}
const Input* Kernel::find_input(std::string_view wanted) const {
    return find_named(inputs, wanted);
}
const Const* Kernel::find_const(std::string_view wanted) const {
    return find_named(consts, wanted);
}
const Definition* Kernel::find_definition(std::string_view wanted) const {
    return find_named(definitions, wanted);
}

bool Kernel::is_output(std::string_view wanted) const {
    return std::find(outputs.begin(), outputs.end(), wanted) != outputs.end();
}

const std::vector<std::string>& Kernel::dims_of(std::string_view tensor) const {
    if (const Input* input = find_input(tensor)) {
        return input->dims;
    }
    if (const Const* constant = find_const(tensor)) {
        return constant->dims;
    }
    const Definition* definition = find_definition(tensor);
    COULTER_INTERNAL_ASSERT(definition != nullptr);
    return definition->dims;
}

const std::vector<Type> Kernel::types_of(std::string_view tensor) const {
    if (const Input* input = find_input(tensor)) {
        return {input->type};
    }
    if (const Const* constant = find_const(tensor)) {
        return {constant->type};
    }
    const Definition* definition = find_definition(tensor);
    COULTER_INTERNAL_ASSERT(definition != nullptr);
    return definition->types;
}

Ref index_of(const Node& access, const std::string& dim) {
    for (std::size_t i = 0; i < access.dims.size(); ++i) {
        if (access.dims[i] == dim) {
            return access.args[i];
        }
    }
    return dim_node(dim);
}

std::vector<Ref> roots(const Definition& definition) {
    std::vector<Ref> all = definition.values;
    const auto append = [&](const std::vector<Ref>& more) { all.insert(all.end(), more.begin(), more.end()); };
    if (definition.reduction) {
        if (definition.reduction->where) {
            all.push_back(definition.reduction->where);
        }
        for (const Into& into : definition.reduction->into) {
            all.push_back(into.index);
        }
        append(definition.reduction->identity);
        append(definition.reduction->combine);
    }
    if (definition.scan) {
        append(definition.scan->identity);
        append(definition.scan->combine);
    }
    return all;
}

std::vector<std::string> reads(const Definition& definition) {
    std::vector<std::string> names;
    for (const Node* node : postorder(roots(definition))) {
        if (node->kind == Kind::access) {
            append_unique(names, node->name);
        }
    }
    return names;
}

std::vector<std::string> loop_dims(const Definition& definition) {
    std::vector<std::string> names = definition.dims;
    if (definition.reduction) {
        names.insert(names.end(), definition.reduction->dims.begin(), definition.reduction->dims.end());
    } else if (definition.scan) {
        for (const std::string& dim : definition.scan->dims()) {
            append_unique(names, dim);
        }
    }
    return names;
}

std::vector<std::string> Scan::dims() const {
    std::vector<std::string> all{dim};
    all.insert(all.end(), inner.begin(), inner.end());
    return all;
}

std::int64_t distance(const Node& operand, const std::string& dim) {
    const auto at = std::find(operand.dims.begin(), operand.dims.end(), dim);
    return at == operand.dims.end() ? 0 : operand.args[static_cast<std::size_t>(at - operand.dims.begin())]->integer;
}

std::vector<std::vector<std::int64_t>> distances(const Scan& scan) {
    std::vector<std::vector<std::int64_t>> all;
    for (const Node* node : postorder(scan.combine)) {
        if (node->kind != Kind::operand || node->dims.empty()) {
            continue;
        }
        std::vector<std::int64_t> here;
        for (const std::string& dim : scan.dims()) {
            here.push_back(distance(*node, dim));
        }
        if (std::find(all.begin(), all.end(), here) == all.end()) {
            all.push_back(std::move(here));
        }
    }
    return all;
}

std::vector<std::string> whole_dims(const Definition& definition) {
    std::vector<std::string> names;
    if (definition.scan) {
        names = definition.scan->dims();
    }
    if (definition.reduction) {
        for (const Into& into : definition.reduction->into) {
            names.push_back(into.dim);
        }
    }
    return names;
}

std::vector<std::string> free_dims(const Kernel& kernel, const std::vector<Ref>& expressions) {
    std::vector<std::string> names;
    for (const Node* node : postorder(expressions)) {
        if (node->kind == Kind::dim) {
            append_unique(names, node->name);
        } else if (node->kind == Kind::access) {
            for (const std::string& dim : kernel.dims_of(node->name)) {
                if (std::find(node->dims.begin(), node->dims.end(), dim) == node->dims.end()) {
                    append_unique(names, dim);
                }
            }
        }
    }
    return names;
}

bool equal(const Kernel& a, const Kernel& b) {
    const auto same_dim = [](const Dim& x, const Dim& y) {
        return x.name == y.name && x.size == y.size && equal(x.extent, y.extent);
    };
    const auto same_input = [](const Input& x, const Input& y) {
        return x.name == y.name && x.type == y.type && x.dims == y.dims && x.frozen == y.frozen;
    };
    const auto same_const = [](const Const& x, const Const& y) {
        return x.name == y.name && x.type == y.type && x.dims == y.dims && x.data == y.data;
    };
    const auto same_definition = [](const Definition& x, const Definition& y) {
        return x.name == y.name && x.dims == y.dims && x.types == y.types && equal_all(x.values, y.values) &&
               equal(x.reduction, y.reduction) && equal(x.scan, y.scan);
    };
    const auto same_group = [](const Group& x, const Group& y) {
        return x.path == y.path && x.function == y.function && x.inputs == y.inputs && x.outputs == y.outputs &&
               x.macro_file == y.macro_file && !x.vjp == !y.vjp && (!x.vjp || equal(*x.vjp, *y.vjp));
    };
    const auto all = [](const auto& x, const auto& y, const auto& same) {
        return std::equal(x.begin(), x.end(), y.begin(), y.end(), same);
    };
    return a.name == b.name && all(a.dims, b.dims, same_dim) && all(a.inputs, b.inputs, same_input) &&
           all(a.consts, b.consts, same_const) && all(a.definitions, b.definitions, same_definition) &&
           all(a.groups, b.groups, same_group) && a.outputs == b.outputs && a.updates == b.updates &&
           a.macro_files == b.macro_files && a.estimates == b.estimates;
}

} // namespace coulter::ir
