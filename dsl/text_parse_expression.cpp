// Expressions: precedence climbing over typed operands.

#include "ir_types.hpp"
#include "text_number.hpp"
#include "text_parse.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>
#include <map>

namespace coulter::text {
namespace {

using ir::Kind;
using ir::Op;
using ir::Ref;

struct Infix {
    std::string_view symbol;
    Op op;
    int precedence;
};

// The levels are those of text_print.cpp; the bitwise operators bind tighter than comparisons.
constexpr std::array<Infix, 18> infixes{{{"||", Op::logical_or, 1},
                                         {"&&", Op::logical_and, 2},
                                         {"==", Op::eq, 3},
                                         {"!=", Op::ne, 3},
                                         {"<", Op::lt, 3},
                                         {"<=", Op::le, 3},
                                         {">", Op::gt, 3},
                                         {">=", Op::ge, 3},
                                         {"|", Op::bit_or, 4},
                                         {"^", Op::bit_xor, 5},
                                         {"&", Op::bit_and, 6},
                                         {"<<", Op::shl, 7},
                                         {">>", Op::shr, 7},
                                         {"+", Op::add, 8},
                                         {"-", Op::sub, 8},
                                         {"*", Op::mul, 9},
                                         {"/", Op::div, 9},
                                         {"%", Op::mod, 9}}};

const Infix* infix(const Token& token) {
    if (token.kind != TokenKind::symbol) {
        return nullptr;
    }
    const auto* at = std::find_if(infixes.begin(), infixes.end(),
                                  [&](const Infix& candidate) { return candidate.symbol == token.text; });
    return at == infixes.end() ? nullptr : at;
}

std::vector<std::string> function_names() {
    std::vector<std::string> names{"select", "padded", "clamped", "extent", "min", "max"};
    for (int op = static_cast<int>(Op::abs); op <= static_cast<int>(Op::stop_gradient); ++op) {
        names.emplace_back(ir::name(static_cast<Op>(op)));
    }
    return names;
}

} // namespace

Ref Parser::made(Ref node) {
    if (++nodes_ > most_nodes) {
        error("T002", lexer_.peek(), fmt::format("the kernel has more than {} expression nodes", most_nodes));
        throw StopAll{};
    }
    return node;
}

bool Parser::poisoned(const std::vector<Ref>& args) const {
    return std::find(args.begin(), args.end(), poison_) != args.end();
}

Ref Parser::operation(Kind kind, Op op, std::vector<Ref> args, const Token& at) {
    if (poisoned(args)) {
        return poison_;
    }
    std::vector<Type> types;
    for (const Ref& arg : args) {
        types.push_back(arg->type);
    }
    if (const std::string problem = ir::operand_problem(kind, op, types); !problem.empty()) {
        error("T011", at, problem,
              "casts are written out, `f32(...)`, and literals carry their type: `2.0` is f32, `2` an index, `2_i32` "
              "an i32");
        return poison_;
    }
    ir::Node node;
    node.kind = kind;
    node.op = op;
    node.type = ir::result_type(kind, op, types);
    node.args = std::move(args);
    return made(ir::make_node(std::move(node)));
}

Ref Parser::expression(int least_precedence) {
    if (++depth_ > deepest_nesting) {
        error("T007", lexer_.peek(), fmt::format("the expression nests deeper than {} levels", deepest_nesting),
              "name inner parts: `let $0 = ...;`");
        throw StopItem{};
    }
    Ref left = prefixed();
    while (const Infix* found = infix(lexer_.peek())) {
        if (found->precedence < least_precedence) {
            break;
        }
        const Token at = lexer_.take();
        Ref right = expression(found->precedence + 1);
        left = operation(Kind::binary, found->op, {std::move(left), std::move(right)}, at);
    }
    --depth_;
    return left;
}

Ref Parser::prefixed() {
    const Token token = lexer_.peek();
    const Op op = token.is("-") ? Op::neg : token.is("!") ? Op::logical_not : token.is("~") ? Op::bit_not : Op::none;
    if (op == Op::none) {
        return primary();
    }
    (void)lexer_.take();
    const Token& next = lexer_.peek();
    const bool literal_follows = next.kind == TokenKind::number ||
                                 (next.kind == TokenKind::name && next.component < 0 && is_literal_word(next.text));
    if (op == Op::neg && literal_follows) {
        return literal(lexer_.take(), true);
    }
    if (++depth_ > deepest_nesting) {
        error("T007", token, fmt::format("the expression nests deeper than {} levels", deepest_nesting),
              "name inner parts: `let $0 = ...;`");
        throw StopItem{};
    }
    Ref operand = prefixed();
    --depth_;
    return operation(Kind::unary, op, {std::move(operand)}, token);
}

Ref Parser::literal(const Token& token, bool negative) {
    Literal parsed = parse_literal(token.text, negative);
    if (!parsed.node) {
        error("T006", token, std::move(parsed.problem));
        return poison_;
    }
    return made(std::move(parsed.node));
}

Ref Parser::primary() {
    const Token token = lexer_.peek();
    switch (token.kind) {
    case TokenKind::number: return literal(lexer_.take(), false);
    case TokenKind::name:
    case TokenKind::quoted: return named(lexer_.take());
    case TokenKind::let: {
        (void)lexer_.take();
        const auto found = lets_.find(token.text);
        if (found == lets_.end()) {
            error("T016", token, fmt::format("`${}` has no value here", token.text),
                  "a `let` stands in the same definition, above its uses");
            return poison_;
        }
        return found->second;
    }
    default: break;
    }
    if (!token.is("(")) {
        syntax(token, "a value");
    }
    (void)lexer_.take();
    Ref inside = expression();
    expect(")", "after the expression in parentheses");
    return inside;
}

Ref Parser::named(const Token& name) {
    const bool called = lexer_.peek().is("(");
    const bool bare = name.kind == TokenKind::name;
    if (bare && name.component >= 0 && (name.text == "left" || name.text == "right")) {
        return state(name);
    }
    if (bare && name.component < 0 && is_reserved(name.text)) {
        return built_in(name);
    }
    const std::string text(name.text);
    if (!called && name.component < 0 && dims_.contains(text)) {
        return made(ir::dim_node(text));
    }
    if (tensors_.contains(text)) {
        return access(name);
    }
    if (bare && lexer_.peek().is("{")) {
        error("T004", name, fmt::format("`{}` and its dims stand inside an expression", name.text),
              "a reduction is a definition of its own");
        throw StopItem{};
    }
    std::vector<std::string> known = tensor_names();
    const std::vector<std::string> more = called ? function_names() : dim_names();
    known.insert(known.end(), more.begin(), more.end());
    const std::string meant = closest_match(text, known);
    error(called ? "T010" : "T009", name,
          fmt::format("the kernel has no {} `{}`", called ? "tensor and no function" : "tensor and no dim", text),
          meant.empty() ? (called ? "functions are " + quoted_list(function_names(), 40)
                                  : "tensors of the kernel: " + quoted_list(tensor_names()))
                        : fmt::format("did you mean `{}`?", meant));
    if (called) {
        ir::Node ignored;
        (void)lexer_.take();
        read_bindings(name, nullptr, ignored);
    }
    return poison_;
}

Ref Parser::state(const Token& name) {
    const auto component = static_cast<std::size_t>(name.component);
    const bool right = name.text == "right";
    const std::vector<Type>* const types = state_types_ == nullptr || !right ? state_types_ : &value_types_;
    if (types == nullptr || component >= types->size()) {
        error("T014", name, fmt::format("`{}.{}` is no component of the state here", name.text, name.component),
              "`left.N` and `right.N` stand in `combine`; a tensor of that name is written in backquotes");
        return poison_;
    }
    ir::Node node = *ir::operand((*types)[component], name.component, right);
    if (accept("(") && !read_steps(name, node)) {
        return poison_;
    }
    return made(ir::make_node(std::move(node)));
}

// `(i = i - 1, j = j - 2)` behind a state: the step that it is of.
bool Parser::read_steps(const Token& name, ir::Node& node) {
    const std::vector<std::string> dims =
        scan_ != nullptr && name.text == "left" ? scan_->dims() : std::vector<std::string>{};
    std::map<std::string, std::int64_t> steps;
    bool good = true;
    do {
        const Token dim = expect_name("a dim of the scan");
        const std::string text(dim.text);
        expect("=", "after the dim of a state");
        const Token again = expect_name("the same dim");
        const bool minus = lexer_.peek().is("-");
        if (!minus) {
            expect("+", "or `-` and a number of steps");
        } else {
            (void)lexer_.take();
        }
        const Token number = lexer_.peek();
        const Ref away = prefixed();
        if (again.text != dim.text || away->kind != Kind::constant || away->type != Type::index || away == poison_) {
            error("T015", dim, fmt::format("`{}` of a state is not `{} - N` or `{} + N`", text, text, text));
            good = false;
        } else if (std::ranges::find(dims, text) == dims.end()) {
            error("T015", dim, fmt::format("`{}` has no steps along `{}`", name.text, text),
                  dims.empty() ? "only a state on the left of a scan's `combine` may be of another step"
                               : "it scans over " + quoted_list(dims));
            good = false;
        } else if (!steps.emplace(text, minus ? -away->integer : away->integer).second || away->integer == 0) {
            error("T015", number,
                  fmt::format("`{}` of a state is bound {}", text,
                              away->integer == 0 ? "to itself, which is left out" : "twice"));
            good = false;
        }
    } while (accept(","));
    expect(")", "after the steps of a state");
    for (const std::string& dim : dims) {
        if (const auto at = steps.find(dim); at != steps.end()) {
            node.dims.push_back(dim);
            node.args.push_back(ir::index_constant(at->second));
        }
    }
    return good;
}

std::vector<Ref> Parser::arguments(const Token& function, std::size_t wanted) {
    std::vector<Ref> args;
    expect("(", fmt::format("after `{}`", function.text));
    while (!lexer_.peek().is(")")) {
        args.push_back(expression());
        if (!accept(",")) {
            break;
        }
    }
    expect(")", fmt::format("after the arguments of `{}`", function.text));
    if (args.size() != wanted) {
        error("T012", function,
              fmt::format("`{}` takes {} argument{}, and {} {} given", function.text, wanted, wanted == 1 ? "" : "s",
                          args.size(), args.size() == 1 ? "is" : "are"));
        args.assign(wanted, poison_);
    }
    return args;
}

Ref Parser::built_in(const Token& name) {
    const std::string_view word = name.text;
    if (is_literal_word(word)) {
        return literal(name, false);
    }
    if (word == "true" || word == "false") {
        return made(ir::bool_constant(word == "true"));
    }
    if (word == "extent") {
        expect("(", "after `extent`");
        const Token dim = check_dim(expect_name("a dim"));
        expect(")", "after the dim of `extent`");
        return made(ir::extent_node(std::string(dim.text)));
    }
    if (word == "select") {
        return operation(Kind::select, Op::none, arguments(name, 3), name);
    }
    if (word == "padded" || word == "clamped") {
        return bounded_access(name);
    }
    if (!lexer_.peek().is("(")) {
        syntax(name, "a value",
               fmt::format("`{}` is a word of the text form; a tensor or dim of that name is written in backquotes",
                           word));
    }
    if (const auto type = type_from_name(word)) {
        const std::vector<Ref> args = arguments(name, 1);
        return poisoned(args) ? poison_ : made(ir::cast(*type, args[0]));
    }
    if (const auto op = ir::op_from_name(word)) {
        const bool infix_op = *op == Op::min || *op == Op::max;
        return operation(infix_op ? Kind::binary : Kind::call, *op,
                         arguments(name, static_cast<std::size_t>(ir::arity(*op))), name);
    }
    syntax(name, "a value");
}

void Parser::read_bindings(const Token& name, const Symbol* symbol, ir::Node& node) {
    std::vector<std::pair<std::string, Ref>> bindings;
    while (!lexer_.peek().is(")")) {
        const Token dim = lexer_.peek();
        if (!dim.is_name() || !lexer_.peek_second().is("=")) {
            if (symbol == nullptr) {
                (void)expression(); // of what was meant to be a function
                if (!accept(",")) {
                    break;
                }
                continue;
            }
            error("T015", dim, fmt::format("an index of `{}` is not bound to a dim", name.text),
                  fmt::format("bind indices by name: `{}(DIM = ...)`; its dims are {}", name.text,
                              quoted_list(symbol->dims)));
            throw StopItem{};
        }
        (void)lexer_.take();
        (void)lexer_.take();
        const Token start = lexer_.peek();
        Ref index = expression();
        const std::string text(dim.text);
        if (symbol != nullptr) {
            const auto same = [&](const auto& binding) { return binding.first == text; };
            if (std::find(symbol->dims.begin(), symbol->dims.end(), text) == symbol->dims.end()) {
                const std::string meant = closest_match(text, symbol->dims);
                error("T015", dim, fmt::format("`{}` has no dim `{}`", name.text, text),
                      (meant.empty() ? "" : fmt::format("did you mean `{}`? ", meant)) + "its dims are " +
                          quoted_list(symbol->dims));
            } else if (std::any_of(bindings.begin(), bindings.end(), same)) {
                error("T015", dim, fmt::format("`{}` of `{}` is bound twice", text, name.text));
            } else if (index != poison_ && index->type != Type::index) {
                error("T011", start,
                      fmt::format("the index of `{}` is of type {}, and index is wanted", text,
                                  coulter::name(index->type)),
                      "cast it: `index(...)`");
            } else {
                bindings.emplace_back(text, std::move(index));
            }
        }
        if (!accept(",")) {
            break;
        }
    }
    expect(")", fmt::format("after the indices of `{}`", name.text));
    if (symbol == nullptr) {
        return;
    }
    // Canonical: in the order of the declaration, identity bindings left out.
    for (const std::string& dim : symbol->dims) {
        for (auto& [bound, index] : bindings) {
            if (bound == dim && !(index->kind == Kind::dim && index->name == dim)) {
                node.dims.push_back(dim);
                node.args.push_back(std::move(index));
            }
        }
    }
}

Ref Parser::access(const Token& name) {
    const Symbol& symbol = tensors_.at(std::string(name.text));
    ir::Node node;
    node.kind = Kind::access;
    node.name = name.text;
    node.component = std::max(name.component, 0);
    const std::size_t components = symbol.types.size();
    const bool bad = static_cast<std::size_t>(node.component) >= components || (components > 1 && name.component < 0);
    if (bad) {
        error("T014", name,
              name.component < 0 ? fmt::format("`{}` is a tuple, and its component is not said", name.text)
                                 : fmt::format("`{}` has no component {}", name.text, name.component),
              components > 1 ? fmt::format("its components are `{0}.0` to `{0}.{1}`", name.text, components - 1)
                             : fmt::format("it has one, written `{}`", name.text));
    } else {
        node.type = symbol.types[static_cast<std::size_t>(node.component)];
    }
    if (accept("(")) {
        read_bindings(name, &symbol, node);
    }
    return bad || poisoned(node.args) ? poison_ : made(ir::make_node(std::move(node)));
}

Ref Parser::bounded_access(const Token& word) {
    expect("(", fmt::format("after `{}`", word.text));
    const Token name = expect_tensor(word);
    const Ref inner = access(name);
    const bool padded = word.text == "padded";
    Ref pad;
    Token at = lexer_.peek();
    if (padded) {
        expect(",", "before the value of `padded`");
        at = lexer_.peek();
        pad = expression();
    }
    expect(")", fmt::format("after `{}`", word.text));
    if (inner == poison_ || pad == poison_) {
        return poison_;
    }
    ir::Node node = *inner;
    node.boundary = padded ? ir::Boundary::padded : ir::Boundary::clamped;
    if (padded) {
        if (pad->type != node.type) {
            error("T011", at,
                  fmt::format("the value of `padded` is of type {}, and `{}` is {}", coulter::name(pad->type),
                              name.text, coulter::name(node.type)));
            return poison_;
        }
        node.args.push_back(std::move(pad));
    }
    return made(ir::make_node(std::move(node)));
}

Token Parser::expect_tensor(const Token& word) {
    const Token name = lexer_.peek();
    if (!name.is_name()) {
        syntax(name, fmt::format("an access to a tensor in `{}`", word.text));
    }
    if (!tensors_.contains(std::string(name.text))) {
        const std::string meant = closest_match(name.text, tensor_names());
        error("T009", name, fmt::format("the kernel has no tensor `{}`", name.text),
              meant.empty() ? "tensors of the kernel: " + quoted_list(tensor_names())
                            : fmt::format("did you mean `{}`?", meant));
        throw StopItem{};
    }
    return lexer_.take();
}

} // namespace coulter::text
