#include "extents.hpp"

#include "integer_math.hpp"
#include "names.hpp"

#include "coulter/schedule/check.hpp"

#include <algorithm>
#include <unordered_map>

namespace coulter::lower {

bool is_introduced(const std::string& dim) { return dim.find(':') != std::string::npos; }

Extents::Extents(const ir::Kernel& kernel) : constants_(schedule::constant_extents(kernel)) {
    for (const ir::Dim& dim : kernel.dims) {
        // The C entry passes every extent that is not stated as a constant, also one that follows from constants.
        if (!dim.size && !is_introduced(dim.name)) {
            const Halide::Parameter parameter(Halide::Int(32), false, 0, "extent_" + mangle(dim.name));
            exprs_[dim.name] = Halide::Internal::Variable::make(Halide::Int(32), parameter.name(), parameter);
            arguments_.emplace_back(parameter.name(), Halide::Argument::InputScalar, Halide::Int(32), 0,
                                    Halide::ArgumentEstimates{});
        }
        if (constants_.contains(dim.name)) {
            exprs_[dim.name] = Halide::Expr(static_cast<std::int32_t>(constants_.at(dim.name)));
        }
    }
    // An introduced dim's extent refers to dims that exist before it.
    for (const ir::Dim& dim : kernel.dims) {
        if (is_introduced(dim.name) && !constants_.contains(dim.name)) {
            exprs_[dim.name] = Halide::Internal::simplify(lower(dim.extent));
        }
    }
}

std::optional<std::int64_t> Extents::constant(const std::string& dim) const {
    const auto at = constants_.find(dim);
    return at == constants_.end() ? std::nullopt : std::optional(at->second);
}

Halide::Expr Extents::lower(const ir::Ref& expression) const {
    std::unordered_map<const ir::Node*, Halide::Expr> done;
    for (const ir::Node* node : ir::postorder({expression})) {
        switch (node->kind) {
        case ir::Kind::constant: done[node] = Halide::Expr(static_cast<std::int32_t>(node->integer)); break;
        case ir::Kind::extent: done[node] = exprs_.at(node->name); break;
        case ir::Kind::unary: done[node] = -done.at(node->args[0].get()); break;
        default:
            COULTER_INTERNAL_ASSERT(node->kind == ir::Kind::binary);
            done[node] = index_binary(node->op, done.at(node->args[0].get()), done.at(node->args[1].get()));
        }
    }
    return done.at(expression.get());
}

std::optional<Interval> constant_range(const ir::Ref& index, const Extents& extents,
                                       const std::set<std::string>& open) {
    std::unordered_map<const ir::Node*, std::optional<Interval>> ranges;
    for (const ir::Node* node : ir::postorder({index})) {
        std::optional<Interval>& range = ranges[node];
        const auto arg = [&](std::size_t i) { return ranges.at(node->args[i].get()); };
        // Far below overflow: products of two such bounds still fit.
        const auto keep = [&](std::int64_t low, std::int64_t high) {
            if (low > -(1LL << 31) && high < (1LL << 31)) {
                range = Interval{low, high};
            }
        };
        if (node->kind == ir::Kind::constant) {
            keep(node->integer, node->integer);
        } else if (node->kind == ir::Kind::extent) {
            if (const auto size = extents.constant(node->name)) {
                keep(*size, *size);
            }
        } else if (node->kind == ir::Kind::dim) {
            const auto size = extents.constant(node->name);
            if (size && !open.contains(node->name)) {
                keep(0, *size - 1);
            }
        } else if (node->kind == ir::Kind::binary) {
            const auto a = arg(0);
            const auto b = arg(1);
            const bool divisor = b && b->low == b->high && b->low > 0;
            if (node->op == ir::Op::mod && divisor) {
                keep(0, b->low - 1);
            } else if (!a || !b) {
                continue;
            } else if (node->op == ir::Op::add) {
                keep(a->low + b->low, a->high + b->high);
            } else if (node->op == ir::Op::sub) {
                keep(a->low - b->high, a->high - b->low);
            } else if (node->op == ir::Op::mul) {
                const auto corners = {a->low * b->low, a->low * b->high, a->high * b->low, a->high * b->high};
                keep(std::min(corners), std::max(corners));
            } else if (node->op == ir::Op::div && divisor) {
                const auto floor = [&](std::int64_t v) { return v >= 0 ? v / b->low : -((-v + b->low - 1) / b->low); };
                keep(floor(a->low), floor(a->high));
            } else if (node->op == ir::Op::min) {
                keep(std::min(a->low, b->low), std::min(a->high, b->high));
            } else if (node->op == ir::Op::max) {
                keep(std::max(a->low, b->low), std::max(a->high, b->high));
            }
        }
    }
    return ranges.at(index.get());
}

} // namespace coulter::lower
