// The walk from the outputs over all definitions.

#include "language_collect.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <unordered_set>

namespace coulter::detail {
namespace {

constexpr std::array<std::string_view, 95> keywords{
    "alignas",  "alignof",      "and",       "and_eq",       "asm",       "auto",          "bitand",      "bitor",
    "bool",     "break",        "case",      "catch",        "char",      "char8_t",       "char16_t",    "char32_t",
    "class",    "compl",        "concept",   "const",        "consteval", "constexpr",     "constinit",   "const_cast",
    "continue", "co_await",     "co_return", "co_yield",     "decltype",  "default",       "delete",      "do",
    "double",   "dynamic_cast", "else",      "enum",         "explicit",  "export",        "extern",      "false",
    "float",    "for",          "friend",    "goto",         "if",        "inline",        "int",         "long",
    "mutable",  "namespace",    "new",       "noexcept",     "not",       "not_eq",        "nullptr",     "operator",
    "or",       "or_eq",        "private",   "protected",    "public",    "register",      "requires",    "restrict",
    "return",   "short",        "signed",    "sizeof",       "static",    "static_assert", "static_cast", "struct",
    "switch",   "template",     "this",      "thread_local", "throw",     "true",          "try",         "typedef",
    "typeid",   "typename",     "union",     "unsigned",     "using",     "virtual",       "void",        "volatile",
    "wchar_t",  "while",        "xor",       "xor_eq",       "_Bool",     "_Complex",      "_Generic"};

void check_c_name(const char* what, const std::string& name, SourceLoc loc, std::vector<Diagnostic>& problems) {
    if (std::find(keywords.begin(), keywords.end(), name) != keywords.end()) {
        problems.push_back(diagnose("L002", loc,
                                    fmt::format("the {} `{}` has the name of a C or C++ keyword", what, name),
                                    fmt::format("it names a C parameter or function: `{}_` would do", name)));
    }
}

// "`scale`" without its quotes; what has no name is `t`.
std::string plain(const std::string& name) {
    return name.size() > 2 && name.front() == '`' ? name.substr(1, name.size() - 2) : "t";
}

class Collector {
public:
    explicit Collector(Collected& result) : result_(result) {}

    void walk(const TensorRef& root) {
        struct Frame {
            TensorRef tensor;
            std::vector<TensorRef> reads;
            std::size_t next = 0;
        };
        std::vector<Frame> stack;
        const auto enter = [&](const TensorRef& tensor) {
            state_[tensor.get()] = State::open;
            inspect(*tensor);
            stack.push_back({tensor, producers(*tensor), 0});
        };
        if (state_.contains(root.get())) return;
        enter(root);
        while (!stack.empty()) {
            Frame& top = stack.back();
            if (top.next < top.reads.size()) {
                const TensorRef read = top.reads[top.next++];
                const auto at = state_.find(read.get());
                if (at == state_.end()) {
                    enter(read);
                } else if (at->second == State::open) {
                    std::vector<std::string> cycle;
                    bool on = false;
                    for (const Frame& frame : stack) {
                        on = on || frame.tensor == read;
                        if (on) cycle.push_back(called(*frame.tensor));
                    }
                    cycle.push_back(called(*read));
                    in_cycle_.insert(read.get());
                    problem(
                        "L043", top.tensor->definition_loc, top.tensor->definition_group,
                        cycle.size() == 2
                            ? fmt::format("{} is used in its own definition", cycle.front())
                            : fmt::format("these definitions need each other: {}", fmt::join(cycle, " needs ")),
                        "a definition may use only tensors defined before it; a recurrence along a dim is a `scan`");
                }
                continue;
            }
            state_[top.tensor.get()] = State::done;
            if (top.tensor->kind == TensorKind::plain) {
                result_.order.push_back(top.tensor);
            } else {
                result_.arguments.push_back(top.tensor);
            }
            stack.pop_back();
        }
    }

