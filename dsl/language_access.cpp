// Accesses: which dims they bind, and what lies outside.

#include "language_nodes.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter {

using namespace detail;

AccessArg::AccessArg(const Dim& dim, SourceLoc loc) : dim_(dim.state()), loc_(loc) {}
AccessArg::AccessArg(const Binding& binding, SourceLoc loc)
    : dim_(binding.dim().state()), index_(binding.index().node()), loc_(loc) {}
AccessArg::AccessArg(const Expr& index, SourceLoc loc) : index_(index.node()), loc_(loc) {}

Access::Access(detail::TensorRef tensor, std::vector<AccessArg> args, SourceLoc loc)
    : tensor_(std::move(tensor)), args_(std::move(args)), loc_(loc) {}

Expr::Expr(const Tensor& tensor, SourceLoc loc) : node_(bare_access(tensor.state(), -1, loc)), loc_(loc) {}
Expr::Expr(const Access& access, SourceLoc)
    : node_(access_node(access.tensor(), access.args(), -1, ir::Boundary::checked, nullptr, access.loc())),
      loc_(access.loc()) {}
Expr::Expr(const Padded& access, SourceLoc loc) : node_(access.node()), loc_(loc) {}

namespace {

Diagnostic not_a_tensor(const char* what, SourceLoc loc) {
    return diagnose("L047", loc, fmt::format("{} needs a tensor, and this is an expression", what),
                    "give the expression a name first: `Tensor t(\"t\"); t = ...;`");
}

} // namespace

Expr Expr::bind(const std::vector<AccessArg>& args) const {
    const SourceLoc loc = args.front().loc();
    if (node_->poison) return *this;
    if (node_->kind == ir::Kind::operand && !node_->right && node_->bound.empty()) {
        return {bound_state(*node_, args, loc), loc};
    }
    if (!is_bare_access(*node_)) {
        return {poison_node({node_}, loc, {not_a_tensor("binding dims", loc)}), loc};
    }
    return {access_node(node_->tensor, args, node_->component, ir::Boundary::checked, nullptr, loc), loc};
}

Padded::Padded(const Expr& access, ir::Boundary boundary, detail::NodeRef pad, SourceLoc loc) : loc_(loc) {
    const ExprNode& node = *access.node();
    const char* what = boundary == ir::Boundary::padded ? "`padded`" : "`clamped`";
    if (node.poison) {
        node_ = access.node();
        return;
    }
    if (node.kind != ir::Kind::access || node.boundary != ir::Boundary::checked) {
        node_ = poison_node({access.node()}, loc, {not_a_tensor(what, loc)});
        return;
    }
    ExprNode outside = node;
    outside.boundary = boundary;
    outside.loc = loc;
    if (pad) {
        const NodeRef value = coerce(pad, node.type, loc, fmt::format("the pad value of {}", called(*node.tensor)));
        outside.args.push_back(value);
        outside.free = merge(outside.free, value->free);
        outside.poison = value->poison;
    }
    node_ = std::make_shared<const ExprNode>(std::move(outside));
}

Padded Padded::bind(const std::vector<AccessArg>& args) const {
    Padded result = *this;
    if (node_->poison) return result;
    const bool has_pad = node_->boundary == ir::Boundary::padded;
    if (!node_->bound.empty()) {
        result.node_ =
            poison_node({node_}, args.front().loc(), {not_a_tensor("binding dims again", args.front().loc())});
        return result;
    }
    result.node_ = access_node(node_->tensor, args, node_->component, node_->boundary,
                               has_pad ? node_->args.back() : nullptr, args.front().loc());
    return result;
}

Padded padded(const Expr& access, const Expr& value, SourceLoc loc) {
    return {access, ir::Boundary::padded, value.node(), loc};
}

Padded clamped(const Expr& access, SourceLoc loc) {
    return {access, ir::Boundary::clamped, nullptr, loc};
}

