// Prints kernels. The grammar is in docs/text_format.md.

#include "const_file.hpp"
#include "coulter/text.hpp"
#include "text_lex.hpp"
#include "text_number.hpp"

#include <algorithm>
#include <cstdlib>
#include <fmt/core.h>
#include <functional>
#include <unordered_map>
#include <unordered_set>

namespace coulter {
namespace {

using ir::Kind;
using ir::Node;
using ir::Op;
using ir::Ref;
using text::quoted_if_needed;

// Expressions nest at most so deep before a `let`; the parser's limit is several times as large, as one node can cost
// it a few levels (parentheses, `padded`).
constexpr int deepest = 40;
constexpr std::size_t widest_line = 116;

int precedence(const Node& node) {
    if (node.kind == Kind::unary) {
        return 10;
    }
    if (node.kind != Kind::binary) {
        return 11;
    }
    switch (node.op) {
    case Op::logical_or: return 1;
    case Op::logical_and: return 2;
    case Op::eq:
    case Op::ne:
    case Op::lt:
    case Op::le:
    case Op::gt:
    case Op::ge: return 3;
    case Op::bit_or: return 4;
    case Op::bit_xor: return 5;
    case Op::bit_and: return 6;
    case Op::shl:
    case Op::shr: return 7;
    case Op::add:
    case Op::sub: return 8;
    case Op::mul:
    case Op::div:
    case Op::mod: return 9;
    default: return 11; // min and max look like calls
    }
}

/// Prints the expressions of one definition, with a `let` for each node that is used more than once or lies too deep.
class ExpressionPrinter {
public:
    ExpressionPrinter() = default;

    /// Chooses the lets for `roots`. A tensor that has a dim's name is written `t()`.
    ExpressionPrinter(const std::vector<Ref>& roots, std::function<bool(const std::string&)> is_dim)
        : is_dim_(std::move(is_dim)) {
        const std::vector<const Node*> order = ir::postorder(roots);
        std::unordered_map<const Node*, int> uses;
        for (const Ref& root : roots) {
            ++uses[root.get()];
        }
        for (const Node* node : order) {
            for (const Ref& arg : node->args) {
                ++uses[arg.get()];
            }
        }
        for (const Node* node : order) {
            Shape& shape = shapes_[node];
            shape.tiny = node->args.empty() || node->type == Type::index || node->kind == Kind::operand;
            for (const Ref& arg : node->args) {
                const Shape& below = shapes_.at(arg.get());
                shape.tiny = shape.tiny && below.tiny;
                shape.size = std::min(shape.size + below.size, 1000);
                if (!lets_.contains(arg.get())) {
                    shape.height = std::max(shape.height, below.height + 1);
                }
            }
            // Small index arithmetic reads better in place, and so do leaves; what is below a tiny node is tiny too,
            // so that printing decides the same after parsing.
            shape.tiny = shape.tiny && shape.size <= 5;
            if ((uses[node] > 1 && !shape.tiny) || shape.height >= deepest) {
                lets_.emplace(node, lets_.size());
                let_order_.push_back(node);
            }
        }
    }

    [[nodiscard]] std::vector<std::string> lets() const {
        return lets_where([](const Node&) { return true; });
    }

    [[nodiscard]] std::vector<std::string> lets_where(const std::function<bool(const Node&)>& wanted) const {
        std::vector<std::string> lines;
        for (const Node* node : let_order_) {
            if (wanted(*node)) {
                lines.push_back(fmt::format("let ${} = {};", lets_.at(node), inner(*node)));
            }
        }
        return lines;
    }

    [[nodiscard]] std::string operator()(const Ref& node) const { return whole(*node); }

    /// Prints without lets, cut off with `...` below 24 levels or about 2000 characters.
    [[nodiscard]] static std::string cut(const Ref& node) {
        ExpressionPrinter printer;
        printer.levels_left_ = 24;
        printer.room_ = 2000;
        return printer.whole(*node);
    }

private:
    struct Shape {
        int size = 1;
        int height = 0;
        bool tiny = false;
    };