    void check_uses() {
        for (const auto& [node, user] : undefined_) {
            const TensorRef handle = node->pending.lock();
            const TensorRef tensor = handle ? resolve(handle) : nullptr;
            if (tensor && in_cycle_.contains(tensor.get())) continue;
            const std::string& name = node->pending_name;
            if (!tensor || !tensor->defined) {
                if (std::find(reported_.begin(), reported_.end(), name) != reported_.end()) continue;
                reported_.push_back(name);
                problem("L009", node->loc, user->definition_group,
                        fmt::format("{} is used and has no definition", name),
                        fmt::format("define it before: `{}(...) = ...;`", plain(name)),
                        {{span_of(node->pending_loc), fmt::format("{} is declared here", name)}});
            } else {
                problem("L010", node->loc, user->definition_group,
                        fmt::format("{} is used before its definition", name),
                        "move the definition before the first use",
                        {{span_of(tensor->definition_loc), fmt::format("{} is defined here", name)}});
            }
        }
    }

    void add_dim(const DimRef& first) {
        std::vector<DimRef> pending{first};
        while (!pending.empty()) {
            const DimRef dim = pending.back();
            pending.pop_back();
            if (!dims_.insert(dim.get()).second) continue;
            keep_.push_back(dim);
            result_.problems.insert(result_.problems.end(), dim->problems.begin(), dim->problems.end());
            merge_dim(*dim);
            if (!dim->extent) continue;
            for (const ExprNode* node : postorder({dim->extent})) {
                inspect(*node);
                if (node->dim) pending.push_back(node->dim);
                if (node->tensor || node->undefined) {
                    problem("L004", dim->loc, nullptr,
                            fmt::format("the extent of dim `{}` reads {}", dim->name,
                                        node->undefined ? node->pending_name : called(*node->tensor)),
                            "an extent is known before the kernel runs: make it of constants and `extent(dim)`");
                }
            }
        }
    }

    void problem(const char* code, SourceLoc loc, const GroupRef& group, std::string message, std::string help,
                 std::vector<Note> notes = {}) {
        result_.problems.push_back(diagnose(code, loc, group, std::move(message), std::move(help), std::move(notes)));
    }

private:
    enum class State : std::uint8_t { open, done };

    void inspect(const ExprNode& node) {
        if (seen_.insert(&node).second) {
            result_.problems.insert(result_.problems.end(), node.problems.begin(), node.problems.end());
        }
    }

    void inspect(const TensorState& tensor) {
        result_.problems.insert(result_.problems.end(), tensor.problems.begin(), tensor.problems.end());
        for (const DimRef& dim : tensor.dims) {
            add_dim(dim);
        }
        for (const DimRef& dim : tensor.reduced) {
            add_dim(dim);
        }
        for (const DimRef& dim : tensor.scan_dims) {
            add_dim(dim);
        }
        for (const IntoState& item : tensor.into) {
            add_dim(item.dim);
        }
        for (const ExprNode* node : postorder(expression_roots(tensor))) {
            inspect(*node);
            if (node->dim) add_dim(node->dim);
            for (const DimRef& dim : node->bound) {
                add_dim(dim);
            }
            if (node->undefined) undefined_.emplace_back(node, &tensor);
        }
    }

    void merge_dim(const DimState& dim) {
        const auto at = std::find_if(result_.dims.begin(), result_.dims.end(),
                                     [&](const DimInfo& info) { return info.name == dim.name; });
        if (at == result_.dims.end()) {
            result_.dims.push_back({dim.name, dim.size, dim.extent, dim.loc});
            return;
        }
        if (!dim.size && !dim.extent) return;
        if (!at->size && !at->extent) {
            *at = {dim.name, dim.size, dim.extent, dim.loc};
            return;
        }
        const bool same = dim.extent == nullptr && at->extent == nullptr ? dim.size == at->size
                          : dim.extent && at->extent                     ? same_extent(dim.extent, at->extent)
                                                                         : false;
        if (same) return;
        const auto show = [](const std::optional<std::int64_t>& size) {
            return size ? fmt::format("{}", *size) : std::string("an expression");
        };
        problem(
            "L003", dim.loc, nullptr,
            fmt::format("dim `{}` has extent {} here and {} elsewhere", dim.name, show(dim.size), show(at->size)),
            "a name has one extent per kernel: give one of the two dims another name",
            std::vector<Note>{{span_of(at->loc), fmt::format("`{}` has extent {} here", dim.name, show(at->size))}});
    }

