// join: several definitions in one loop nest; clone: one definition in several.

#include "rewrite_common.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <limits>
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
        return ir::real_constant(type, op == Op::product ? 1 : op == Op::min ? infinity : op == Op::max ? -infinity : 0);
    }
    const bool least = op == Op::max;
    if (op != Op::min && !least) {
        return ir::integer_constant(type, op == Op::product ? 1 : 0);
    }
    const int width = bits(type);
    if (is_unsigned_integer(type)) {
        return ir::integer_constant(type, least ? 0 : width == 64 ? -1 : (std::int64_t{1} << width) - 1);
    }
    const std::int64_t lowest = width == 64 ? std::numeric_limits<std::int64_t>::min() : -(std::int64_t{1} << (width - 1));
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
            return std::ranges::none_of(ir::reads(each), [&](const std::string& read) { return waiting.contains(read); });
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
            if (b.op == ir::ReduceOp::argmin || b.op == ir::ReduceOp::argmax || b.op == ir::ReduceOp::custom ||
                !b.into.empty()) {
                return fmt::format("`{}` is a {}", name, b.into.empty() ? ir::name(b.op) : "scatter");
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
    ir::Definition joined = *kernel.find_definition(stages.front());
    joined.name = name;
    joined.types.clear();
    joined.values.clear();
    std::vector<ir::Ref> identity;
    std::vector<ir::Ref> combine;
    for (const std::string& stage : stages) {
        const ir::Definition& each = *kernel.find_definition(stage);
        for (std::size_t i = 0; i < each.values.size(); ++i) {
            const int component = static_cast<int>(joined.types.size());
            joined.types.push_back(each.types[i]);
            joined.values.push_back(each.values[i]);
            if (each.reduction) {
                const ir::ReduceOp op = each.reduction->op;
                identity.push_back(identity_of(op, each.types[i]));
                combine.push_back(ir::binary(combine_of(op), ir::operand(each.types[i], component, false),
                                             ir::operand(each.types[i], component, true)));
            }
        }
    }
    if (joined.reduction) {
        joined.reduction->op = ir::ReduceOp::custom;
        joined.reduction->identity = std::move(identity);
        joined.reduction->combine = std::move(combine);
    }
    result.definitions.push_back(std::move(joined));
    int component = 0;
    for (const std::string& stage : stages) {
        ir::Definition& each = result.definitions[detail::position(result, stage)];
        each.reduction.reset();
        for (ir::Ref& value : each.values) {
            value = detail::read_by_name(result, name, component++);
        }
    }
    sort_definitions(result);
    return result;
}

} // namespace coulter::schedule