    [[nodiscard]] std::string whole(const Node& node) const {
        if (const auto let = lets_.find(&node); let != lets_.end()) {
            return fmt::format("${}", let->second);
        }
        return inner(node);
    }

    [[nodiscard]] std::string inner(const Node& node) const {
        if (levels_left_ == 0 || room_ <= 0) {
            room_ -= 3;
            return "...";
        }
        --levels_left_;
        std::string text = spell(node);
        ++levels_left_;
        if (node.args.empty()) {
            room_ -= static_cast<int>(text.size());
        }
        return text;
    }

    // An operand, in parentheses where it binds less tightly than `least`.
    [[nodiscard]] std::string operand(const Node& node, int least) const {
        const bool let = lets_.contains(&node);
        return !let && precedence(node) < least ? "(" + whole(node) + ")" : whole(node);
    }

    [[nodiscard]] std::string listed(const std::vector<Ref>& args) const {
        std::string text;
        for (const Ref& arg : args) {
            text += (text.empty() ? "" : ", ") + whole(*arg);
        }
        return text;
    }

    // `left.0(i = i - 1)`: where another state is than that of the step before.
    [[nodiscard]] static std::string state(const Node& node) {
        std::string text = fmt::format("{}.{}", node.right ? "right" : "left", node.component);
        for (std::size_t i = 0; i < node.dims.size(); ++i) {
            const std::string dim = quoted_if_needed(node.dims[i]);
            const std::int64_t away = node.args[i]->integer;
            text += fmt::format("{}{} = {} {} {}", i == 0 ? "(" : ", ", dim, dim, away < 0 ? "-" : "+", std::abs(away));
        }
        return node.dims.empty() ? text : text + ")";
    }

    [[nodiscard]] std::string spell(const Node& node) const {
        switch (node.kind) {
        case Kind::constant: return text::print_literal(node);
        case Kind::dim: return quoted_if_needed(node.name);
        case Kind::extent: return fmt::format("extent({})", quoted_if_needed(node.name));
        case Kind::access: return access(node);
        case Kind::operand: return state(node);
        case Kind::unary: {
            // `-2` is a constant, so the negation of the constant 2 keeps its parentheses.
            const Node& arg = *node.args[0];
            const bool ambiguous = arg.kind == Kind::unary || (node.op == Op::neg && arg.kind == Kind::constant);
            return ir::name(node.op) + operand(arg, ambiguous ? 12 : 10);
        }
        case Kind::binary: {
            if (node.op == Op::min || node.op == Op::max) {
                return fmt::format("{}({})", ir::name(node.op), listed(node.args));
            }
            const int level = precedence(node);
            const bool comparison = node.op >= Op::eq && node.op <= Op::ge; // in a row they would be hard to read
            std::string left = operand(*node.args[0], level + (comparison ? 1 : 0));
            return fmt::format("{} {} {}", left, ir::name(node.op), operand(*node.args[1], level + 1));
        }
        case Kind::select: return fmt::format("select({})", listed(node.args));
        case Kind::cast: return fmt::format("{}({})", name(node.type), listed(node.args));
        case Kind::call: return fmt::format("{}({})", ir::name(node.op), listed(node.args));
        }
        return {};
    }

