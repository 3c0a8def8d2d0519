// Reductions of one value, and reductions and scans over tuples.

#include "language_nodes.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>

namespace coulter {

using namespace detail;

ReduceOption where(const Expr& condition) {
    ReduceOption option;
    option.where = coerce(condition.node(), Type::boolean, condition.loc(), "the condition of `where`");
    return option;
}

ReduceOption into(const Binding& binding, Meeting meeting) {
    ReduceOption option;
    option.atomic = meeting == Meeting::atomic;
    option.into.emplace_back(binding, binding.index().loc());
    return option;
}

namespace {

struct Options {
    std::optional<Type> type;
    NodeRef where;
    std::vector<AccessArg> into;
    bool atomic = false;
};

Options gather(std::initializer_list<const ReduceOption*> list) {
    Options all;
    for (const ReduceOption* option : list) {
        if (option->type) all.type = option->type;
        if (option->where) {
            // Two conditions both have to hold.
            all.where = all.where ? (Expr(all.where, all.where->loc) && Expr(option->where, option->where->loc)).node()
                                  : option->where;
        }
        all.atomic = all.atomic || option->atomic;
        all.into.insert(all.into.end(), option->into.begin(), option->into.end());
    }
    return all;
}

TensorRef open_reduction(ir::ReduceOp op, const Dims& dims, const Options& options, SourceLoc loc) {
    TensorRef tensor = new_tensor(loc);
    tensor->reduce = op;
    tensor->role = ir::name(op);
    tensor->where = options.where;
    tensor->atomic = options.atomic;
    for (const Dim& dim : dims.list()) {
        if (contains(tensor->reduced, dim.name())) {
            tensor->problems.push_back(diagnose("L020", loc,
                                                fmt::format("`{}` reduces dim `{}` twice", tensor->role, dim.name()),
                                                "list each reduced dim once"));
        }
        append_unique(tensor->reduced, dim.state());
    }
    if (dims.list().empty()) {
        tensor->problems.push_back(diagnose("L020", loc, fmt::format("`{}` reduces no dim", tensor->role),
                                            fmt::format("list the reduced dims: `{}({{k}}, ...)`", tensor->role)));
    }
    for (const AccessArg& arg : options.into) {
        NodeRef index = arg.index();
        if (index->literal == Literal::integer) index = coerce(index, Type::index, loc, "the index of `into`");
        if (!index->poison && (index->literal != Literal::none || index->type != Type::index)) {
            tensor->problems.push_back(diagnose(
                "L008", arg.loc(), fmt::format("the index of `into({}(...))` is {}", arg.dim()->name, describe(*index)),
                "turn an integer value into an index with `index(...)`"));
            tensor->poison = true;
        }
        if (contains(tensor->reduced, arg.dim()->name)) {
            tensor->problems.push_back(diagnose(
                "L024", arg.loc(), fmt::format("`into` writes along dim `{}`, which is reduced", arg.dim()->name),
                "the dim of `into` is a dim of the result: give the result's dim a name of its own"));
        }
        tensor->into.push_back({arg.dim(), index});
    }
    return tensor;
}

bool narrow(Type type) {
    return (is_float(type) || is_integer(type)) && bits(type) < 32;
}

std::string wider(Type type) {
    return is_float(type) ? "f32" : is_signed_integer(type) ? "i32" : "u32";
}

// The value in the accumulator's type; poison where the type must be said and is not.
NodeRef accumulated(const char* what, const Expr& value, const std::optional<Type>& said, bool adds, SourceLoc loc,
                    const std::string& dims) {
    const NodeRef node = said && value.node()->literal != Literal::none
                             ? coerce(value.node(), *said, loc, fmt::format("`{}`", what))
                             : require_type(value.node(), loc);
    if (node->poison) return node;
    if (node->type == Type::index || (node->type == Type::boolean && !said)) {
        return poison_node({node}, loc,
                           {diagnose("L018", loc, fmt::format("`{}` does not take {}", what, name(node->type)),
                                     "cast the value, such as `i32(...)`")});
    }
    if (adds && !said && narrow(node->type)) {
        const std::string wide = wider(node->type);
        return poison_node(
            {node}, loc,
            {diagnose("L019", loc,
                      fmt::format("`{}` over {} does not say the type that it accumulates in", what, name(node->type)),
                      fmt::format("say it, `{0}({{{1}}}, x, {2})`, or cast the value, `{0}({{{1}}}, {2}(x))`; "
                                  "`{0}({{{1}}}, x, {3})` accumulates in {3} itself",
                                  what, dims, wide, name(node->type)))});
    }
    return said ? cast(*said, Expr(node, loc)).node() : node;
}

std::string listed(const Dims& dims) {
    std::string text;
    for (const Dim& dim : dims.list()) {
        text += (text.empty() ? "" : ", ") + dim.name();
    }
    return text;
}

Expr simple(ir::ReduceOp op, const Dims& dims, const Expr& value, std::initializer_list<const ReduceOption*> list,
            SourceLoc loc) {
    const Options options = gather(list);
    TensorRef tensor = open_reduction(op, dims, options, loc);
    const bool logic = op == ir::ReduceOp::any || op == ir::ReduceOp::all;
    const bool adds = op == ir::ReduceOp::sum || op == ir::ReduceOp::product;
    NodeRef node;
    if (logic) {
        node = coerce(value.node(), Type::boolean, loc, fmt::format("the value of `{}`", ir::name(op)));
    } else {
        node = accumulated(ir::name(op), value, options.type, adds, loc, listed(dims));
    }
    tensor->values = {node};
    tensor->types = {node->type};
    return {bare_access(finish_reduction(tensor, loc), 0, loc), loc};
}

ArgResult arg_extreme(ir::ReduceOp op, const Dims& dims, const Expr& value, const ReduceOption& option, SourceLoc loc) {
    const Options options = gather({&option});
    TensorRef tensor = open_reduction(op, dims, options, loc);
    if (dims.list().size() > 1 || !options.into.empty()) {
        tensor->problems.push_back(diagnose(
            options.into.empty() ? "L021" : "L024", loc,
            options.into.empty()
                ? fmt::format("`{}` over {} dims has no single index", ir::name(op), dims.list().size())
                : fmt::format("`{}` takes no `into`", ir::name(op)),
            options.into.empty() ? fmt::format("reduce one dim: `{}({{{}}}, ...)`, and the next in a second step",
                                               ir::name(op), dims.list().front().name())
                                 : "scatter with sum, product, min, max, any, all or reduce"));
    }
    const NodeRef node = accumulated(ir::name(op), value, options.type, false, loc, listed(dims));
    tensor->values = {node};
    tensor->types = {Type::i32, node->type};
    return {finish_reduction(tensor, loc), loc};
}

// A state that the function reads is one of an earlier step.
void check_state(TensorState& tensor, const ExprNode& state) {
    if (state.right) return;
    const std::string dims = quoted_list(names_of(tensor.scan_dims));
    const auto wrong = [&](std::string message, std::string help) {
        tensor.problems.push_back(diagnose("L051", state.loc, std::move(message), std::move(help)));
        tensor.poison = true;
    };
    if (state.bound.empty()) {
        if (tensor.scan_dims.size() > 1) {
            wrong(fmt::format("a scan over {} does not say which state it reads", dims),
                  fmt::format("bind its dims: `before[{}]({}({} - 1))`", state.component, tensor.scan_dims.back()->name,
                              tensor.scan_dims.back()->name));
        }
        return;
    }
    if (!tensor.scan || tensor.exclusive || tensor.associative) {
        wrong(fmt::format("{} reads a state by its place", !tensor.scan       ? "a `reduce`"
                                                           : tensor.exclusive ? "an exclusive scan"
                                                                              : "an associative scan"),
              "only a sequential, inclusive scan has states in places");
        return;
    }
    for (const DimRef& dim : state.bound) {
        if (!contains(tensor.scan_dims, dim->name)) {
            wrong(fmt::format("a state is read at another `{}`, along which nothing is scanned", dim->name),
                  fmt::format("the scan is over {}", dims));
            return;
        }
    }
    for (const DimRef& dim : tensor.scan_dims) {
        const auto at = std::ranges::find(state.bound, dim->name, [](const DimRef& b) { return b->name; });
        const std::int64_t away =
            at == state.bound.end() ? 0 : state.distances[static_cast<std::size_t>(at - state.bound.begin())];
        if (away != 0) {
            if ((away > 0) != tensor.reversed) {
                wrong(fmt::format("the state {} steps {} along `{}` is not known yet", std::abs(away),
                                  away > 0 ? "ahead" : "behind", dim->name),
                      fmt::format("a {} scan over {} has made what is {}", tensor.reversed ? "reversed" : "forward",
                                  dims, tensor.reversed ? "ahead" : "behind"));
            }
            return;
        }
    }
    wrong("the state that a step reads is its own", fmt::format("bind one of {} to an earlier index", dims));
}

// Identities, values and the combined expressions of a tuple reduction or scan, into `tensor`.
void fill_tuple(TensorState& tensor, const std::vector<Expr>& identities, const std::vector<Expr>& values,
                const Combine& combine, SourceLoc loc) {
    const char* what = tensor.scan ? "scan" : "reduce";
    const auto wrong = [&](std::string message, std::string help) {
        tensor.problems.push_back(diagnose("L023", loc, std::move(message), std::move(help)));
        tensor.poison = true;
    };
    const bool more_values = tensor.scan && !tensor.associative; // than states
    if (values.empty() || identities.empty() || identities.size() > values.size() ||
        (!more_values && identities.size() < values.size())) {
        wrong(fmt::format("`{}` has {} values and {} identities", what, values.size(), identities.size()),
              tensor.scan && tensor.associative
                  ? "in an associative scan values are states: give one identity per value"
              : tensor.scan ? "give one identity per component of the state, and a value for each"
                            : "give one identity per value, and at least one value");
    }
    const std::size_t states = more_values ? std::min(identities.size(), values.size()) : values.size();
    std::vector<Expr> left, right;
    for (std::size_t i = 0; i < values.size(); ++i) {
        const NodeRef value = require_type(values[i].node(), loc);
        tensor.values.push_back(value);
        if (i < states) tensor.types.push_back(value->type);
        if (value->poison) {
            tensor.poison = true;
            continue;
        }
        if (value->type == Type::index)
            wrong(fmt::format("value {} of `{}` is an index", i, what), "cast it: `i32(...)`");
        if (i < identities.size()) {
            const NodeRef identity =
                coerce(identities[i].node(), value->type, loc, fmt::format("value {} of `{}`", i, what));
            tensor.identity.push_back(identity);
            tensor.poison = tensor.poison || identity->poison;
            if (!identity->poison && identity->kind != ir::Kind::constant) {
                wrong(fmt::format("identity {} of `{}` is not a constant", i, what),
                      "an identity is a literal, or `infinity(f32)` and the like");
            }
        }
        for (const bool side : {false, true}) {
            ExprNode node;
            node.kind = ir::Kind::operand;
            node.type = value->type;
            node.component = static_cast<int>(i);
            node.right = side;
            node.loc = loc;
            if (side || i < states) (side ? right : left).emplace_back(finish(std::move(node)), loc);
        }
    }
    if (tensor.poison) return;
    const Tuple combined = combine(Tuple(left), Tuple(right));
    if (combined.size() != states) {
        wrong(fmt::format("the function of `{}` gives {} components, and there are {}", what, combined.size(), states),
              "it takes two states and gives one of the same components");
        return;
    }
    for (std::size_t i = 0; i < combined.size(); ++i) {
        const NodeRef node =
            coerce(combined[i].node(), tensor.types[i], loc, fmt::format("component {} of `{}`", i, what));
        tensor.combine.push_back(node);
        if (!node->poison && node->type != tensor.types[i]) {
            wrong(fmt::format("component {} of `{}` is {}, and its value is {}", i, what, name(node->type),
                              name(tensor.types[i])),
                  "the function keeps the types of the components");
        }
    }
    for (const ExprNode* node : postorder(tensor.combine)) {
        if (node->kind == ir::Kind::operand && !node->poison) check_state(tensor, *node);
        if (node->kind == ir::Kind::dim || node->kind == ir::Kind::extent || node->kind == ir::Kind::access) {
            wrong(fmt::format("the function of `{}` uses {}", what,
                              node->undefined ? node->pending_name
                              : node->tensor  ? called(*node->tensor)
                                              : fmt::format("dim `{}`", node->dim->name)),
                  "it combines its two arguments only: put the rest into the values");
            return;
        }
    }
}

} // namespace

Expr sum(const Dims& dims, const Expr& value, const ReduceOption& a, const ReduceOption& b, const ReduceOption& c,
         SourceLoc loc) {
    return simple(ir::ReduceOp::sum, dims, value, {&a, &b, &c}, loc);
}
Expr product(const Dims& dims, const Expr& value, const ReduceOption& a, const ReduceOption& b, const ReduceOption& c,
             SourceLoc loc) {
    return simple(ir::ReduceOp::product, dims, value, {&a, &b, &c}, loc);
}
Expr min(const Dims& dims, const Expr& value, const ReduceOption& a, const ReduceOption& b, const ReduceOption& c,
         SourceLoc loc) {
    return simple(ir::ReduceOp::min, dims, value, {&a, &b, &c}, loc);
}
Expr min(std::initializer_list<Dim> dims, const Expr& value, const ReduceOption& a, const ReduceOption& b,
         const ReduceOption& c, SourceLoc loc) {
    return simple(ir::ReduceOp::min, Dims(dims), value, {&a, &b, &c}, loc);
}
Expr max(const Dims& dims, const Expr& value, const ReduceOption& a, const ReduceOption& b, const ReduceOption& c,
         SourceLoc loc) {
    return simple(ir::ReduceOp::max, dims, value, {&a, &b, &c}, loc);
}
Expr max(std::initializer_list<Dim> dims, const Expr& value, const ReduceOption& a, const ReduceOption& b,
         const ReduceOption& c, SourceLoc loc) {
    return simple(ir::ReduceOp::max, Dims(dims), value, {&a, &b, &c}, loc);
}
Expr any(const Dims& dims, const Expr& value, const ReduceOption& a, const ReduceOption& b, SourceLoc loc) {
    return simple(ir::ReduceOp::any, dims, value, {&a, &b}, loc);
}
Expr all(const Dims& dims, const Expr& value, const ReduceOption& a, const ReduceOption& b, SourceLoc loc) {
    return simple(ir::ReduceOp::all, dims, value, {&a, &b}, loc);
}

ArgResult::ArgResult(detail::TensorRef tensor, SourceLoc loc) : tensor_(std::move(tensor)), loc_(loc) {}
Expr ArgResult::index() const {
    return {bare_access(tensor_, 0, loc_), loc_};
}
Expr ArgResult::value() const {
    return {bare_access(tensor_, 1, loc_), loc_};
}
Expr::Expr(const ArgResult& result, SourceLoc loc) : node_(result.index().node()), loc_(loc) {}

ArgResult argmin(const Dims& dims, const Expr& value, const ReduceOption& a, SourceLoc loc) {
    return arg_extreme(ir::ReduceOp::argmin, dims, value, a, loc);
}
ArgResult argmax(const Dims& dims, const Expr& value, const ReduceOption& a, SourceLoc loc) {
    return arg_extreme(ir::ReduceOp::argmax, dims, value, a, loc);
}

Tuple::Tuple(detail::TensorRef tensor, SourceLoc loc) : tensor_(std::move(tensor)) {
    const TensorRef state = resolve(tensor_);
    for (int i = 0; i < static_cast<int>(state->types.size()); ++i) {
        components_.emplace_back(bare_access(tensor_, i, loc), loc);
    }
}

Expr Tuple::operator[](std::size_t component) const {
    if (component < components_.size()) return components_[component];
    const SourceLoc loc = components_.empty() ? SourceLoc{} : components_.front().loc();
    return {poison_node({}, loc,
                        {diagnose("L038", loc, fmt::format("the tuple has no component {}", component),
                                  fmt::format("it has {}, counted from 0", components_.size()))}),
            loc};
}

Tuple reduce(const Dims& dims, const std::vector<Expr>& identities, const std::vector<Expr>& values,
             const Combine& combine, const ReduceOption& a, const ReduceOption& b, SourceLoc loc) {
    TensorRef tensor = open_reduction(ir::ReduceOp::custom, dims, gather({&a, &b}), loc);
    fill_tuple(*tensor, identities, values, combine, loc);
    return {finish_reduction(tensor, loc), loc};
}

namespace {

TensorRef open_scan(const char* role, const Dims& dims, std::initializer_list<const ScanOption*> options,
                    SourceLoc loc) {
    TensorRef tensor = new_tensor(loc);
    tensor->role = role;
    tensor->scan = true;
    for (const Dim& dim : dims.list()) {
        if (contains(tensor->scan_dims, dim.name())) {
            tensor->problems.push_back(diagnose("L051", loc, fmt::format("a scan names `{}` twice", dim.name()),
                                                "each dim once, outermost first"));
            tensor->poison = true;
        }
        append_unique(tensor->scan_dims, dim.state());
    }
    for (const ScanOption* option : options) {
        tensor->exclusive = option->ends.value_or(tensor->exclusive ? exclusive : inclusive) == exclusive;
        tensor->reversed = option->direction.value_or(tensor->reversed ? reversed : forward) == reversed;
        tensor->associative = option->order.value_or(tensor->associative ? associative : sequential) == associative;
    }
    if (tensor->scan_dims.size() > 1 && (tensor->exclusive || tensor->associative)) {
        tensor->problems.push_back(
            diagnose("L051", loc,
                     fmt::format("a scan over {} is {}", quoted_list(names_of(tensor->scan_dims)),
                                 tensor->exclusive ? "exclusive" : "associative"),
                     "over several dims it is sequential and inclusive"));
        tensor->poison = true;
    }
    return tensor;
}

} // namespace

Tuple scan(const Dim& dim, const std::vector<Expr>& identities, const std::vector<Expr>& values, const Combine& combine,
           const ScanOption& a, const ScanOption& b, const ScanOption& c, SourceLoc loc) {
    return scan(Dims{dim}, identities, values, combine, a, b, c, loc);
}

Tuple scan(const Dims& dims, const std::vector<Expr>& identities, const std::vector<Expr>& values,
           const Combine& combine, const ScanOption& a, const ScanOption& b, const ScanOption& c, SourceLoc loc) {
    TensorRef tensor = open_scan("scan", dims, {&a, &b, &c}, loc);
    fill_tuple(*tensor, identities, values, combine, loc);
    return {finish_reduction(tensor, loc), loc};
}

Expr cumsum(const Dim& dim, const Expr& value, const ScanOption& a, const ScanOption& b, SourceLoc loc) {
    const ScanOption order = associative;
    TensorRef tensor = open_scan("cumsum", Dims{dim}, {&a, &b, &order}, loc);
    const NodeRef node = accumulated("cumsum", value, std::nullopt, true, loc, dim.name());
    const Expr typed(node, loc);
    fill_tuple(
        *tensor, {Expr(0, loc)}, {typed}, [](const Tuple& x, const Tuple& y) { return Tuple{x[0] + y[0]}; }, loc);
    return {bare_access(finish_reduction(tensor, loc), 0, loc), loc};
}

} // namespace coulter