namespace detail {
namespace {

struct Checked {
    std::vector<DimRef> bound;
    std::vector<NodeRef> indices;
    std::vector<Diagnostic> problems;
};

Checked check_args(const TensorState& tensor, const std::vector<AccessArg>& args) {
    Checked result;
    DimList seen;
    for (const AccessArg& arg : args) {
        if (!arg.dim()) {
            result.problems.push_back(
                diagnose("L007", arg.loc(), fmt::format("an index of {} does not say its dim", called(tensor)),
                         fmt::format("there are no positional indices: write `dim(index)`; the dims are {}",
                                     quoted_list(names_of(tensor.dims)))));
            continue;
        }
        const std::string& dim = arg.dim()->name;
        if (!contains(tensor.dims, dim)) {
            const std::string near = closest_match(dim, names_of(tensor.dims));
            result.problems.push_back(
                diagnose("L005", arg.loc(), fmt::format("{} has no dim `{}`", called(tensor), dim),
                         (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) +
                             fmt::format("its dims are {}", quoted_list(names_of(tensor.dims))),
                         {{span_of(tensor.loc), fmt::format("{} is declared here", called(tensor))}}));
            continue;
        }
        if (contains(seen, dim)) {
            result.problems.push_back(
                diagnose("L006", arg.loc(), fmt::format("the access binds dim `{}` of {} twice", dim, called(tensor)),
                         "each dim of the tensor is bound once; dims that are not listed bind themselves by name"));
            continue;
        }
        seen.push_back(arg.dim());
        if (!arg.index()) continue;
        NodeRef index = arg.index();
        if (index->literal == Literal::integer) {
            index = coerce(index, Type::index, arg.loc(), fmt::format("the index of `{}`", dim));
        } else if (!index->poison && (index->literal != Literal::none || index->type != Type::index)) {
            const bool integer = index->literal == Literal::none && is_integer(index->type);
            result.problems.push_back(
                diagnose("L008", arg.loc(), fmt::format("the index of `{}` is {}", dim, describe(*index)),
                         integer ? "turn the value into an index with `index(...)`; it is clamped or guarded by you"
                                 : "an index is made of dims, extents, integer literals and `index(integer value)`"));
        }
        result.bound.push_back(arg.dim());
        result.indices.push_back(index);
    }
    return result;
}

// How far an index lies from the step's own along `dim`: `i - 2` is -2. Nothing for what is not a dim and a constant.
std::optional<std::int64_t> distance_from(const ExprNode& index, const std::string& dim) {
    const auto constant = [](const ExprNode& node) -> std::optional<std::int64_t> {
        return node.kind == ir::Kind::constant ? std::optional(node.integer) : std::nullopt;
    };
    if (index.kind == ir::Kind::dim) {
        return index.dim->name == dim ? std::optional<std::int64_t>(0) : std::nullopt;
    }
    if (index.kind != ir::Kind::binary || (index.op != ir::Op::add && index.op != ir::Op::sub)) {
        return std::nullopt;
    }
    const bool adds = index.op == ir::Op::add;
    const auto first = distance_from(*index.args[0], dim), last = constant(*index.args[1]);
    if (first && last) {
        return adds ? *first + *last : *first - *last;
    }
    const auto other = constant(*index.args[0]), rest = distance_from(*index.args[1], dim);
    return adds && other && rest ? std::optional(*other + *rest) : std::nullopt;
}

} // namespace

NodeRef bound_state(const ExprNode& state, const std::vector<AccessArg>& args, SourceLoc loc) {
    ExprNode node;
    node.kind = ir::Kind::operand;
    node.type = state.type;
    node.component = state.component;
    node.loc = loc;
    node.free = no_dims();
    for (const AccessArg& arg : args) {
        const auto wrong = [&](std::string message) {
            node.poison = true;
            node.problems.push_back(diagnose("L051", arg.loc(), std::move(message),
                                             "a state is read a constant number of steps away: `before[0](i(i - 1))`"));
        };
        if (!arg.dim()) {
            wrong("an index of a state does not say its dim");
            continue;
        }
        if (arg.index() && arg.index()->poison) {
            node.poison = true;
            node.args.push_back(arg.index());
            continue;
        }
        const auto away = arg.index() ? distance_from(*arg.index(), arg.dim()->name) : std::optional<std::int64_t>(0);
        if (!away) {
            wrong(fmt::format("the index of `{}` of a state is not `{}` and a constant", arg.dim()->name,
                              arg.dim()->name));
        } else if (contains(node.bound, arg.dim()->name)) {
            wrong(fmt::format("`{}` of a state is bound twice", arg.dim()->name));
        } else {
            node.bound.push_back(arg.dim());
            node.distances.push_back(*away);
        }
    }
    return std::make_shared<const ExprNode>(std::move(node));
}

bool is_bare_access(const ExprNode& node) {
    return node.kind == ir::Kind::access && node.bound.empty() && node.boundary == ir::Boundary::checked;
}

NodeRef bare_access(const TensorRef& tensor, int component, SourceLoc loc) {
    return access_node(tensor, {}, component, ir::Boundary::checked, nullptr, loc);
}

NodeRef access_node(const TensorRef& handle, const std::vector<AccessArg>& args, int component, ir::Boundary boundary,
                    const NodeRef& pad, SourceLoc loc) {
    const TensorRef tensor = resolve(handle);
    ExprNode node;
    node.kind = ir::Kind::access;
    node.tensor = tensor;
    node.boundary = boundary;
    node.loc = loc;
    node.free = no_dims();
    if (!tensor->defined) {
        // Whether it is defined later, or never, is known when the kernel is built.
        node.poison = true;
        node.undefined = true;
        node.tensor = nullptr;
        node.pending = tensor;
        node.pending_name = called(*tensor);
        node.pending_loc = tensor->loc;
        return std::make_shared<const ExprNode>(std::move(node));
    }
    Checked checked = check_args(*tensor, args);
    node.poison = tensor->poison || !checked.problems.empty();
    node.problems = std::move(checked.problems);
    const auto components = static_cast<int>(tensor->types.size());
    if (!tensor->poison && (component >= components || (component < 0 && components != 1))) {
        const bool whole = component < 0;
        node.poison = true;
        node.problems.push_back(diagnose(
            "L038", loc,
            whole ? fmt::format("{} has {} components, and an expression takes one", called(*tensor), components)
                  : fmt::format("{} has no component {}", called(*tensor), component),
            components == 1 ? "it has one component, 0"
                            : fmt::format("take one as `t[0]` to `t[{}]`", components - 1)));
    }
    node.component = std::max(component, 0);
    if (!node.poison) node.type = tensor->types[static_cast<std::size_t>(node.component)];
    node.bound = std::move(checked.bound);
    node.args = std::move(checked.indices);
    for (const DimRef& dim : tensor->dims) {
        const auto at =
            std::find_if(node.bound.begin(), node.bound.end(), [&](const DimRef& b) { return b->name == dim->name; });
        node.free = at == node.bound.end()
                        ? merge(node.free, std::make_shared<const DimList>(DimList{dim}))
                        : merge(node.free, node.args[static_cast<std::size_t>(at - node.bound.begin())]->free);
    }
    if (pad) {
        node.args.push_back(pad);
        node.free = merge(node.free, pad->free);
    }
    for (const NodeRef& arg : node.args) {
        node.poison = node.poison || arg->poison;
    }
    return std::make_shared<const ExprNode>(std::move(node));
}

} // namespace detail
} // namespace coulter