    [[nodiscard]] std::string access(const Node& node) const {
        std::string text = quoted_if_needed(node.name);
        if (tuples_ ? tuples_(node.name) : node.component > 0) {
            // `left.0` and `right.0` without backquotes are the states of `combine`.
            if (node.name == "left" || node.name == "right") {
                text = "`" + text + "`";
            }
            text += fmt::format(".{}", node.component);
        }
        std::string bindings;
        for (std::size_t i = 0; i < node.dims.size() && i < node.args.size(); ++i) {
            bindings +=
                fmt::format("{}{} = {}", i == 0 ? "" : ", ", quoted_if_needed(node.dims[i]), whole(*node.args[i]));
        }
        if (!bindings.empty() || (is_dim_ && is_dim_(node.name))) {
            text += "(" + bindings + ")";
        }
        switch (node.boundary) {
        case ir::Boundary::checked: return text;
        case ir::Boundary::clamped: return "clamped(" + text + ")";
        case ir::Boundary::padded: return fmt::format("padded({}, {})", text, whole(*node.pad()));
        }
        return text;
    }

public:
    /// Set for kernels: tells which tensors are tuples, whose component is always written.
    std::function<bool(const std::string&)> tuples_;

private:
    std::function<bool(const std::string&)> is_dim_;
    std::unordered_map<const Node*, Shape> shapes_;
    std::unordered_map<const Node*, std::size_t> lets_;
    std::vector<const Node*> let_order_;
    mutable int levels_left_ = -1;
    mutable int room_ = 1 << 30;
};

/// Breaks a line that is too wide behind the outermost space in its second half; the rest is indented by eight.
void append_wrapped(std::string& out, std::string line) {
    constexpr std::string_view indent = "        ";
    while (line.size() > widest_line) {
        int depth = 0;
        int best_depth = 1 << 20;
        std::size_t best = std::string::npos;
        char quote = 0;
        const std::size_t first = line.find_first_not_of(' ');
        for (std::size_t i = first; i < line.size(); ++i) {
            const char c = line[i];
            if (quote != 0) {
                quote = c == quote ? 0 : quote;
                continue;
            }
            quote = c == '`' || c == '"' ? c : 0;
            depth += c == '(' || c == '[' || c == '{' ? 1 : c == ')' || c == ']' || c == '}' ? -1 : 0;
            const bool in_reach = i <= widest_line || best == std::string::npos;
            if (!in_reach) {
                break;
            }
            if (c == ' ' && i > first + 20 && depth <= (i > widest_line / 2 ? best_depth : best_depth - 1)) {
                best = i;
                best_depth = depth;
            }
        }
        if (best == std::string::npos) {
            break;
        }
        out += line.substr(0, best) + '\n';
        line = std::string(indent) + line.substr(best + 1);
    }
    out += line + '\n';
}

class KernelPrinter {
public:
    explicit KernelPrinter(const ir::Kernel& kernel) : kernel_(kernel) {
        for (const ir::Dim& dim : kernel.dims) {
            dims_.emplace(dim.name, true);
        }
        for (const ir::Definition& definition : kernel.definitions) {
            if (definition.types.size() > 1) {
                tuples_.emplace(definition.name, true);
            }
        }
    }

    std::string run() {
        out_ = fmt::format("coulter 1\nkernel {}\n", quoted_if_needed(kernel_.name));
        section(kernel_.dims, [&](const ir::Dim& dim) { print_dim(dim); });
        section(kernel_.inputs, [&](const ir::Input& input) {
            line(fmt::format("input {}: {}{}", quoted_if_needed(input.name), shaped(input.type, input.dims),
                             input.frozen ? " frozen" : ""));
        });
        section(kernel_.consts, [&](const ir::Const& constant) { print_const(constant); });
        for (const ir::Definition& definition : kernel_.definitions) {
            out_ += '\n';
            print_definition(definition);
        }
        section(kernel_.outputs, [&](const std::string& output) { line("output " + quoted_if_needed(output)); });
        section(kernel_.updates, [&](const std::pair<std::string, std::string>& update) {
            line(fmt::format("update {} -> {}", quoted_if_needed(update.first), quoted_if_needed(update.second)));
        });
        section(kernel_.groups, [&](const ir::Group& group) { print_group(group); });
        for (const ir::Group& group : kernel_.groups) {
            if (group.vjp) {
                out_ += '\n';
                print_rule(group);
            }
        }
        section(kernel_.macro_files, [&](const auto& file) { print_macros(file.first, file.second); });
        if (!kernel_.estimates.empty()) {
            std::string text;
            for (const auto& [dim, extent] : kernel_.estimates) {
                text += fmt::format("{}{} = {}", text.empty() ? "\nestimate " : ", ", quoted_if_needed(dim), extent);
            }
            line(text);
        }
        return std::move(out_);
    }

private:
    template <class List, class Print>
    void section(const List& list, const Print& print_one) {
        if (!list.empty()) {
            out_ += '\n';
        }
        for (const auto& item : list) {
            print_one(item);
        }
    }

