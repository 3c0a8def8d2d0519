// The IR's own invariants. What the text parser and the front end report with better places is found here as well, so
// that a pass which breaks a kernel is caught. A hostile kernel costs at most so many reports.

#include "coulter/array.hpp"
#include "coulter/ir.hpp"
#include "ir_types.hpp"
#include "text_lex.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <fmt/format.h>
#include <unordered_set>

namespace coulter::ir {
namespace {

struct Tensor {
    const std::vector<std::string>* dims = nullptr;
    std::vector<Type> types;
    std::size_t defined_at = 0; ///< 0 for inputs and consts, else the definition's position from 1
};

constexpr std::size_t most_reports = 100;

enum class Context : std::uint8_t { loops, identity, combine, extent };

class Validator {
public:
    explicit Validator(const Kernel& kernel) : kernel_(kernel) {}

    std::vector<Diagnostic> run() {
        check_name(kernel_.name, "kernel", {});
        check_dims();
        check_tensors();
        for (std::size_t i = 0; i < kernel_.definitions.size() && !full(); ++i) {
            check_definition(kernel_.definitions[i], i + 1);
        }
        if (!full()) {
            check_interface();
        }
        return std::move(diagnostics_);
    }

private:
    [[nodiscard]] bool full() const { return diagnostics_.size() >= most_reports; }

    void report(const char* code, const Span& span, std::string message, std::string help = {}) {
        diagnostics_.push_back({Severity::error, code, span, std::move(message), {}, std::move(help)});
    }

    void check_name(const std::string& name, const char* what, const Span& span) {
        // Dims that a schedule's rewrites add are named `<stage>:<dim>.o`.
        const std::size_t colon = what == std::string_view("dim") ? name.find(':') : std::string::npos;
        const std::string_view last = std::string_view(name).substr(colon == std::string::npos ? 0 : colon + 1);
        const std::string_view stage = colon == std::string::npos ? last : std::string_view(name).substr(0, colon);
        if (!text::is_plain_name(last) || !text::is_plain_name(stage)) {
            report("V001", span, fmt::format("`{}` cannot name a {}", name, what),
                   "names are identifiers joined by dots, with `[n]` after a segment: `votes`, `em.mu[1]`");
        }
    }

    void check_dims();
    void check_extent_cycles();
    void check_tensors();
    void check_tensor(const std::string& name, const std::vector<Type>& types, const std::vector<std::string>& dims,
                      const Span& span, std::size_t position);
    void check_const(const Const& constant);
    void check_definition(const Definition& definition, std::size_t position);
    void check_reduction(const Definition& definition);
    void check_states(const Definition& definition, const std::vector<Ref>& identity, const std::vector<Ref>& combine);
    void check_values(const Definition& definition);
    void check_expressions(const Definition& definition, std::size_t position, const std::vector<Ref>& roots,
                           Context context, const std::unordered_set<std::string>& loops);
    void check_access(const Node& node, const Definition& definition, std::size_t position, Context context,
                      const std::unordered_set<std::string>& loops);
    void check_constant(const Node& node, const Span& span);
    void check_operation(const Node& node, const Span& span);
    void check_interface();

