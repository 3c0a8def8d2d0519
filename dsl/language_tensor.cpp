// Dims, tensors and their definitions.

#include "language_nodes.hpp"

#include <algorithm>
#include <atomic>
#include <fmt/core.h>

namespace coulter {

using namespace detail;

Dim::Dim(std::string name, SourceLoc loc) {
    auto state = std::make_shared<DimState>();
    state->problems = check_identifier("dim", name, loc);
    state->name = std::move(name);
    state->loc = loc;
    state_ = std::move(state);
}

Dim::Dim(std::string name, const Expr& extent, SourceLoc loc) {
    auto state = std::make_shared<DimState>();
    state->problems = check_identifier("dim", name, loc);
    const NodeRef& node = extent.node();
    const char* help = "an extent is a whole number of at least 1, or an expression over `extent(dim)`";
    if (node->literal != Literal::none) {
        if (node->literal != Literal::integer || node->integer < 1) {
            state->problems.push_back(
                diagnose("L004", loc, fmt::format("the extent of dim `{}` is {}", name, describe(*node)), help));
        } else {
            state->size = node->integer;
        }
    } else if (!node->poison && (node->type != Type::index || !node->free->empty())) {
        const std::string what = node->type != Type::index ? std::string(coulter::name(node->type))
                                                           : fmt::format("a loop index, as it depends on {}",
                                                                         quoted_list(names_of(*node->free)));
        state->problems.push_back(diagnose("L004", loc, fmt::format("the extent of dim `{}` is {}", name, what), help));
    } else {
        state->extent = node;
    }
    state->name = std::move(name);
    state->loc = loc;
    state_ = std::move(state);
}

Binding Dim::operator()(const Expr& index) const {
    return {*this, index};
}
const std::string& Dim::name() const {
    return state_->name;
}

namespace detail {

TensorRef new_tensor(SourceLoc loc) {
    // Only compared with other sequence numbers of one kernel, so names do not depend on what was built before.
    static std::atomic<std::uint64_t> sequence{0};
    auto state = std::make_shared<TensorState>();
    state->loc = loc;
    state->home = current_group();
    state->sequence = ++sequence;
    return state;
}

namespace {

TensorRef named_tensor(std::string name, SourceLoc loc) {
    TensorRef state = new_tensor(loc);
    state->problems = check_identifier("tensor", name, loc);
    if (name == "d" && !current_group()) {
        state->problems.push_back(diagnose("L002", loc, "the name `d` is reserved: `d.x` is the gradient of `x`",
                                           "choose another name, such as `dist` or `delta`"));
    }
    state->name = std::move(name);
    state->name_group = current_group();
    return state;
}

void check_distinct(TensorState& state, const DimList& dims, SourceLoc loc) {
    DimList seen;
    for (const DimRef& dim : dims) {
        if (contains(seen, dim->name)) {
            state.problems.push_back(
                diagnose("L012", loc, fmt::format("{} has dim `{}` twice", called(state), dim->name),
                         "the dims of a tensor are a set: use a second dim with a name of its own"));
        } else {
            seen.push_back(dim);
        }
    }
}

DimList states_of(const std::vector<Dim>& dims) {
    DimList list;
    for (const Dim& dim : dims) {
        list.push_back(dim.state());
    }
    return list;
}

/// `handle = value` where the whole right side is a tensor without a name of its own here: the two become one.
bool adopt(TensorState& handle, const ExprNode& value, const DimList* left, SourceLoc loc) {
    if (!is_bare_access(value) || value.poison) return false;
    const TensorRef source = resolve(value.tensor);
    if (source->kind != TensorKind::plain || source.get() == &handle || source->types.size() != 1) return false;
    const bool role_of_a_callee =
        source->name_group && source->name_group != handle.home && within(source->name_group, handle.home);
    if (!within(source->home, handle.home) || (!source->name.empty() && !role_of_a_callee)) return false;
    if (left != nullptr) {
        if (left->size() != source->dims.size()) return false;
        for (const DimRef& dim : *left) {
            if (!contains(source->dims, dim->name)) return false;
        }
        source->dims = *left;
    }
    if (!handle.name.empty()) {
        source->name = handle.name;
        source->name_group = handle.name_group;
        source->definition_loc = loc;
        source->definition_group = current_group();
    }
    source->problems.insert(source->problems.end(), handle.problems.begin(), handle.problems.end());
    handle.problems.clear();
    handle.alias = source;
    return true;
}

bool check_definable(TensorState& state, SourceLoc loc) {
    const TensorRef target = state.alias ? resolve(state.alias) : nullptr;
    TensorState& actual = target ? *target : state;
    if (actual.kind != TensorKind::plain) {
        actual.problems.push_back(
            diagnose("L011", loc,
                     fmt::format("{} is {} and cannot be defined", called(actual),
                                 actual.kind == TensorKind::input ? "an Input" : "a Const"),
                     "define a Tensor of another name; an Input is written in place with `updates({{input, output}})`",
                     {{span_of(actual.loc), fmt::format("{} is declared here", called(actual))}}));
        return false;
    }
    if (!actual.defined) return true;
    actual.problems.push_back(
        diagnose("L011", loc, fmt::format("{} is defined twice", called(actual)),
                 "each tensor has one definition: use a second Tensor, or `select` to combine cases",
                 {{span_of(actual.definition_loc), "the first definition is here"}}));
    return false;
}

void check_left(TensorState& state, const TensorState* reduction, const DimList& left, const ExprNode& value,
                SourceLoc loc) {
    const std::string shown = state.name.empty() ? "t" : state.name;
    for (const DimRef& dim : left) {
        if (reduction != nullptr && contains(reduction->reduced, dim->name)) {
            state.problems.push_back(
                diagnose("L014", loc,
                         fmt::format("dim `{}` of {} is reduced by the `{}` on the right", dim->name, called(state),
                                     reduction->role),
                         fmt::format("take `{0}` off the left, or out of the reduced dims", dim->name)));
        }
    }
    for (const DimRef& dim : *value.free) {
        if (contains(left, dim->name)) continue;
        std::vector<std::string> dims = names_of(left);
        dims.push_back(dim->name);
        std::string list;
        for (const std::string& d : dims) {
            list += (list.empty() ? "" : ", ") + d;
        }
        const std::string near = closest_match(dim->name, names_of(left));
        state.problems.push_back(
            diagnose("L013", loc,
                     fmt::format("the value of {} depends on dim `{}`, which is neither on the left nor reduced",
                                 called(state), dim->name),
                     (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) +
                         fmt::format("add it on the left, `{}({})`, or reduce over it, as in `sum({{{}}}, ...)`", shown,
                                     list, dim->name)));
    }
}

void define(const TensorRef& state, const DimList* left, const Expr& value, SourceLoc loc) {
    if (!check_definable(*state, loc)) return;
    if (left != nullptr) check_distinct(*state, *left, loc);
    if (adopt(*state, *value.node(), left, loc)) return;
    const NodeRef node = require_type(value.node(), loc);
    state->defined = true;
    state->definition_loc = loc;
    state->definition_group = current_group();
    state->role = "map";
    state->values = {node};
    state->poison = node->poison;
    state->dims = left != nullptr ? *left : *node->free;
    if (node->poison) return;
    state->types = {node->type};
    if (node->type == Type::index) {
        state->poison = true;
        state->problems.push_back(diagnose("L018", loc, fmt::format("{} would hold indices", called(*state)),
                                           "a tensor holds values: cast, such as `i32(...)`"));
    }
    if (left != nullptr) {
        const bool bare = is_bare_access(*node);
        const TensorRef source = bare ? resolve(node->tensor) : nullptr;
        const bool reduction = source && source->name.empty() && source->reduce;
        check_left(*state, reduction ? source.get() : nullptr, *left, *node, loc);
    }
}

TensorRef declared(TensorKind kind, std::string name, Type type, const std::vector<Dim>& dims, SourceLoc loc) {
    TensorRef state = named_tensor(std::move(name), loc);
    state->name_group = nullptr; // arguments and constants belong to the kernel, wherever they are declared
    state->kind = kind;
    state->defined = true;
    state->definition_loc = loc;
    state->dims = states_of(dims);
    state->types = {type};
    check_distinct(*state, state->dims, loc);
    if (type == Type::index) {
        state->problems.push_back(diagnose("L018", loc, fmt::format("{} would hold indices", called(*state)),
                                           "a tensor holds values: i64 is the widest integer type"));
    }
    return state;
}

} // namespace

TensorRef finish_reduction(TensorRef tensor, SourceLoc loc) {
    tensor->defined = true;
    tensor->definition_loc = loc;
    tensor->definition_group = current_group();
    DimListRef free = no_dims();
    for (const NodeRef& root : expression_roots(*tensor)) {
        free = merge(free, root->free);
        tensor->poison = tensor->poison || root->poison;
    }
    DimList all;
    for (const IntoState& item : tensor->into) {
        if (!contains(tensor->reduced, item.dim->name)) append_unique(all, item.dim);
    }
    for (const DimRef& dim : *free) {
        if (!contains(tensor->reduced, dim->name)) append_unique(all, dim);
    }
    for (const DimRef& dim : tensor->scan_dims) {
        append_unique(all, dim);
    }
    tensor->dims = std::move(all);
    return tensor;
}

} // namespace detail

void Access::operator=(const Expr& value) const {
    DimList left;
    bool good = true;
    for (const AccessArg& arg : args_) {
        if (arg.dim() && !arg.index()) {
            left.push_back(arg.dim());
            continue;
        }
        good = false;
        resolve(tensor_)->problems.push_back(
            diagnose("L012", arg.loc(),
                     fmt::format("the left side of the definition of {} has an index that is not a dim",
                                 called(*resolve(tensor_))),
                     "the left side lists dims; to write at computed places reduce with `into(dim(index))`"));
    }
    if (good) {
        define(tensor_, &left, value, loc_);
    } else {
        // Known to be wrong; users of the tensor stay silent.
        tensor_->defined = true;
        tensor_->poison = true;
        tensor_->definition_loc = loc_;
        tensor_->values = {value.node()};
    }
}

void Access::operator=(const Access& value) const {
    *this = Expr(value);
}

Tensor::Tensor(SourceLoc loc) : state_(new_tensor(loc)) {}
Tensor::Tensor(std::string name, SourceLoc loc) : state_(named_tensor(std::move(name), loc)) {}
Tensor::Tensor(const char* name, SourceLoc loc) : state_(named_tensor(name, loc)) {}
Tensor::Tensor(const Expr& value, SourceLoc loc) : state_(new_tensor(loc)) {
    define(state_, nullptr, value, loc);
}

Tensor& Tensor::operator=(const Expr& value) {
    define(state_, nullptr, value, value.loc());
    return *this;
}

Tensor& Tensor::operator=(const Tensor& value) {
    // A handle that says nothing yet becomes a handle of the other tensor, as copies do.
    if (state_ == value.state_) return *this;
    if (!value.state_->defined && !value.state_->alias && state_->name.empty() && !state_->defined && !state_->alias) {
        state_->alias = value.state_;
        return *this;
    }
    // An assignment operator cannot take the line; the call of the library function is on it.
    SourceLoc loc = state_->loc;
    for (GroupRef at = resolve(value.state_)->home; at && at != state_->home; at = at->outer) {
        loc = at->call;
    }
    define(state_, nullptr, Expr(value, loc), loc);
    return *this;
}

Tensor& Tensor::operator=(const Tuple& value) {
    if (value.size() == 0) return *this;
    const SourceLoc loc = value[0].loc();
    if (!check_definable(*state_, loc)) return *this;
    const TensorRef source = value.tensor() ? resolve(value.tensor()) : nullptr;
    if (source && source->name.empty()) {
        if (!state_->name.empty()) {
            source->name = state_->name;
            source->name_group = state_->name_group;
            source->definition_loc = loc;
        }
        source->problems.insert(source->problems.end(), state_->problems.begin(), state_->problems.end());
        state_->problems.clear();
        state_->alias = source;
        return *this;
    }
    state_->defined = true;
    state_->definition_loc = loc;
    state_->definition_group = current_group();
    state_->role = "map";
    DimListRef free = no_dims();
    for (std::size_t i = 0; i < value.size(); ++i) {
        const NodeRef node = require_type(value[i].node(), loc);
        state_->values.push_back(node);
        state_->types.push_back(node->type);
        state_->poison = state_->poison || node->poison;
        free = merge(free, node->free);
    }
    state_->dims = *free;
    return *this;
}

Access Tensor::operator()(const std::vector<Dim>& dims, SourceLoc loc) const {
    std::vector<AccessArg> args;
    for (const Dim& dim : dims) {
        args.emplace_back(dim, loc);
    }
    return {state_, std::move(args), loc};
}

Expr Tensor::operator[](const Component& component) const {
    return {bare_access(state_, std::max(component.number(), 0), component.loc()), component.loc()};
}

std::vector<Dim> Tensor::dims() const {
    std::vector<Dim> list;
    for (const DimRef& dim : resolve(state_)->dims) {
        list.emplace_back(dim);
    }
    return list;
}

Input::Input(std::string name, Type type, const std::vector<Dim>& dims, SourceLoc loc)
    : Tensor(declared(TensorKind::input, std::move(name), type, dims, loc)) {}

Input& Input::frozen() {
    state()->frozen = true;
    return *this;
}

} // namespace coulter