    void line(std::string text) { append_wrapped(out_, std::move(text)); }

    [[nodiscard]] static std::string names(const std::vector<std::string>& list) {
        std::string text;
        for (const std::string& item : list) {
            text += (text.empty() ? "" : ", ") + quoted_if_needed(item);
        }
        return text;
    }

    [[nodiscard]] static std::string shaped(Type type, const std::vector<std::string>& dims) {
        return std::string(name(type)) + (dims.empty() ? "" : "[" + names(dims) + "]");
    }

    [[nodiscard]] ExpressionPrinter printer(const std::vector<Ref>& roots) const {
        ExpressionPrinter made(roots, [this](const std::string& text) { return dims_.contains(text); });
        made.tuples_ = [this](const std::string& text) { return tuples_.contains(text); };
        return made;
    }

    void print_dim(const ir::Dim& dim) {
        const std::string head = "dim " + quoted_if_needed(dim.name);
        if (dim.size) {
            line(fmt::format("{} = {}", head, *dim.size));
        } else if (!dim.extent) {
            line(head);
        } else {
            const ExpressionPrinter expression = printer({dim.extent});
            std::string text = head + " =";
            for (const std::string& let : expression.lets()) {
                text += " " + let;
            }
            // A bare number would be a constant extent.
            const bool number = dim.extent->kind == Kind::constant;
            line(fmt::format("{} {}{}{}", text, number ? "(" : "", expression(dim.extent), number ? ")" : ""));
        }
    }

    void print_const(const ir::Const& constant) {
        const std::string head =
            fmt::format("const {}: {} = ", quoted_if_needed(constant.name), shaped(constant.type, constant.dims));
        if (text::is_external(constant)) {
            line(fmt::format("{}file \"{}\"", head, text::const_hash(kernel_, constant)));
            return;
        }
        std::string elements;
        const std::size_t count = constant.data.size() / static_cast<std::size_t>(bytes(constant.type));
        for (std::size_t i = 0; i < count; ++i) {
            elements += (i == 0 ? "" : ", ") + text::print_element(constant.type, constant.data, i);
        }
        line(fmt::format("{}{{{}}}", head, elements));
    }

    [[nodiscard]] static std::string listed(const ExpressionPrinter& expression, const std::vector<Ref>& values) {
        std::string text;
        for (const Ref& value : values) {
            text += (text.empty() ? "" : ", ") + expression(value);
        }
        return text;
    }

    [[nodiscard]] static std::string tuple(const ExpressionPrinter& expression, const std::vector<Ref>& values) {
        const std::string text = listed(expression, values);
        return values.size() == 1 ? text : "(" + text + ")";
    }

    [[nodiscard]] static bool is_placed(const ir::Scan& scan) { return !ir::distances(scan).empty(); }

