// Definitions and the expressions in them.

#include "coulter/array.hpp"
#include "ir_types.hpp"
#include "ir_validate.hpp"

#include <bit>
#include <cmath>

namespace coulter::ir {

void Validator::check_definition(const Definition& definition, std::size_t position) {
    std::unordered_set<std::string> loops(definition.dims.begin(), definition.dims.end());
    std::vector<Ref> body = definition.values;
    if (definition.reduction && definition.scan) {
        report("V010", definition.span, fmt::format("`{}` is both a reduction and a scan", definition.name));
        return;
    }
    if (definition.reduction) {
        for (const Into& into : definition.reduction->into) {
            loops.erase(into.dim);
            body.push_back(into.index);
        }
        loops.insert(definition.reduction->dims.begin(), definition.reduction->dims.end());
        if (definition.reduction->where) {
            body.push_back(definition.reduction->where);
        }
    }
    if (std::any_of(body.begin(), body.end(), [](const Ref& root) { return !root; })) {
        report("V010", definition.span, fmt::format("`{}` lacks an expression", definition.name));
        return;
    }
    check_expressions(definition, position, body, ExpressionContext::loops, loops);
    check_values(definition);
    if (definition.reduction) {
        check_reduction(definition);
        check_states(definition, definition.reduction->identity, definition.reduction->combine);
    } else if (definition.scan) {
        check_scan(definition);
        check_states(definition, definition.scan->identity, definition.scan->combine);
    }
}

void Validator::check_values(const Definition& definition) {
    const std::vector<Type>& types = definition.types;
    const ReduceOp op = definition.reduction ? definition.reduction->op : ReduceOp::custom;
    const bool arg = op == ReduceOp::argmin || op == ReduceOp::argmax;
    if (arg && (types.size() != 2 || types[0] != Type::i32)) {
        report("V010", definition.span,
               fmt::format("`{}` is an {}, whose type is a tuple (i32, type of the value)", definition.name, name(op)));
        return;
    }
    const std::size_t wanted = arg ? 1 : types.size();
    const bool may_have_more = definition.scan && !definition.scan->associative;
    if (definition.values.size() < wanted || (definition.values.size() > wanted && !may_have_more)) {
        report("V010", definition.span,
               fmt::format("`{}` has {} values, and its type wants {}", definition.name, definition.values.size(),
                           wanted));
        return;
    }
    for (std::size_t i = 0; i < wanted; ++i) {
        const Type type = arg ? types[1] : types[i];
        if (definition.values[i]->type != type) {
            report("V005", definition.span,
                   fmt::format("the value of `{}` is of type {}, and the tensor is {}", definition.name,
                               coulter::name(definition.values[i]->type), coulter::name(type)),
                   fmt::format("cast it: `{}(...)`", coulter::name(type)));
        }
    }
}

void Validator::check_scan(const Definition& definition) {
    const Scan& scan = *definition.scan;
    std::unordered_set<std::string> seen;
    for (const std::string& dim : scan.dims()) {
        if (!contains(definition.dims, dim) || !seen.insert(dim).second) {
            report("V010", definition.span,
                   fmt::format("`{}` scans along `{}`, which {}", definition.name, dim,
                               contains(definition.dims, dim) ? "stands there twice" : "is not one of its dims"),
                   "its dims: " + quoted_list(definition.dims));
            return;
        }
    }
    const std::vector<std::vector<std::int64_t>> placed = distances(scan);
    if ((!placed.empty() || !scan.inner.empty()) && (scan.exclusive || scan.associative)) {
        report("V010", definition.span,
               fmt::format("`{}` is {} and {}", definition.name, scan.exclusive ? "exclusive" : "associative",
                           scan.inner.empty() ? "reads states by their places" : "scans along several dims"),
               "only a sequential, inclusive scan has states in places");
    }
    for (const std::vector<std::int64_t>& distance : placed) {
        const auto first = std::find_if(distance.begin(), distance.end(), [](std::int64_t away) { return away != 0; });
        if (first == distance.end() || (*first > 0) != scan.reversed) {
            report("V010", definition.span,
                   fmt::format("`{}` reads a state that its scan has not made yet", definition.name),
                   fmt::format("the first of {} along which it lies elsewhere is {} `+`", quoted_list(scan.dims()),
                               scan.reversed ? "a" : "no"));
        }
    }
    for (const Node* node : postorder(scan.combine)) {
        const bool state = node->kind == Kind::operand && !node->right;
        if (state && node->dims.empty() && !scan.inner.empty()) {
            report("V010", definition.span,
                   fmt::format("`{}` scans over {} and does not say which state it reads", definition.name,
                               quoted_list(scan.dims())),
                   fmt::format("write `left.{}({} = {} - 1)`", node->component, scan.dim, scan.dim));
            return;
        }
    }
}

void Validator::check_reduction(const Definition& definition) {
    const Reduction& reduction = *definition.reduction;
    std::unordered_set<std::string> seen(definition.dims.begin(), definition.dims.end());
    for (const std::string& dim : reduction.dims) {
        if (!dims_.contains(dim)) {
            report("V003", definition.span,
                   fmt::format("`{}` reduces over the dim `{}`, which the kernel does not have", definition.name, dim),
                   "dims of the kernel: " + quoted_list(dim_names(kernel_)));
        }
        if (!seen.insert(dim).second) {
            report("V010", definition.span,
                   fmt::format("`{}` reduces over `{}`, which {}", definition.name, dim,
                               contains(definition.dims, dim) ? "is one of its own dims" : "stands there twice"));
        }
    }
    if (reduction.where && reduction.where->type != Type::boolean) {
        report("V005", definition.span,
               fmt::format("the `where` of `{}` is of type {}, and bool is wanted", definition.name,
                           coulter::name(reduction.where->type)));
    }
    if (reduction.atomic && reduction.into.empty()) {
        report("V010", definition.span, fmt::format("`{}` is `atomic` and has no `into`", definition.name),
               "only a scatter meets in the same places; a plain reduction is combined in any order");
    }
    std::unordered_set<std::string> bound;
    for (const Into& into : reduction.into) {
        if (!contains(definition.dims, into.dim) || !bound.insert(into.dim).second) {
            report("V010", definition.span,
                   fmt::format("`into` of `{}` binds `{}`, which {}", definition.name, into.dim,
                               contains(definition.dims, into.dim) ? "it already binds" : "is not one of its dims"),
                   "its dims: " + quoted_list(definition.dims));
        }
        if (into.index->type != Type::index) {
            report("V005", definition.span,
                   fmt::format("`into` of `{}` indexes `{}` with type {}, and index is wanted", definition.name,
                               into.dim, coulter::name(into.index->type)),
                   "cast it: `index(...)`");
        }
    }
    const bool arg = reduction.op == ReduceOp::argmin || reduction.op == ReduceOp::argmax;
    if (arg && reduction.dims.size() != 1) {
        report("V010", definition.span,
               fmt::format("`{}` is an {} over {} dims, and exactly one is wanted", definition.name, name(reduction.op),
                           reduction.dims.size()));
    }
    const bool logic = reduction.op == ReduceOp::any || reduction.op == ReduceOp::all;
    const bool single = reduction.op != ReduceOp::custom && !arg;
    if (single && definition.types.size() != 1) {
        report("V010", definition.span,
               fmt::format("`{}` is a {} of {} components, and one is wanted", definition.name, name(reduction.op),
                           definition.types.size()));
    } else if (reduction.op != ReduceOp::custom && logic != (definition.types.back() == Type::boolean)) {
        report("V005", definition.span,
               fmt::format("`{}` is a {} of type {}, and {} is wanted", definition.name, name(reduction.op),
                           coulter::name(definition.types.back()), logic ? "bool" : "a number"));
    }
}

void Validator::check_states(const Definition& definition, const std::vector<Ref>& identity,
                             const std::vector<Ref>& combine) {
    const bool custom = definition.scan || definition.reduction->op == ReduceOp::custom;
    const std::size_t wanted = custom ? definition.types.size() : 0;
    if (identity.size() != wanted || combine.size() != wanted) {
        report("V010", definition.span,
               fmt::format("`{}` has {} values of `identity` and {} of `combine`, and {} of each are wanted",
                           definition.name, identity.size(), combine.size(), wanted));
        return;
    }
    for (std::size_t i = 0; i < wanted; ++i) {
        if (!identity[i] || !combine[i]) {
            report("V010", definition.span, fmt::format("`{}` lacks an expression", definition.name));
            return;
        }
        for (const Ref& state : {identity[i], combine[i]}) {
            if (state->type != definition.types[i]) {
                report("V005", definition.span,
                       fmt::format("component {} of `{}` is {}, and its `{}` is {}", i, definition.name,
                                   coulter::name(definition.types[i]), state == identity[i] ? "identity" : "combine",
                                   coulter::name(state->type)));
            }
        }
    }
    check_expressions(definition, 0, identity, ExpressionContext::identity, {});
    check_expressions(definition, 0, combine, ExpressionContext::combine, {});
}

void Validator::check_constant(const Node& node, const Span& span) {
    const bool real = is_float(node.type);
    bool good = true;
    if (real) {
        const double rounded = round_to(node.type, node.real);
        good =
            std::isnan(node.real) || std::bit_cast<std::uint64_t>(rounded) == std::bit_cast<std::uint64_t>(node.real);
        good = good && node.integer == 0;
    } else if (node.type == Type::boolean) {
        good = node.integer == 0 || node.integer == 1;
    } else if (is_signed_integer(node.type)) {
        good = node.integer >= lowest_integer(node.type) &&
               (node.integer < 0 || static_cast<std::uint64_t>(node.integer) <= highest_integer(node.type));
    } else if (is_unsigned_integer(node.type)) {
        good = static_cast<std::uint64_t>(node.integer) <= highest_integer(node.type);
    }
    if (!good || (!real && node.real != 0)) {
        report("V014", span,
               fmt::format("the constant {} is no value of type {}",
                           real ? fmt::format("{:a}", node.real) : fmt::format("{}", node.integer),
                           coulter::name(node.type)));
    }
}

void Validator::check_operation(const Node& node, const Span& span) {
    const bool unary = node.kind == Kind::unary && node.op >= Op::neg && node.op <= Op::bit_not;
    const bool binary = node.kind == Kind::binary && node.op >= Op::add && node.op <= Op::shr;
    const bool call = node.kind == Kind::call && node.op >= Op::abs;
    const bool known = unary || binary || call || node.kind == Kind::select || node.kind == Kind::cast;
    const std::size_t wanted = node.kind == Kind::select ? 3
                               : node.kind == Kind::cast ? 1
                                                         : static_cast<std::size_t>(arity(node.op));
    if (!known || node.args.size() != wanted) {
        report("V005", span,
               fmt::format("the operation `{}` has {} operands, and {} are wanted", name(node.op), node.args.size(),
                           wanted));
        return;
    }
    std::vector<Type> types;
    for (const Ref& arg : node.args) {
        types.push_back(arg->type);
    }
    if (const std::string problem = operand_problem(node.kind, node.op, types); !problem.empty()) {
        report("V005", span, problem, "cast an operand to the type that is meant");
    } else if (node.kind != Kind::cast && node.type != result_type(node.kind, node.op, types)) {
        report("V005", span,
               fmt::format("`{}` gives {}, and its node says {}", name(node.op),
                           coulter::name(result_type(node.kind, node.op, types)), coulter::name(node.type)));
    }
}

void Validator::check_access(const Node& node, const Definition& definition, std::size_t position,
                             ExpressionContext context, const std::unordered_set<std::string>& loops) {
    const auto found = tensors_.find(node.name);
    const std::string& user = definition.name;
    if (found == tensors_.end() || (position > 0 && found->second.defined_at >= position)) {
        std::vector<std::string> names;
        for (const auto& [name, tensor] : tensors_) {
            if (tensor.defined_at < position || position == 0) {
                names.push_back(name);
            }
        }
        std::sort(names.begin(), names.end());
        report("V004", definition.span,
               found == tensors_.end() ? fmt::format("`{}` reads `{}`, which the kernel does not have", user, node.name)
                                       : fmt::format("`{}` reads `{}` before it is defined", user, node.name),
               "defined at this point: " + quoted_list(names));
        return;
    }
    const ValidatedTensor& tensor = found->second;
    if (node.component < 0 || static_cast<std::size_t>(node.component) >= tensor.types.size()) {
        report("V008", definition.span,
               fmt::format("`{}` reads component {} of `{}`, which has {}", user, node.component, node.name,
                           tensor.types.size()));
        return;
    }
    const Type type = tensor.types[static_cast<std::size_t>(node.component)];
    const bool padded = node.boundary == Boundary::padded;
    const bool good_pad = !padded || (!node.args.empty() && node.pad()->type == type);
    if (node.args.size() != node.dims.size() + (padded ? 1 : 0) || node.type != type || !good_pad) {
        report("V005", definition.span,
               fmt::format("the access to `{}` in `{}` disagrees with the tensor's type {}", node.name, user,
                           coulter::name(type)));
        return;
    }
    std::size_t next = 0; // explicit bindings stand in the order of the declaration
    for (const std::string& dim : *tensor.dims) {
        if (next < node.dims.size() && node.dims[next] == dim) {
            const Node& index = *node.args[next++];
            if (index.type != Type::index) {
                report("V005", definition.span,
                       fmt::format("`{}` indexes `{}` of `{}` with type {}, and index is wanted", user, dim, node.name,
                                   coulter::name(index.type)));
            }
            if (index.kind == Kind::dim && index.name == dim) {
                report("V007", definition.span,
                       fmt::format("`{}` binds `{}` of `{}` to itself, which is left out", user, dim, node.name));
            }
        } else if (!contains(node.dims, dim) && !loops.contains(dim)) {
            report(context == ExpressionContext::loops ? "V006" : "V009", definition.span,
                   fmt::format("`{}` reads `{}` at the loop index of `{}`, and has no loop of that dim", user,
                               node.name, dim),
                   fmt::format("bind it: `{}({} = ...)`", node.name, dim));
        }
    }
    if (next != node.dims.size()) {
        report("V007", definition.span,
               fmt::format("`{}` binds {} of `{}`, whose dims in order are {}", user, quoted_list(node.dims), node.name,
                           quoted_list(*tensor.dims)));
    }
}

// Whether `combine` may name a component: of the state, or of the values that meet it.
static bool has_state(const Definition& definition, const Node& operand) {
    const auto component = static_cast<std::size_t>(operand.component);
    if (component < definition.types.size()) {
        return operand.type == definition.types[component];
    }
    return operand.right && component < definition.values.size() && operand.type == definition.values[component]->type;
}

void Validator::check_expressions(const Definition& definition, std::size_t position, const std::vector<Ref>& roots,
                                  ExpressionContext context, const std::unordered_set<std::string>& loops) {
    for (const Node* node : postorder(roots)) {
        if (full()) {
            return;
        }
        if (context == ExpressionContext::identity && node->kind != Kind::constant) {
            report("V010", definition.span, fmt::format("`identity` of `{}` is not a constant", definition.name));
            return;
        }
        switch (node->kind) {
        case Kind::constant: check_constant(*node, definition.span); break;
        case Kind::dim:
            if (!loops.contains(node->name) || !dims_.contains(node->name)) {
                std::vector<std::string> names(loops.begin(), loops.end());
                std::sort(names.begin(), names.end());
                report(context == ExpressionContext::combine ? "V009" : "V006", definition.span,
                       fmt::format("{} uses the loop index of `{}`, and has no loop of that dim",
                                   context == ExpressionContext::combine  ? "`combine` of `" + definition.name + "`"
                                   : context == ExpressionContext::extent ? "the extent of `" + definition.name + "`"
                                                                          : "`" + definition.name + "`",
                                   node->name),
                       context == ExpressionContext::extent ? fmt::format("extents are `extent({})`", node->name)
                                                            : "loops here: " + quoted_list(names));
            }
            break;
        case Kind::extent:
            if (!dims_.contains(node->name)) {
                report("V003", definition.span,
                       fmt::format("`extent({})` names a dim that the kernel does not have", node->name),
                       "dims of the kernel: " + quoted_list(dim_names(kernel_)));
            }
            break;
        case Kind::access:
            if (context == ExpressionContext::extent) {
                report("V012", definition.span,
                       fmt::format("the extent of `{}` reads the tensor `{}`", definition.name, node->name),
                       "extents are expressions over extents and constants");
            } else {
                check_access(*node, definition, position, context, loops);
            }
            break;
        case Kind::operand: {
            if (context != ExpressionContext::combine) {
                report("V009", definition.span,
                       fmt::format("`{}.{}` stands outside `combine`", node->right ? "right" : "left", node->component),
                       "a tensor of that name is written in backquotes");
            } else if (node->component < 0 || !has_state(definition, *node)) {
                report("V008", definition.span,
                       fmt::format("`combine` of `{}` uses component {} as {}, which it lacks", definition.name,
                                   node->component, coulter::name(node->type)));
            }
            break;
        }
        default: check_operation(*node, definition.span); break;
        }
    }
}

} // namespace coulter::ir
