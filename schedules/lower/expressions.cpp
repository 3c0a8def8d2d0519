#include "expressions.hpp"

#include "integer_math.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <unordered_set>

namespace coulter::lower {
namespace {

using Halide::Expr;

Expr constant(const ir::Node& node) {
    const Halide::Type type = halide_type(node.type);
    if (is_float(node.type)) {
        return Halide::Internal::make_const(type, node.real);
    }
    return type.is_uint() ? Halide::Internal::make_const(type, static_cast<std::uint64_t>(node.integer))
                          : Halide::Internal::make_const(type, node.integer);
}

// Operations whose result depends on whether an operand is NaN in a way that LLVM may undo for relaxed operands.
bool looks_for_nan(const ir::Node& node) {
    switch (node.op) {
    case ir::Op::min:
    case ir::Op::max:
    case ir::Op::eq:
    case ir::Op::ne:
    case ir::Op::lt:
    case ir::Op::le:
    case ir::Op::gt:
    case ir::Op::ge: return true;
    case ir::Op::stop_gradient: return false;
    default: return node.kind == ir::Kind::call || node.kind == ir::Kind::cast;
    }
}

// Halide takes an index that equals something for that in the bounds of what is read under the condition, and one that
// is compared for one in that range, and then asks producers for more than the tile.
bool bends_bounds(const ir::Kernel& kernel, const ir::Node& select) {
    const std::vector<const ir::Node*> nodes = ir::postorder({select.args[0]});
    const auto compares = [&](std::initializer_list<ir::Op> ops) {
        return std::any_of(nodes.begin(), nodes.end(), [&](const ir::Node* node) {
            return std::find(ops.begin(), ops.end(), node->op) != ops.end() && node->args[0]->type == Type::index;
        });
    };
    const auto reads_stage = [&] {
        const std::vector<const ir::Node*> read = ir::postorder({select.args[1], select.args[2]});
        return std::any_of(read.begin(), read.end(), [&](const ir::Node* node) {
            return node->kind == ir::Kind::access && kernel.find_definition(node->name) != nullptr;
        });
    };
    return compares({ir::Op::eq, ir::Op::ne}) ||
           (compares({ir::Op::lt, ir::Op::le, ir::Op::gt, ir::Op::ge}) && reads_stage());
}

// Functions that are Halide's or libm's: their results carry its promise that they are no NaN.
bool promises(const ir::Node& node) {
    switch (node.op) {
    case ir::Op::abs:
    case ir::Op::exp:
    case ir::Op::log:
    case ir::Op::expm1:
    case ir::Op::tanh:
    case ir::Op::erf: return node.type == Type::f64 && node.op != ir::Op::abs;
    case ir::Op::sigmoid:
    case ir::Op::stop_gradient: return false;
    case ir::Op::mod: return true;
    default: return node.kind == ir::Kind::call;
    }
}

bool compares(ir::Op op) {
    return op == ir::Op::lt || op == ir::Op::le || op == ir::Op::gt || op == ir::Op::ge || op == ir::Op::eq ||
           op == ir::Op::ne;
}

/// An integer through which Halide does not solve, for a bit is turned twice. LLVM leaves that out again.
Expr unsolvable(const Expr& value) {
    return (value ^ 1) ^ 1;
}

/// A value that compares with loop indices as `value` does, from -1 to beyond all of them: where Halide cuts a loop
/// that is split, it moves the terms of the index beside the value, and rounds up to steps. Neither leaves i32 then.
Expr among_indices(const Expr& value) {
    constexpr int beyond = std::numeric_limits<std::int32_t>::max() - (1 << 20);
    return unsolvable(Halide::clamp(value, -1, beyond));
}

/// Whether a value is a loop index itself.
bool is_loop_index(const ir::Ref& value) {
    const ir::Node* node = value.get();
    while (node->kind == ir::Kind::cast && (node->type == Type::i32 || node->type == Type::index)) {
        node = node->args[0].get();
    }
    return node->kind == ir::Kind::dim;
}

bool has_data(const ir::Ref& value) {
    const std::vector<const ir::Node*> nodes = ir::postorder({value});
    return std::any_of(nodes.begin(), nodes.end(), [](const ir::Node* node) { return node->kind == ir::Kind::access; });
}

} // namespace

void Expressions::set_operands(std::vector<Expr> left, std::vector<Expr> right,
                               std::function<Expr(const ir::Node&)> placed) {
    scope_.left = std::move(left);
    scope_.right = std::move(right);
    placed_ = std::move(placed);
    done_.clear();
}

Expr Expressions::shielded(const ir::Ref& node) const {
    return relaxed_.at(node.get()) ? scope_.math.barrier(lowered(node)) : lowered(node);
}

Expr Expressions::lower(const ir::Ref& expression) {
    for (const ir::Node* node : ir::postorder({expression})) {
        if (!done_.contains(node)) {
            bool relaxed = false;
            if (node->kind == ir::Kind::access) {
                relaxed = is_float(node->type) && scope_.sources.at(node->name).relaxed;
            } else if (is_float(node->type)) {
                for (const ir::Ref& arg : node->args) {
                    relaxed = relaxed || relaxed_.at(arg.get());
                }
                relaxed = promises(*node) || (relaxed && !looks_for_nan(*node));
            }
            relaxed_[node] = relaxed;
            done_[node] = lower_node(*node);
        }
    }
    return lowered(expression);
}

bool Expressions::is_relaxed(const ir::Ref& expression) {
    (void)lower(expression);
    return relaxed_.at(expression.get());
}

Expr Expressions::lower_compared(const ir::Ref& expression) {
    (void)lower(expression);
    const Expr value = shielded(expression);
    // Halide ends a loop where it finds that no later step changes the state, by solving `state >= value` for the loop:
    // of `extent - j` that is `extent - state`, which overflows while the state is the lowest integer.
    return expression->type == Type::i32 && follows_index(expression) ? unsolvable(value) : value;
}

/// Whether a side of a comparison is arithmetic of loop indices, be it in maps that may be inlined. What is a loop
/// index alone here is arithmetic where its loop is split, but never more than an index.
bool Expressions::is_index_arithmetic(const ir::Ref& side) const {
    const ir::Node* node = side.get();
    bool mapped = false;
    for (;;) {
        const ir::Definition* const map =
            node->kind == ir::Kind::access ? scope_.kernel.find_definition(node->name) : nullptr;
        if (node->kind == ir::Kind::cast) {
            node = node->args[0].get();
        } else if (map != nullptr && !map->reduction && !map->scan) {
            node = map->values.at(static_cast<std::size_t>(node->component)).get();
            mapped = true;
        } else {
            break;
        }
    }
    const bool computes =
        node->kind == ir::Kind::unary || node->kind == ir::Kind::binary || node->kind == ir::Kind::call;
    return node->kind == ir::Kind::dim ? mapped : computes && node->type == Type::index && follows_index(side);
}

/// Halide moves terms from one side of a comparison to the other as if that could not overflow: where one side follows
/// loop indices, and the other has data in it, which may be near the ends of i32, it must not.
Expr Expressions::lower_comparison(const ir::Node& node, const Expr& a, const Expr& b) const {
    const ir::Ref& left = node.args[0];
    const ir::Ref& right = node.args[1];
    if ((left->type != Type::i32 && left->type != Type::index) || !(has_data(left) || has_data(right))) {
        return scope_.math.binary(node.op, a, b);
    }
    if ((is_index_arithmetic(left) && has_data(right)) || (is_index_arithmetic(right) && has_data(left))) {
        return scope_.math.binary(node.op, unsolvable(a), unsolvable(b));
    }
    return scope_.math.binary(node.op, is_loop_index(right) ? among_indices(a) : a,
                              is_loop_index(left) ? among_indices(b) : b);
}

/// Whether a value is computed from loop indices, be it in a map that may be inlined; not in indices of what is read.
bool Expressions::follows_index(const ir::Ref& value) const {
    std::vector<const ir::Node*> open{value.get()};
    std::unordered_set<const ir::Node*> seen;
    while (!open.empty()) {
        const ir::Node* const node = open.back();
        open.pop_back();
        if (!seen.insert(node).second) {
            continue;
        }
        if (node->kind == ir::Kind::access) {
            if (scope_.kernel.find_definition(node->name) != nullptr) {
                return true;
            }
            continue;
        }
        if (node->kind == ir::Kind::dim) {
            return true;
        }
        for (const ir::Ref& arg : node->args) {
            open.push_back(arg.get());
        }
    }
    return false;
}

Expr Expressions::lower_summand(const ir::Ref& expression) {
    const bool product = expression->kind == ir::Kind::binary && expression->op == ir::Op::mul;
    if (!product || !is_float(expression->type)) {
        return lower(expression);
    }
    const Expr a = lower(expression->args[0]);
    const Expr b = lower(expression->args[1]);
    return scope_.math.relaxed_product(a, b);
}

Expr Expressions::lower_node(const ir::Node& node) {
    const auto arg = [&](std::size_t i) {
        return looks_for_nan(node) ? shielded(node.args[i]) : lowered(node.args[i]);
    };
    switch (node.kind) {
    case ir::Kind::constant: return constant(node);
    case ir::Kind::dim: return scope_.indices.at(node.name);
    case ir::Kind::extent: return scope_.extents[node.name];
    case ir::Kind::access: return lower_access(node);
    case ir::Kind::operand:
        if (!node.dims.empty()) {
            return placed_(node);
        }
        return (node.right ? scope_.right : scope_.left).at(static_cast<std::size_t>(node.component));
    case ir::Kind::unary: return node.type == Type::index ? -lowered(node.args[0]) : scope_.math.unary(node.op, arg(0));
    case ir::Kind::binary:
        if (node.type == Type::index) {
            return index_binary(node.op, arg(0), arg(1));
        }
        if (compares(node.op)) {
            return lower_comparison(node, arg(0), arg(1));
        }
        return scope_.math.binary(node.op, arg(0), arg(1));
    case ir::Kind::select:
        return scope_.math.choose(bends_bounds(scope_.kernel, node) ? scope_.math.opaque(lowered(node.args[0]))
                                                                    : lowered(node.args[0]),
                                  lowered(node.args[1]), lowered(node.args[2]));
    case ir::Kind::cast:
        if (node.type == Type::index) {
            // An index outside int32 is outside every tensor: saturating keeps it there.
            return Halide::saturating_cast(Halide::Int(32), arg(0));
        }
        return scope_.math.cast(halide_type(node.type), arg(0));
    case ir::Kind::call:
        if (node.type == Type::index) {
            return Halide::abs(lowered(node.args[0]));
        }
        if (node.op == ir::Op::stop_gradient) {
            return lowered(node.args[0]);
        }
        std::vector<Expr> args;
        for (std::size_t i = 0; i < node.args.size(); ++i) {
            args.push_back(arg(i));
        }
        return scope_.math.call(node.op, args);
    }
    return {};
}

// Whether the index follows a loop whose last tile passes the extent.
bool Expressions::runs_past(const ir::Ref& index) const {
    const std::vector<const ir::Node*> nodes = ir::postorder({index});
    return std::any_of(nodes.begin(), nodes.end(), [&](const ir::Node* node) {
        return node->kind == ir::Kind::dim && (scope_.overrun.contains(node->name) || is_introduced(node->name));
    });
}

bool Expressions::may_overrun(const ir::Ref& index, const std::string& dim) const {
    bool open = false;
    for (const ir::Node* node : ir::postorder({index})) {
        open = open || (node->kind == ir::Kind::dim &&
                        (scope_.overrun.contains(node->name) || (is_introduced(node->name) && node->name != dim)));
    }
    if (!open) {
        return false;
    }
    const auto range = constant_range(index, scope_.extents, scope_.overrun);
    const auto size = scope_.extents.constant(dim);
    return !(range && size && range->low >= 0 && range->high < *size);
}

Expr Expressions::lower_access(const ir::Node& node) {
    const Source& source = scope_.sources.at(node.name);
    std::vector<Expr> indices;
    Expr inside;
    for (const std::string& dim : source.args) {
        const ir::Ref index = ir::index_of(node, dim);
        const bool identity = index->kind == ir::Kind::dim && index->name == dim;
        Expr value = identity ? scope_.indices.at(dim) : Expr();
        if (!identity) {
            if (!done_.contains(index.get())) {
                // An implicit binding is no operand of the access, so postorder has not visited it.
                (void)lower(index);
            }
            value = lowered(index);
        }
        const Expr last = scope_.extents[dim] - 1;
        const bool bounded = identity && !scope_.overrun.contains(dim);
        if (node.boundary == ir::Boundary::checked) {
            if (!(identity && source.overrun.contains(dim)) && may_overrun(index, dim)) {
                value = Halide::clamp(Halide::likely(value), 0, last);
            }
        } else if (!bounded && !source.has_padding) {
            if (node.boundary == ir::Boundary::padded) {
                const Expr here = Halide::likely(value >= 0) && Halide::likely(value <= last);
                inside = inside.defined() ? inside && here : here;
            }
            value = Halide::clamp(scope_.guarded && !runs_past(index) ? value : Halide::likely(value), 0, last);
        }
        indices.push_back(value);
    }
    const Expr loaded = source.load(indices, node.component);
    return inside.defined() ? scope_.math.choose(inside, loaded, lowered(node.pad())) : loaded;
}

} // namespace coulter::lower