    // Extents are small expressions; the same nodes in the same postorder with the same operands are the same.
    static bool same_extent(const NodeRef& a, const NodeRef& b) {
        const auto x = postorder({a});
        const auto y = postorder({b});
        if (x.size() != y.size()) return false;
        const auto place = [](const std::vector<const ExprNode*>& list, const NodeRef& node) {
            return std::find(list.begin(), list.end(), node.get()) - list.begin();
        };
        for (std::size_t i = 0; i < x.size(); ++i) {
            if (x[i]->kind != y[i]->kind || x[i]->op != y[i]->op || x[i]->integer != y[i]->integer ||
                x[i]->args.size() != y[i]->args.size() ||
                (x[i]->dim ? x[i]->dim->name : "") != (y[i]->dim ? y[i]->dim->name : "")) {
                return false;
            }
            for (std::size_t k = 0; k < x[i]->args.size(); ++k) {
                if (place(x, x[i]->args[k]) != place(y, y[i]->args[k])) return false;
            }
        }
        return true;
    }

    Collected& result_;
    std::unordered_map<const TensorState*, State> state_;
    std::unordered_set<const ExprNode*> seen_;
    std::unordered_set<const DimState*> dims_;
    std::vector<DimRef> keep_;
    std::vector<std::pair<const ExprNode*, const TensorState*>> undefined_;
    std::unordered_set<const TensorState*> in_cycle_;
    std::vector<std::string> reported_;
};

void take_outputs(Collector& collector, Collected& result, const std::vector<Tensor>& outputs, SourceLoc loc) {
    if (outputs.empty()) {
        collector.problem("L026", loc, nullptr, "the kernel has no outputs", "list them: `Kernel(\"name\", {y})`");
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
        const TensorRef tensor = resolve(outputs[i].state());
        const std::string what = tensor->name.empty() ? fmt::format("output {}", i) : called(*tensor);
        if (tensor->kind != TensorKind::plain) {
            collector.problem("L026", loc, nullptr,
                              fmt::format("{} is {} and cannot be an output", what,
                                          tensor->kind == TensorKind::input ? "an Input" : "a Const"),
                              "an output is a Tensor that the kernel defines: `Tensor y(\"y\"); y = x;` copies");
            continue;
        }
        if (!tensor->defined) {
            collector.problem(
                "L009", loc, nullptr, fmt::format("{} is an output and has no definition", what),
                fmt::format("define it before: `{}(...) = ...;`", tensor->name.empty() ? "t" : tensor->name),
                std::vector<Note>{{span_of(tensor->loc), fmt::format("{} is declared here", what)}});
            continue;
        }
        if (std::find(result.outputs.begin(), result.outputs.end(), tensor) != result.outputs.end()) {
            collector.problem("L026", loc, nullptr, fmt::format("{} is an output twice", what),
                              "list each output once");
            continue;
        }
        if (tensor->name.empty() || tensor->name_group) {
            collector.problem("L026", loc, nullptr,
                              tensor->name.empty() ? fmt::format("{} has no name", what)
                                                   : fmt::format("{} is a name inside `{}`, not one of the kernel",
                                                                 what, tensor->name_group->function),
                              "assign it to a named Tensor: `Tensor y(\"y\"); y = ...;`");
        } else {
            check_c_name("output", tensor->name, tensor->loc, result.problems);
        }
        if (tensor->types.size() > 1) {
            collector.problem("L038", loc, nullptr,
                              fmt::format("output {} has {} components", what, tensor->types.size()),
                              "an output has one: make each component a Tensor, such as `y = t[0];`");
        }
        result.outputs.push_back(tensor);
        collector.walk(tensor);
    }
}

void take_estimates(Collector& collector, Collected& result, const KernelOption& option) {
    std::vector<std::string> known;
    for (const DimInfo& dim : result.dims) {
        known.push_back(dim.name);
    }
    for (const Estimate& item : option.estimates) {
        const std::string& name = item.dim.name();
        const auto dim =
            std::find_if(result.dims.begin(), result.dims.end(), [&](const DimInfo& d) { return d.name == name; });
        if (dim == result.dims.end()) {
            const std::string near = closest_match(name, known);
            collector.problem("L029", option.loc, nullptr, fmt::format("the kernel has no dim `{}` to estimate", name),
                              (near.empty() ? "" : fmt::format("did you mean `{}`? ", near)) +
                                  fmt::format("its dims are {}", quoted_list(known)));
        } else if (item.extent < 1) {
            collector.problem("L029", option.loc, nullptr,
                              fmt::format("the estimate of dim `{}` is {}", name, item.extent),
                              "an estimate is at least 1");
        } else if (dim->size && *dim->size != item.extent) {
            collector.problem(
                "L029", option.loc, nullptr,
                fmt::format("the estimate of dim `{}` is {}, and its extent is {}", name, item.extent, *dim->size),
                "a dim with a constant extent needs no estimate");
        } else if (!result.estimates.emplace(name, item.extent).second && result.estimates.at(name) != item.extent) {
            collector.problem(
                "L029", option.loc, nullptr,
                fmt::format("dim `{}` has two estimates, {} and {}", name, result.estimates.at(name), item.extent),
                "give one estimate per dim");
        }
    }
}

// Writing in place is right when each element of the input is read only to make the same element of the output.
std::string why_not_in_place(const Collected& result, const TensorRef& input, const TensorRef& output) {
    if (input->types != output->types) {
        return fmt::format("{} is {} and {} is {}", called(*input), name(input->types.front()), called(*output),
                           output->types.empty() ? "wrong" : name(output->types.front()));
    }
    if (names_of(input->dims) != names_of(output->dims)) {
        return fmt::format("the dims of {} are {}, and those of {} are {}, in order", called(*input),
                           quoted_list(names_of(input->dims)), called(*output), quoted_list(names_of(output->dims)));
    }
    if (input->frozen) return fmt::format("{} is frozen", called(*input));
    if (output->reduce || output->scan) return fmt::format("{} is a reduction or scan", called(*output));
    for (const TensorRef& user : result.order) {
        for (const ExprNode* node : postorder(expression_roots(*user))) {
            if (!node->tensor || resolve(node->tensor) != input) continue;
            if (user != output) return fmt::format("{} is also read by {}", called(*input), called(*user));
            if (!node->bound.empty())
                return fmt::format("{} reads {} at other places", called(*output), called(*input));
        }
    }
    return {};
}

void take_updates(Collector& collector, Collected& result, const KernelOption& option) {
    for (const Update& item : option.updates) {
        const TensorRef input = resolve(item.input.state());
        const TensorRef output = resolve(item.output.state());
        const auto has = [](const std::vector<TensorRef>& list, const TensorRef& tensor) {
            return std::find(list.begin(), list.end(), tensor) != list.end();
        };
        std::string why;
        if (input->kind != TensorKind::input || !has(result.arguments, input)) {
            why = fmt::format("{} is no Input that the kernel reads", called(*input));
        } else if (!has(result.outputs, output)) {
            why = fmt::format("{} is no output", called(*output));
        } else if (std::any_of(result.updates.begin(), result.updates.end(),
                               [&](const auto& u) { return u.first == input || u.second == output; })) {
            why = "one of them is in another update";
        } else {
            why = why_not_in_place(result, input, output);
        }
        if (!why.empty()) {
            collector.problem(
                "L030", option.loc, nullptr,
                fmt::format("{} cannot be updated in place by {}: {}", called(*input), called(*output), why),
                "an update pairs an Input with an output of the same type and dims that is a map, and "
                "each element of the input is read only to make itself");
            continue;
        }
        result.updates.emplace_back(input, output);
    }
}

} // namespace

Collected collect(const std::string& kernel, const std::vector<Tensor>& outputs,
                  const std::vector<const KernelOption*>& options, SourceLoc loc) {
    Collected result;
    Collector collector(result);
    result.problems = check_identifier("kernel", kernel, loc);
    check_c_name("kernel", kernel, loc, result.problems);
    take_outputs(collector, result, outputs, loc);
    collector.check_uses();
    std::stable_sort(result.arguments.begin(), result.arguments.end(),
                     [](const TensorRef& a, const TensorRef& b) { return a->sequence < b->sequence; });
    for (const TensorRef& tensor : result.arguments) {
        check_c_name("argument", tensor->name, tensor->loc, result.problems);
    }
    for (const KernelOption* option : options) {
        take_estimates(collector, result, *option);
        take_updates(collector, result, *option);
    }
    return result;
}

} // namespace coulter::detail