    const Kernel& kernel_;
    std::unordered_map<std::string, const Dim*> dims_;
    std::unordered_map<std::string, Tensor> tensors_;
    std::vector<Diagnostic> diagnostics_;
};

std::vector<std::string> dim_names(const Kernel& kernel) {
    std::vector<std::string> names;
    for (const Dim& dim : kernel.dims) {
        names.push_back(dim.name);
    }
    return names;
}

bool has_index(const std::vector<Type>& types) {
    return std::find(types.begin(), types.end(), Type::index) != types.end();
}

bool has(const std::vector<std::string>& list, const std::string& name) {
    return std::find(list.begin(), list.end(), name) != list.end();
}

void Validator::check_dims() {
    for (const Dim& dim : kernel_.dims) {
        if (full()) {
            return;
        }
        check_name(dim.name, "dim", dim.span);
        if (!dims_.emplace(dim.name, &dim).second) {
            report("V002", dim.span, fmt::format("dim `{}` is declared twice", dim.name));
        }
    }
    for (const Dim& dim : kernel_.dims) {
        if (dim.size && dim.extent) {
            report("V012", dim.span, fmt::format("dim `{}` has both a constant extent and an expression", dim.name),
                   "keep one of them");
        }
        if (dim.size && *dim.size < 0) {
            report("V012", dim.span, fmt::format("the extent of dim `{}` is {}, and at least 0 is wanted", dim.name,
                                                 *dim.size));
        }
        if (!dim.extent) {
            continue;
        }
        Definition holder; // extents share the checks of a definition's expressions
        holder.name = dim.name;
        holder.span = dim.span;
        if (dim.extent->type != Type::index) {
            report("V012", dim.span, fmt::format("the extent of dim `{}` is of type {}, and index is wanted", dim.name,
                                                 coulter::name(dim.extent->type)));
        }
        check_expressions(holder, 0, {dim.extent}, Context::extent, {});
    }
    check_extent_cycles();
}

void Validator::check_extent_cycles() {
    // Repeatedly retires dims whose extents depend on retired ones only; what stays depends on itself.
    std::unordered_map<std::string, std::size_t> open;
    std::unordered_map<std::string, std::vector<std::string>> users;
    std::vector<std::string> ready;
    for (const auto& [dim_name, dim] : dims_) {
        std::unordered_set<std::string> sources;
        if (dim->extent) {
            for (const Node* node : postorder({dim->extent})) {
                if (node->kind == Kind::extent) {
                    sources.insert(node->name);
                }
            }
        }
        open[dim_name] = sources.size();
        for (const std::string& source : sources) {
            users[source].push_back(dim_name);
            open.emplace(source, 0);
        }
    }
    for (const auto& [dim_name, count] : open) {
        if (count == 0) {
            ready.push_back(dim_name);
        }
    }
    while (!ready.empty()) {
        const std::string retired = std::move(ready.back());
        ready.pop_back();
        for (const std::string& user : users[retired]) {
            if (--open[user] == 0) {
                ready.push_back(user);
            }
        }
    }
    for (const Dim& dim : kernel_.dims) {
        if (open[dim.name] > 0) {
            report("V012", dim.span, fmt::format("the extent of dim `{}` depends on itself", dim.name),
                   "write it over the extents of other dims");
            return;
        }
    }
}

void Validator::check_tensor(const std::string& name, const std::vector<Type>& types,
                             const std::vector<std::string>& dims, const Span& span, std::size_t position) {
    check_name(name, "tensor", span);
    if (!tensors_.emplace(name, Tensor{&dims, types, position}).second) {
        report("V002", span, fmt::format("tensor `{}` is defined twice", name),
               "inputs, consts and definitions share one space of names");
    }
    if (types.empty() || has_index(types)) {
        report("V014", span, fmt::format("tensor `{}` has {}", name, types.empty() ? "no type" : "the type index"),
               "element types are f64, f32, f16, bf16, i8 to i64, u8 to u64 and bool");
    }
    std::unordered_set<std::string> seen;
    for (const std::string& dim : dims) {
        if (!dims_.contains(dim)) {
            report("V003", span, fmt::format("tensor `{}` has the dim `{}`, which the kernel does not have", name, dim),
                   "dims of the kernel: " + quoted_list(dim_names(kernel_)));
        }
        if (!seen.insert(dim).second) {
            report("V002", span, fmt::format("tensor `{}` has the dim `{}` twice", name, dim));
        }
    }
}

void Validator::check_const(const Const& constant) {
    // Sizes are multiplied as doubles first: a hostile product must not wrap.
    double elements = 1;
    for (const std::string& name : constant.dims) {
        const auto dim = dims_.find(name);
        if (dim == dims_.end()) {
            return;
        }
        if (!dim->second->size) {
            report("V011", constant.span, fmt::format("const `{}` has the dim `{}`, whose extent is not constant",
                                                      constant.name, name),
                   fmt::format("declare the extent: `dim {} = ...`", name));
            return;
        }
        elements *= static_cast<double>(*dim->second->size);
    }
    const auto size = static_cast<std::size_t>(bytes(constant.type));
    if (elements * static_cast<double>(size) != static_cast<double>(constant.data.size())) {
        report("V011", constant.span, fmt::format("const `{}` holds {} elements, and its dims make {:.0f}",
                                                  constant.name, constant.data.size() / size, elements));
    }
    if (constant.type == Type::boolean &&
        std::any_of(constant.data.begin(), constant.data.end(), [](std::byte b) { return b > std::byte{1}; })) {
        report("V011", constant.span, fmt::format("const `{}` of type bool holds a byte that is neither 0 nor 1",
                                                  constant.name));
    }
}

void Validator::check_tensors() {
    for (const Input& input : kernel_.inputs) {
        check_tensor(input.name, {input.type}, input.dims, input.span, 0);
    }
    for (const Const& constant : kernel_.consts) {
        check_tensor(constant.name, {constant.type}, constant.dims, constant.span, 0);
        check_const(constant);
    }
    for (std::size_t i = 0; i < kernel_.definitions.size(); ++i) {
        const Definition& definition = kernel_.definitions[i];
        check_tensor(definition.name, definition.types, definition.dims, definition.span, i + 1);
    }
}

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
    check_expressions(definition, position, body, Context::loops, loops);
    check_values(definition);
    if (definition.reduction) {
        check_reduction(definition);
        check_states(definition, definition.reduction->identity, definition.reduction->combine);
    } else if (definition.scan) {
        if (!has(definition.dims, definition.scan->dim)) {
            report("V010", definition.span,
                   fmt::format("`{}` scans along `{}`, which is not one of its dims", definition.name,
                               definition.scan->dim),
                   "its dims: " + quoted_list(definition.dims));
        }
        check_states(definition, definition.scan->identity, definition.scan->combine);
    }
}

void Validator::check_values(const Definition& definition) {
    const std::vector<Type>& types = definition.types;
    const ReduceOp op = definition.reduction ? definition.reduction->op : ReduceOp::custom;
    const bool arg = op == ReduceOp::argmin || op == ReduceOp::argmax;
    if (arg && (types.size() != 2 || types[0] != Type::i32)) {
        report("V010", definition.span, fmt::format("`{}` is an {}, whose type is a tuple (i32, type of the value)",
                                                    definition.name, name(op)));
        return;
    }
    const std::size_t wanted = arg ? 1 : types.size();
    if (definition.values.size() != wanted) {
        report("V010", definition.span, fmt::format("`{}` has {} values, and its type wants {}", definition.name,
                                                    definition.values.size(), wanted));
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

void Validator::check_reduction(const Definition& definition) {
    const Reduction& reduction = *definition.reduction;
    std::unordered_set<std::string> seen(definition.dims.begin(), definition.dims.end());
    for (const std::string& dim : reduction.dims) {
        if (!dims_.contains(dim)) {
            report("V003", definition.span, fmt::format("`{}` reduces over the dim `{}`, which the kernel does not have",
                                                        definition.name, dim),
                   "dims of the kernel: " + quoted_list(dim_names(kernel_)));
        }
        if (!seen.insert(dim).second) {
            report("V010", definition.span,
                   fmt::format("`{}` reduces over `{}`, which {}", definition.name, dim,
                               has(definition.dims, dim) ? "is one of its own dims" : "stands there twice"));
        }
    }
    if (reduction.where && reduction.where->type != Type::boolean) {
        report("V005", definition.span, fmt::format("the `where` of `{}` is of type {}, and bool is wanted",
                                                    definition.name, coulter::name(reduction.where->type)));
    }
    std::unordered_set<std::string> bound;
    for (const Into& into : reduction.into) {
        if (!has(definition.dims, into.dim) || !bound.insert(into.dim).second) {
            report("V010", definition.span,
                   fmt::format("`into` of `{}` binds `{}`, which {}", definition.name, into.dim,
                               has(definition.dims, into.dim) ? "it already binds" : "is not one of its dims"),
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
        report("V010", definition.span, fmt::format("`{}` is an {} over {} dims, and exactly one is wanted",
                                                    definition.name, name(reduction.op), reduction.dims.size()));
    }
    const bool logic = reduction.op == ReduceOp::any || reduction.op == ReduceOp::all;
    const bool single = reduction.op != ReduceOp::custom && !arg;
    if (single && definition.types.size() != 1) {
        report("V010", definition.span, fmt::format("`{}` is a {} of {} components, and one is wanted", definition.name,
                                                    name(reduction.op), definition.types.size()));
    } else if (reduction.op != ReduceOp::custom && logic != (definition.types.back() == Type::boolean)) {
        report("V005", definition.span, fmt::format("`{}` is a {} of type {}, and {} is wanted", definition.name,
                                                    name(reduction.op), coulter::name(definition.types.back()),
                                                    logic ? "bool" : "a number"));
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
    check_expressions(definition, 0, identity, Context::identity, {});
    check_expressions(definition, 0, combine, Context::combine, {});
}

void Validator::check_constant(const Node& node, const Span& span) {
    const bool real = is_float(node.type);
    bool good = true;
    if (real) {
        const double rounded = round_to(node.type, node.real);
        good = std::isnan(node.real) || std::bit_cast<std::uint64_t>(rounded) == std::bit_cast<std::uint64_t>(node.real);
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
        report("V014", span, fmt::format("the constant {} is no value of type {}",
                                         real ? fmt::format("{:a}", node.real) : fmt::format("{}", node.integer),
                                         coulter::name(node.type)));
    }
}

void Validator::check_operation(const Node& node, const Span& span) {
    const bool unary = node.kind == Kind::unary && node.op >= Op::neg && node.op <= Op::bit_not;
    const bool binary = node.kind == Kind::binary && node.op >= Op::add && node.op <= Op::shr;
    const bool call = node.kind == Kind::call && node.op >= Op::abs;
    const bool known = unary || binary || call || node.kind == Kind::select || node.kind == Kind::cast;
    const std::size_t wanted = node.kind == Kind::select ? 3 : node.kind == Kind::cast ? 1
                                                             : static_cast<std::size_t>(arity(node.op));
    if (!known || node.args.size() != wanted) {
        report("V005", span, fmt::format("the operation `{}` has {} operands, and {} are wanted", name(node.op),
                                         node.args.size(), wanted));
        return;
    }
    std::vector<Type> types;
    for (const Ref& arg : node.args) {
        types.push_back(arg->type);
    }
    if (const std::string problem = operand_problem(node.kind, node.op, types); !problem.empty()) {
        report("V005", span, problem, "cast an operand to the type that is meant");
    } else if (node.kind != Kind::cast && node.type != result_type(node.kind, node.op, types)) {
        report("V005", span, fmt::format("`{}` gives {}, and its node says {}", name(node.op),
                                         coulter::name(result_type(node.kind, node.op, types)),
                                         coulter::name(node.type)));
    }
}

void Validator::check_access(const Node& node, const Definition& definition, std::size_t position, Context context,
                             const std::unordered_set<std::string>& loops) {
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
    const Tensor& tensor = found->second;
    if (node.component < 0 || static_cast<std::size_t>(node.component) >= tensor.types.size()) {
        report("V008", definition.span, fmt::format("`{}` reads component {} of `{}`, which has {}", user,
                                                    node.component, node.name, tensor.types.size()));
        return;
    }
    const Type type = tensor.types[static_cast<std::size_t>(node.component)];
    const bool padded = node.boundary == Boundary::padded;
    const bool good_pad = !padded || (!node.args.empty() && node.pad()->type == type);
    if (node.args.size() != node.dims.size() + (padded ? 1 : 0) || node.type != type || !good_pad) {
        report("V005", definition.span, fmt::format("the access to `{}` in `{}` disagrees with the tensor's type {}",
                                                    node.name, user, coulter::name(type)));
        return;
    }
    std::size_t next = 0; // explicit bindings stand in the order of the declaration
    for (const std::string& dim : *tensor.dims) {
        if (next < node.dims.size() && node.dims[next] == dim) {
            const Node& index = *node.args[next++];
            if (index.type != Type::index) {
                report("V005", definition.span, fmt::format("`{}` indexes `{}` of `{}` with type {}, and index is wanted",
                                                            user, dim, node.name, coulter::name(index.type)));
            }
            if (index.kind == Kind::dim && index.name == dim) {
                report("V007", definition.span,
                       fmt::format("`{}` binds `{}` of `{}` to itself, which is left out", user, dim, node.name));
            }
        } else if (!has(node.dims, dim) && !loops.contains(dim)) {
            report(context == Context::loops ? "V006" : "V009", definition.span,
                   fmt::format("`{}` reads `{}` at the loop index of `{}`, and has no loop of that dim", user, node.name,
                               dim),
                   fmt::format("bind it: `{}({} = ...)`", node.name, dim));
        }
    }
    if (next != node.dims.size()) {
        report("V007", definition.span,
               fmt::format("`{}` binds {} of `{}`, whose dims in order are {}", user, quoted_list(node.dims), node.name,
                           quoted_list(*tensor.dims)));
    }
}

void Validator::check_expressions(const Definition& definition, std::size_t position, const std::vector<Ref>& roots,
                                  Context context, const std::unordered_set<std::string>& loops) {
    for (const Node* node : postorder(roots)) {
        if (full()) {
            return;
        }
        if (context == Context::identity && node->kind != Kind::constant) {
            report("V010", definition.span, fmt::format("`identity` of `{}` is not a constant", definition.name));
            return;
        }
        switch (node->kind) {
        case Kind::constant: check_constant(*node, definition.span); break;
        case Kind::dim:
            if (!loops.contains(node->name) || !dims_.contains(node->name)) {
                std::vector<std::string> names(loops.begin(), loops.end());
                std::sort(names.begin(), names.end());
                report(context == Context::combine ? "V009" : "V006", definition.span,
                       fmt::format("{} uses the loop index of `{}`, and has no loop of that dim",
                                   context == Context::combine  ? "`combine` of `" + definition.name + "`"
                                   : context == Context::extent ? "the extent of `" + definition.name + "`"
                                                                : "`" + definition.name + "`",
                                   node->name),
                       context == Context::extent ? fmt::format("extents are `extent({})`", node->name)
                                                  : "loops here: " + quoted_list(names));
            }
            break;
        case Kind::extent:
            if (!dims_.contains(node->name)) {
                report("V003", definition.span, fmt::format("`extent({})` names a dim that the kernel does not have",
                                                            node->name),
                       "dims of the kernel: " + quoted_list(dim_names(kernel_)));
            }
            break;
        case Kind::access:
            if (context == Context::extent) {
                report("V012", definition.span, fmt::format("the extent of `{}` reads the tensor `{}`", definition.name,
                                                            node->name),
                       "extents are expressions over extents and constants");
            } else {
                check_access(*node, definition, position, context, loops);
            }
            break;
        case Kind::operand: {
            const auto component = static_cast<std::size_t>(node->component);
            if (context != Context::combine) {
                report("V009", definition.span, fmt::format("`{}.{}` stands outside `combine`",
                                                            node->right ? "right" : "left", node->component),
                       "a tensor of that name is written in backquotes");
            } else if (node->component < 0 || component >= definition.types.size() ||
                       node->type != definition.types[component]) {
                report("V008", definition.span, fmt::format("`combine` of `{}` uses component {} as {}, which it lacks",
                                                            definition.name, node->component,
                                                            coulter::name(node->type)));
            }
            break;
        }
        default: check_operation(*node, definition.span); break;
        }
    }
}

void Validator::check_interface() {
    if (kernel_.outputs.empty()) {
        report("V013", {}, fmt::format("kernel `{}` has no output", kernel_.name), "add a line `output NAME`");
    }
    std::unordered_set<std::string> seen;
    for (const std::string& output : kernel_.outputs) {
        const auto tensor = tensors_.find(output);
        if (tensor == tensors_.end() || tensor->second.defined_at == 0) {
            report("V013", {}, fmt::format("the output `{}` is no definition of the kernel", output));
        } else if (!seen.insert(output).second) {
            report("V013", {}, fmt::format("`{}` is an output twice", output));
        }
    }
    std::unordered_map<std::string, const Input*> inputs;
    for (const Input& input : kernel_.inputs) {
        inputs.emplace(input.name, &input);
    }
    std::unordered_set<std::string> updated;
    for (const auto& [input, output] : kernel_.updates) {
        const auto found = inputs.find(input);
        const Input* from = found == inputs.end() ? nullptr : found->second;
        if (full()) {
            return;
        }
        if (from == nullptr || !seen.contains(output)) {
            report("V013", {}, fmt::format("`update {} -> {}` wants an input and an output", input, output));
            continue;
        }
        const Tensor& to = tensors_.at(output);
        if (to.types != std::vector<Type>{from->type} || *to.dims != from->dims) {
            report("V013", from->span, fmt::format("`{}` and `{}` share memory and differ in type or dims", input, output));
        }
        if (!updated.insert(input).second || !updated.insert("-> " + output).second) {
            report("V013", from->span, fmt::format("`{}` or `{}` is updated twice", input, output));
        }
    }
    for (const auto& [dim, extent] : kernel_.estimates) {
        if (!dims_.contains(dim) || extent < 0) {
            report("V013", {}, fmt::format("the estimate `{} = {}` {}", dim, extent,
                                           extent < 0 ? "is negative" : "names a dim that the kernel does not have"),
                   "dims of the kernel: " + quoted_list(dim_names(kernel_)));
        }
    }
    for (const Group& group : kernel_.groups) {
        const std::string free_text = group.path + group.function + group.macro_file;
        const bool printable = std::none_of(free_text.begin(), free_text.end(), [](char c) {
            return c == '`' || c == '"' || static_cast<unsigned char>(c) < 0x20;
        });
        if (group.path.empty() || group.function.empty() || !printable) {
            report("V001", group.span, fmt::format("group `{}` has a path, function or macro file that cannot be written",
                                                   group.path),
                   "they hold no quotes and no control characters, and path and function are not empty");
        }
        for (const auto* list : {&group.inputs, &group.outputs}) {
            for (const std::string& name : *list) {
                if (!tensors_.contains(name)) {
                    report("V013", group.span, fmt::format("group `{}` names `{}`, which the kernel does not have",
                                                           group.path, name));
                }
            }
        }
    }
}

} // namespace

std::vector<Diagnostic> validate(const Kernel& kernel) { return Validator(kernel).run(); }

} // namespace coulter::ir
