// join: several definitions in one loop nest; clone: one definition in several.

#include "rewrite_common.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <limits>
#include <map>
#include <numeric>
#include <set>

namespace coulter::schedule {
namespace {

ir::Ref identity_of(ir::ReduceOp op, Type type) {
    using Op = ir::ReduceOp;
    if (type == Type::boolean) {
        return ir::bool_constant(op == Op::all);
    }
    if (is_float(type)) {
        const double infinity = std::numeric_limits<double>::infinity();
        return ir::real_constant(type, op == Op::product ? 1
                                       : op == Op::min   ? infinity
                                       : op == Op::max   ? -infinity
                                                         : 0);
    }
    const bool least = op == Op::max;
    if (op != Op::min && !least) {
        return ir::integer_constant(type, op == Op::product ? 1 : 0);
    }
    const int width = bits(type);
    if (is_unsigned_integer(type)) {
        return ir::integer_constant(type, least ? 0 : width == 64 ? -1 : (std::int64_t{1} << width) - 1);
    }
    const std::int64_t lowest =
        width == 64 ? std::numeric_limits<std::int64_t>::min() : -(std::int64_t{1} << (width - 1));
    return ir::integer_constant(type, least ? lowest : -(lowest + 1));
}

ir::Op combine_of(ir::ReduceOp op) {
    switch (op) {
    case ir::ReduceOp::product: return ir::Op::mul;
    case ir::ReduceOp::min: return ir::Op::min;
    case ir::ReduceOp::max: return ir::Op::max;
    case ir::ReduceOp::any: return ir::Op::logical_or;
    case ir::ReduceOp::all: return ir::Op::logical_and;
    default: return ir::Op::add;
    }
}

bool same_set(const std::vector<std::string>& a, const std::vector<std::string>& b) {
    return std::set<std::string>(a.begin(), a.end()) == std::set<std::string>(b.begin(), b.end());
}

/// Whether each component of a reduction is combined by itself, by an operation that has a name.
bool has_components(const ir::Definition& stage) {
    const ir::Reduction& reduction = *stage.reduction;
    return reduction.op != ir::ReduceOp::argmin && reduction.op != ir::ReduceOp::argmax &&
           reduction.op != ir::ReduceOp::custom && reduction.into.empty();
}

/// All definitions that `name` needs, directly or through others.
std::set<std::string> needs(const ir::Kernel& kernel, const std::string& name) {
    std::set<std::string> found;
    std::vector<std::string> open{name};
    while (!open.empty()) {
        const ir::Definition* definition = kernel.find_definition(open.back());
        open.pop_back();
        for (const std::string& read : definition == nullptr ? std::vector<std::string>{} : ir::reads(*definition)) {
            if (found.insert(read).second) {
                open.push_back(read);
            }
        }
    }
    return found;
}

/// Producers before consumers, else in the order that they have.
void sort_definitions(ir::Kernel& kernel) {
    std::vector<ir::Definition> left = std::move(kernel.definitions);
    kernel.definitions.clear();
    std::set<std::string> waiting;
    for (const ir::Definition& each : left) {
        waiting.insert(each.name);
    }
    while (!left.empty()) {
        const auto ready = std::ranges::find_if(left, [&](const ir::Definition& each) {
            return std::ranges::none_of(ir::reads(each),
                                        [&](const std::string& read) { return waiting.contains(read); });
        });
        COULTER_INTERNAL_ASSERT(ready != left.end());
        waiting.erase(ready->name);
        kernel.definitions.push_back(std::move(*ready));
        left.erase(ready);
    }
}

} // namespace

ir::Kernel clone(const ir::Kernel& kernel, const std::string& producer, const std::vector<std::string>& consumers,
                 const std::string& name) {
    const std::size_t at = detail::position(kernel, producer);
    ir::Kernel result = kernel;
    ir::Definition fresh = kernel.definitions[at];
    fresh.name = name;
    for (const std::string& consumer : consumers) {
        detail::rewrite_definition(result.definitions[detail::position(result, consumer)],
                                   [&](const ir::Node& node, const std::vector<ir::Ref>& args) {
                                       if (node.kind != ir::Kind::access || node.name != producer) {
                                           return ir::Ref{};
                                       }
                                       ir::Node replacement = node;
                                       replacement.name = name;
                                       replacement.args = args;
                                       return ir::make_node(std::move(replacement));
                                   });
    }
    result.definitions.insert(result.definitions.begin() + static_cast<std::ptrdiff_t>(at) + 1, std::move(fresh));
    return result;
}

bool compute_the_same(const ir::Definition& a, const ir::Definition& b) {
    const auto equal = [](const std::vector<ir::Ref>& left, const std::vector<ir::Ref>& right) {
        return std::ranges::equal(left, right, [](const ir::Ref& x, const ir::Ref& y) { return ir::equal(x, y); });
    };
    if (a.scan || b.scan || a.reduction.has_value() != b.reduction.has_value() || a.types != b.types ||
        !same_set(a.dims, b.dims) || !equal(a.values, b.values)) {
        return false;
    }
    if (!a.reduction) {
        return true;
    }
    const ir::Reduction& x = *a.reduction;
    const ir::Reduction& y = *b.reduction;
    const bool both_or_none = (x.where != nullptr) == (y.where != nullptr);
    return x.op == y.op && x.dims == y.dims && both_or_none && (!x.where || ir::equal(x.where, y.where)) &&
           x.into.empty() && y.into.empty() && equal(x.identity, y.identity) && equal(x.combine, y.combine);
}

std::string join_obstacle(const ir::Kernel& kernel, const std::vector<std::string>& stages) {
    const ir::Definition& first = *kernel.find_definition(stages.front());
    for (const std::string& name : stages) {
        const ir::Definition& each = *kernel.find_definition(name);
        if (each.scan) {
            return fmt::format("`{}` is a scan", name);
        }
        if (each.reduction.has_value() != first.reduction.has_value()) {
            return fmt::format("one of `{}` and `{}` is a map, the other a reduction", first.name, name);
        }
        if (!same_set(each.dims, first.dims)) {
            return fmt::format("`{}` has the dims {}, and `{}` has {}", first.name, quoted_list(first.dims), name,
                               quoted_list(each.dims));
        }
        if (each.reduction) {
            const ir::Reduction& a = *first.reduction;
            const ir::Reduction& b = *each.reduction;
            for (const auto& [one, other] : {std::pair(&first, &each), std::pair(&each, &first)}) {
                if (!one->reduction->into.empty()) {
                    return fmt::format("`{}` is a scatter", one->name);
                }
                if (!has_components(*one) && !compute_the_same(*one, *other)) {
                    return fmt::format("`{}` is {}, and `{}` computes something else", one->name,
                                       one->reduction->op == ir::ReduceOp::custom
                                           ? "a reduction of its own"
                                           : fmt::format("an {}", ir::name(one->reduction->op)),
                                       other->name);
                }
            }
            if (!same_set(a.dims, b.dims)) {
                return fmt::format("`{}` reduces {}, and `{}` reduces {}", first.name, quoted_list(a.dims), name,
                                   quoted_list(b.dims));
            }
            if ((a.where != nullptr) != (b.where != nullptr) || (a.where && !ir::equal(a.where, b.where))) {
                return fmt::format("`{}` and `{}` reduce under different conditions", first.name, name);
            }
        }
        const std::set<std::string> needed = needs(kernel, name);
        for (const std::string& other : stages) {
            if (needed.contains(other)) {
                return fmt::format("`{}` needs the result of `{}`", name, other);
            }
        }
    }
    return {};
}

ir::Kernel join(const ir::Kernel& kernel, const std::vector<std::string>& stages, const std::string& name) {
    ir::Kernel result = kernel;
    const ir::Definition& first = *kernel.find_definition(stages.front());
    ir::Definition joined = first;
    joined.name = name;
    std::vector<ir::ReduceOp> ops;                   // of the components
    std::map<std::string, std::vector<int>> part_of; // by stage, which components are its own
    if (first.reduction && !has_components(first)) {
        for (const std::string& stage : stages) { // all of them compute the same
            part_of[stage].resize(first.types.size());
            std::iota(part_of[stage].begin(), part_of[stage].end(), 0);
        }
    } else {
        joined.types.clear();
        joined.values.clear();
        for (const std::string& stage : stages) {
            const ir::Definition& each = *kernel.find_definition(stage);
            const ir::ReduceOp op = each.reduction ? each.reduction->op : ir::ReduceOp::sum;
            for (std::size_t i = 0; i < each.values.size(); ++i) {
                std::size_t component = 0;
                while (component < ops.size() && !(ops[component] == op && joined.types[component] == each.types[i] &&
                                                   ir::equal(joined.values[component], each.values[i]))) {
                    ++component;
                }
                if (component == ops.size()) {
                    joined.types.push_back(each.types[i]);
                    joined.values.push_back(each.values[i]);
                    ops.push_back(op);
                }
                part_of[stage].push_back(static_cast<int>(component));
            }
        }
    }
    if (joined.reduction && ops.size() > 1) {
        std::vector<ir::Ref> identity;
        std::vector<ir::Ref> combine;
        for (std::size_t i = 0; i < ops.size(); ++i) {
            const auto component = static_cast<int>(i);
            const Type type = joined.types[i];
            identity.push_back(identity_of(ops[i], type));
            combine.push_back(ir::binary(combine_of(ops[i]), ir::operand(type, component, false),
                                         ir::operand(type, component, true)));
        }
        joined.reduction->op = ir::ReduceOp::custom;
        joined.reduction->identity = std::move(identity);
        joined.reduction->combine = std::move(combine);
    }
    result.definitions.push_back(std::move(joined));
    for (const std::string& stage : stages) {
        ir::Definition& each = result.definitions[detail::position(result, stage)];
        each.reduction.reset();
        each.values.clear();
        for (const int component : part_of.at(stage)) {
            each.values.push_back(detail::read_by_name(result, name, component));
        }
    }
    sort_definitions(result);
    return result;
}

} // namespace coulter::schedule