    void print_definition(const ir::Definition& definition) {
        std::string types;
        for (const Type type : definition.types) {
            types += fmt::format("{}{}", types.empty() ? "" : ", ", name(type));
        }
        line(fmt::format("{}: {}{} =", quoted_if_needed(definition.name),
                         definition.types.size() == 1 ? types : "(" + types + ")",
                         definition.dims.empty() ? "" : "[" + names(definition.dims) + "]"));
        // Lets are numbered in the order in which the text uses them.
        std::vector<Ref> order;
        const auto append = [&](const std::vector<Ref>& more) { order.insert(order.end(), more.begin(), more.end()); };
        if (definition.reduction) {
            if (definition.reduction->where) {
                order.push_back(definition.reduction->where);
            }
            for (const ir::Into& into : definition.reduction->into) {
                order.push_back(into.index);
            }
        }
        append(definition.values);
        const std::vector<Ref>& identity = definition.reduction ? definition.reduction->identity
                                           : definition.scan    ? definition.scan->identity
                                                                : none_;
        const std::vector<Ref>& combine = definition.reduction ? definition.reduction->combine
                                          : definition.scan    ? definition.scan->combine
                                                               : none_;
        append(identity);
        append(combine);
        const ExpressionPrinter expression = printer(order);
        // What is about states and values by the names of `combine` stands before it where these are the scan's own.
        std::unordered_set<const Node*> late;
        if (definition.scan && (definition.values.size() > definition.types.size() || is_placed(*definition.scan))) {
            for (const Node* node : ir::postorder(combine)) {
                if (node->kind == Kind::operand ||
                    std::any_of(node->args.begin(), node->args.end(),
                                [&](const Ref& arg) { return late.contains(arg.get()); })) {
                    late.insert(node);
                }
            }
        }
        for (const std::string& let : expression.lets_where([&](const Node& node) { return !late.contains(&node); })) {
            line("    " + let);
        }
        std::string body = "    ";
        if (definition.reduction) {
            const ir::Reduction& reduction = *definition.reduction;
            body += fmt::format("{} {{{}", ir::name(reduction.op), names(reduction.dims));
            if (reduction.where) {
                body += fmt::format("{}where {}", reduction.dims.empty() ? "" : " ", expression(reduction.where));
            }
            body += "} ";
            if (!reduction.into.empty()) {
                std::string bindings;
                for (const ir::Into& into : reduction.into) {
                    bindings += fmt::format("{}{} = {}", bindings.empty() ? "" : ", ", quoted_if_needed(into.dim),
                                            expression(into.index));
                }
                body += "into (" + bindings + (reduction.atomic ? ") atomic " : ") ");
            }
        } else if (definition.scan) {
            body += fmt::format(
                "scan {{{}}} {}{}{}", names(definition.scan->dims()), definition.scan->reversed ? "reversed " : "",
                definition.scan->exclusive ? "exclusive " : "", definition.scan->associative ? "associative " : "");
        }
        std::vector<Ref> more = definition.values; // than the state has components
        std::vector<Ref> values = definition.values;
        if (definition.scan) {
            values.resize(std::min(values.size(), definition.types.size()));
        }
        more.erase(more.begin(), more.begin() + static_cast<std::ptrdiff_t>(values.size()));
        line(body + tuple(expression, values));
        if (!more.empty()) {
            line("    with (" + listed(expression, more) + ")");
        }
        if (!identity.empty() || !combine.empty()) {
            line("    identity " + tuple(expression, identity));
            for (const std::string& let :
                 expression.lets_where([&](const Node& node) { return late.contains(&node); })) {
                line("    " + let);
            }
            line("    combine " + tuple(expression, combine));
        }
    }

    void print_group(const ir::Group& group) {
        line(fmt::format("group {} = {}({}) -> ({}){}", quoted_if_needed(group.path), quoted_if_needed(group.function),
                         names(group.inputs), names(group.outputs),
                         group.macro_file.empty() ? "" : fmt::format(" macros \"{}\"", group.macro_file)));
    }

    // The lines of a rule's text may be as wide as they are: wrapped, they would be others.
    void print_rule(const ir::Group& group) {
        line(fmt::format("vjp {}", quoted_if_needed(group.path)));
        const std::string text = print(*group.vjp);
        for (std::string_view rest = text; !rest.empty();) {
            const std::size_t end = std::min(rest.find('\n'), rest.size());
            out_ += fmt::format("    \"{}\"\n", rest.substr(0, end));
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }

    void print_macros(const std::string& file, std::string_view text) {
        line(fmt::format("macros \"{}\"", file));
        while (!text.empty()) {
            const std::size_t end = std::min(text.find('\n'), text.size());
            line(fmt::format("    \"{}\"", text.substr(0, end)));
            text.remove_prefix(std::min(end + 1, text.size()));
        }
    }

    const ir::Kernel& kernel_;
    std::unordered_map<std::string, bool> dims_;
    std::unordered_map<std::string, bool> tuples_;
    std::vector<Ref> none_;
    std::string out_;
};

} // namespace

std::string print(const ir::Kernel& kernel) {
    return KernelPrinter(kernel).run();
}

std::string print(const ir::Ref& expression) {
    return expression ? ExpressionPrinter::cut(expression) : "none";
}

} // namespace coulter
