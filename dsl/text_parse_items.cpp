// Statements: dims, inputs, consts, the heads and bodies of definitions, outputs and what follows them.

#include "text_number.hpp"
#include "text_parse.hpp"

#include <algorithm>
#include <array>
#include <fmt/core.h>

namespace coulter::text {
namespace {

std::optional<ir::ReduceOp> reduce_op(std::string_view word) {
    for (std::size_t i = 0; i <= static_cast<std::size_t>(ir::ReduceOp::custom); ++i) {
        if (word == ir::name(static_cast<ir::ReduceOp>(i))) {
            return static_cast<ir::ReduceOp>(i);
        }
    }
    return std::nullopt;
}

std::vector<std::string> type_names() {
    std::vector<std::string> names;
    for (int i = 0; i < static_cast<int>(Type::index); ++i) {
        names.emplace_back(name(static_cast<Type>(i)));
    }
    return names;
}

} // namespace

std::vector<std::string> Parser::dim_names() const {
    std::vector<std::string> names;
    for (const ir::Dim& dim : kernel_.dims) {
        names.push_back(dim.name);
    }
    return names;
}

std::vector<std::string> Parser::tensor_names() const {
    std::vector<std::string> names;
    for (const auto& [name, symbol] : tensors_) {
        names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    return names;
}

Token Parser::check_dim(Token name) {
    const std::string given(name.text);
    if (!dims_.contains(given)) {
        const std::string meant = closest_match(given, dim_names());
        error("T008", name, fmt::format("the kernel has no dim `{}`", given),
              meant.empty() ? "dims of the kernel: " + quoted_list(dim_names())
                            : fmt::format("did you mean `{}`?", meant));
    }
    return name;
}

Type Parser::read_type() {
    const Token token = expect_name("an element type");
    const auto type = type_from_name(token.text);
    if (!type || *type == Type::index) {
        const std::string meant = closest_match(token.text, type_names());
        error("T020", token, fmt::format("`{}` is no element type", token.text),
              (meant.empty() ? "" : fmt::format("did you mean `{}`? ", meant)) + "element types are " +
                  quoted_list(type_names(), 20));
        return Type::f32;
    }
    return *type;
}

std::vector<std::string> Parser::read_dims() {
    std::vector<std::string> dims;
    if (!accept("[")) {
        return dims;
    }
    do {
        const Token name = expect_name("a dim");
        if (std::find(dims.begin(), dims.end(), name.text) != dims.end()) {
            error("T013", name, fmt::format("the dim `{}` stands here twice", name.text));
            continue; // reads of the tensor bind each of its dims once
        }
        dims.emplace_back(name.text);
        if (!dims_.contains(dims.back()) && dim_uses_.size() < most_dim_uses) {
            dim_uses_.push_back(name);
        }
        if (dims.size() > most_dims) {
            error("T002", name, fmt::format("a tensor has more than {} dims", most_dims));
            throw StopItem{};
        }
    } while (accept(","));
    expect("]", "after the dims");
    return dims;
}

void Parser::declare(const Token& name, Symbol symbol) {
    symbol.span = span_of(name);
    const auto [at, added] = tensors_.try_emplace(std::string(name.text), std::move(symbol));
    if (!added) {
        error("T013", name, fmt::format("the tensor `{}` is defined twice", name.text),
              "inputs, consts and definitions share one space of names", {{at->second.span, "first defined here"}});
    }
}

void Parser::read_kernel_name() {
    const Token name = expect_name("the kernel's name");
    kernel_.name = name.text;
    kernel_span_ = span_of(name);
    expect_end("the kernel's name");
}

void Parser::read_dim() {
    const Token name = expect_name("the name of a dim");
    const auto [at, added] = dims_.try_emplace(std::string(name.text), kernel_.dims.size());
    if (!added) {
        error("T013", name, fmt::format("the dim `{}` is declared twice", name.text), "a dim has one extent per kernel",
              {{kernel_.dims[at->second].span, "first declared here"}});
        return;
    }
    kernel_.dims.push_back({std::string(name.text), {}, nullptr, span_of(name)});
    if (accept("=")) {
        extents_.push_back({kernel_.dims.size() - 1, lexer_});
    } else {
        expect_end("the name of a dim");
    }
}

void Parser::read_input() {
    const Token name = expect_name("the name of an input");
    expect(":", "after the name of an input");
    ir::Input input{std::string(name.text), read_type(), {}, false, span_of(name)};
    input.dims = read_dims();
    if (lexer_.peek().is_word("frozen")) {
        (void)lexer_.take();
        input.frozen = true;
    }
    expect_end("an input");
    declare(name, {input.dims, {input.type}, {}, false, true});
    kernel_.inputs.push_back(std::move(input));
}

void Parser::read_const() {
    const Token name = expect_name("the name of a const");
    expect(":", "after the name of a const");
    ir::Const constant{std::string(name.text), read_type(), {}, {}, span_of(name)};
    constant.dims = read_dims();
    expect("=", "before the elements of a const");
    declare(name, {constant.dims, {constant.type}, {}, false, false});
    consts_.push_back({kernel_.consts.size(), lexer_});
    kernel_.consts.push_back(std::move(constant));
}

void Parser::read_definition() {
    const Token name = lexer_.take();
    if (name.component >= 0) {
        syntax(name, "the name of a tensor, without a component");
    }
    expect(":", "after the name of a tensor");
    ir::Definition definition;
    definition.name = name.text;
    definition.span = span_of(name);
    if (accept("(")) {
        do {
            definition.types.push_back(read_type());
        } while (accept(",") && definition.types.size() < most_dims);
        expect(")", "after the types of the components");
    } else {
        definition.types.push_back(read_type());
    }
    definition.dims = read_dims();
    // The name is known even where the rest is wrong, so that its uses are not reported as well.
    declare(name, {definition.dims, definition.types, {}, true, false});
    expect("=", "before the value of a definition");
    definitions_.push_back({kernel_.definitions.size(), lexer_});
    kernel_.definitions.push_back(std::move(definition));
}

void Parser::read_output() {
    do {
        const Token name = expect_name("the name of an output");
        const auto symbol = tensors_.find(std::string(name.text));
        if (symbol == tensors_.end() || !symbol->second.is_definition) {
            const std::string meant = closest_match(name.text, tensor_names());
            error("T009", name, fmt::format("the output `{}` is no definition of the kernel", name.text),
                  meant.empty() ? "" : fmt::format("did you mean `{}`?", meant));
        }
        kernel_.outputs.emplace_back(name.text);
    } while (accept(","));
    expect_end("an output");
}

void Parser::read_update() {
    const Token input = expect_name("the name of an input");
    expect("->", "between the input and the output that share memory");
    const Token output = expect_name("the name of an output");
    expect_end("an update");
    for (const Token& name : {input, output}) {
        const bool wants_input = name.column == input.column && name.line == input.line;
        const auto symbol = tensors_.find(std::string(name.text));
        if (symbol == tensors_.end() || (wants_input ? !symbol->second.is_input : !symbol->second.is_definition)) {
            error("T009", name, fmt::format("`{}` is no {} of the kernel", name.text, wants_input ? "input" : "output"),
                  "an update is `update INPUT -> OUTPUT`");
        }
    }
    kernel_.updates.emplace_back(input.text, output.text);
}

void Parser::read_estimate() {
    do {
        const Token dim = check_dim(expect_name("a dim"));
        expect("=", "after the dim of an estimate");
        const Token number = lexer_.peek();
        if (number.kind != TokenKind::number) {
            syntax(number, "a number");
        }
        const ir::Ref extent = literal(lexer_.take(), false);
        if (extent->type != Type::index) {
            error("T006", number, fmt::format("the estimate of `{}` is no plain integer", dim.text));
        }
        if (!kernel_.estimates.emplace(dim.text, extent->integer).second) {
            error("T013", dim, fmt::format("`{}` is estimated twice", dim.text));
        }
    } while (accept(","));
    expect_end("an estimate");
}

std::vector<std::string> Parser::read_tensor_list() {
    std::vector<std::string> names;
    expect("(", "before the tensors of a group");
    while (!lexer_.peek().is(")")) {
        const Token name = expect_name("the name of a tensor");
        if (!tensors_.contains(std::string(name.text))) {
            const std::string meant = closest_match(name.text, tensor_names());
            error("T009", name, fmt::format("the kernel has no tensor `{}`", name.text),
                  meant.empty() ? "" : fmt::format("did you mean `{}`?", meant));
        }
        names.emplace_back(name.text);
        if (!accept(",")) {
            break;
        }
    }
    expect(")", "after the tensors of a group");
    return names;
}

void Parser::read_group() {
    const Token path = expect_name("the path of a group");
    expect("=", "after the path of a group");
    const Token function = expect_name("the function of a group");
    ir::Group group{std::string(path.text), std::string(function.text), read_tensor_list(), {}, {}, span_of(path)};
    expect("->", "between the inputs and the outputs of a group");
    group.outputs = read_tensor_list();
    if (lexer_.peek().is_word("macros")) {
        (void)lexer_.take();
        if (lexer_.peek().kind != TokenKind::string) {
            syntax(lexer_.peek(), "the name of a macro file in quotes");
        }
        const Token file = lexer_.take();
        if (file.text.empty()) {
            syntax(file, "the name of a macro file in quotes");
        }
        group.macro_file = file.text;
    }
    expect_end("a group");
    kernel_.groups.push_back(std::move(group));
}

void Parser::read_rule() {
    const Token path = expect_name("the path of a group");
    std::string text;
    while (lexer_.peek().kind == TokenKind::string) {
        text += std::string(lexer_.take().text) + '\n';
    }
    expect_end("a gradient rule");
    rules_.push_back({path, std::move(text)});
}

// Groups may stand below their rules, so rules are read last. A rule holds no rules itself.
void Parser::finish_rules() {
    for (const Rule& rule : rules_) {
        const auto group = std::find_if(kernel_.groups.begin(), kernel_.groups.end(),
                                        [&](const ir::Group& each) { return each.path == rule.path.text; });
        if (group == kernel_.groups.end()) {
            error("T009", rule.path, fmt::format("the kernel has no group `{}`", rule.path.text),
                  "a rule belongs to a group: `group PATH = ...`");
            continue;
        }
        if (group->vjp) {
            error("T013", rule.path, fmt::format("a second gradient rule for `{}`", rule.path.text),
                  "leave one of the two out");
            continue;
        }
        ParseResult parsed = parse(rule.text, file_);
        for (Diagnostic& each : parsed.diagnostics) {
            // The rule's lines stand below its statement, quoted.
            each.span.line += rule.path.line;
            each.span.column += each.span.column > 0 ? 5 : 0;
            diagnostics_.push_back(std::move(each));
        }
        if (parsed.kernel && std::any_of(parsed.kernel->groups.begin(), parsed.kernel->groups.end(),
                                         [](const ir::Group& each) { return each.vjp != nullptr; })) {
            error("T009", rule.path, fmt::format("the rule of `{}` has a rule itself", rule.path.text),
                  "rules are not differentiated by rules of their own");
            continue;
        }
        if (parsed.kernel) {
            group->vjp = std::make_shared<const ir::Kernel>(std::move(*parsed.kernel));
        }
    }
}

void Parser::read_macros() {
    if (lexer_.peek().kind != TokenKind::string) {
        syntax(lexer_.peek(), "the name of a macro file in quotes");
    }
    const Token file = lexer_.take();
    std::string text;
    while (lexer_.peek().kind == TokenKind::string) {
        text += std::string(lexer_.take().text) + '\n';
    }
    expect_end("a macro file");
    if (!kernel_.macro_files.emplace(std::string(file.text), std::move(text)).second) {
        error("T013", file, fmt::format("a second text for the macro file `{}`", file.text),
              "leave one of the two out");
    }
}

void Parser::read_extent(ir::Dim& dim) {
    // A bare number is a constant extent; anything else, `(3)` included, an expression.
    const bool negative = lexer_.peek().is("-") && lexer_.peek_second().kind == TokenKind::number;
    Lexer ahead = lexer_;
    if (negative) {
        (void)ahead.take();
    }
    if (ahead.peek().kind == TokenKind::number && ahead.peek_second().kind == TokenKind::end) {
        const Token number = ahead.take();
        const ir::Ref value = literal(number, negative);
        if (value->type != Type::index) {
            error("T006", number,
                  fmt::format("the extent of `{}` is {}, and a plain integer is wanted", dim.name, number.text));
        }
        dim.size = value->integer;
        return;
    }
    read_lets();
    dim.extent = expression();
    expect_end("an extent");
}

void Parser::read_const_body(ir::Const& constant) {
    const Token start = lexer_.peek();
    std::vector<std::int64_t> shape;
    double elements = 1; // a hostile product must not wrap
    for (const std::string& name : constant.dims) {
        const auto at = dims_.find(name);
        if (at == dims_.end() || !kernel_.dims[at->second].size) {
            if (at != dims_.end()) { // an unknown dim has been reported
                error("T017", start, fmt::format("the dim `{}` of a const has no constant extent", name),
                      fmt::format("declare the extent: `dim {} = ...`", quoted_if_needed(name)));
            }
            return;
        }
        shape.push_back(*kernel_.dims[at->second].size);
        elements *= static_cast<double>(shape.back());
    }
    if (start.is_word("file")) {
        (void)lexer_.take();
        read_const_reference(constant, shape);
        return;
    }
    if (!accept("{")) {
        syntax(start, "`{` or `file` after `=` of a const");
    }
    read_elements(constant, start, elements);
}

void Parser::read_elements(ir::Const& constant, const Token& at, double wanted) {
    while (!lexer_.peek().is("}")) {
        const bool negative = accept("-");
        const Token element = lexer_.take();
        if (element.kind != TokenKind::number && element.kind != TokenKind::name) {
            syntax(element, "an element or `}`");
        }
        const bool payload = element.is_word("nan") && !negative && accept("(");
        const Token bits = payload ? lexer_.take() : element;
        const std::string problem = payload ? parse_element_bits(constant.type, bits.text, constant.data)
                                            : parse_element(constant.type, element.text, negative, constant.data);
        if (payload) {
            expect(")", "after the bits of a NaN");
        }
        if (!problem.empty()) {
            error("T006", element, problem);
        }
        if (!accept(",")) {
            break;
        }
    }
    expect("}", "after the elements of a const");
    expect_end("a const");
    const std::size_t given = constant.data.size() / static_cast<std::size_t>(bytes(constant.type));
    if (static_cast<double>(given) != wanted) {
        error("T017", at,
              fmt::format("const `{}` has {} elements, and its dims make {:.0f}", constant.name, given, wanted));
    }
}

void Parser::read_const_reference(ir::Const& constant, const std::vector<std::int64_t>& shape) {
    const Token hash = lexer_.take();
    if (hash.kind != TokenKind::string) {
        syntax(hash, "the SHA-256 of the const in quotes");
    }
    expect_end("a const");
    std::string problem;
    if (!const_file_) {
        const_file_.emplace(load_consts_());
    }
    if (!const_file_->problem().empty()) {
        problem = const_file_->problem();
    } else {
        const ConstFile::Found found = const_file_->find(std::string(hash.text), constant.type, shape);
        problem = found.problem;
        const auto* data = reinterpret_cast<const std::byte*>(found.data.data());
        constant.data.assign(data, data + found.data.size());
    }
    if (!problem.empty()) {
        error("T018", hash,
              fmt::format("const `{}` cannot be read from `{}.const.safetensors`: {}", constant.name, kernel_.name,
                          problem),
              "the file stands beside the text and is written together with it");
    }
}

void Parser::read_lets() {
    while (lexer_.peek().is_word("let")) {
        (void)lexer_.take();
        const Token name = lexer_.peek();
        if (name.kind != TokenKind::let) {
            syntax(name, "`$` and a number after `let`");
        }
        (void)lexer_.take();
        expect("=", "after the name of a `let`");
        ir::Ref value = expression();
        expect(";", "after a `let`");
        if (!lets_.emplace(name.text, std::move(value)).second) {
            error("T016", name, fmt::format("`${}` has a value already", name.text));
        }
    }
}

ir::Reduction Parser::read_reduction_head(ir::ReduceOp op) {
    ir::Reduction reduction;
    reduction.op = op;
    expect("{", "before the dims of a reduction");
    while (!lexer_.peek().is("}") && !lexer_.peek().is_word("where")) {
        const Token dim = check_dim(expect_name("a dim, `where` or `}`"));
        reduction.dims.emplace_back(dim.text);
        if (reduction.dims.size() > most_dims) {
            error("T002", dim, fmt::format("a reduction has more than {} dims", most_dims));
            throw StopItem{};
        }
        if (!accept(",")) {
            break;
        }
    }
    if (lexer_.peek().is_word("where")) {
        (void)lexer_.take();
        reduction.where = expression();
    }
    expect("}", "after the dims of a reduction");
    if (lexer_.peek().is_word("into")) {
        (void)lexer_.take();
        expect("(", "after `into`");
        do {
            const Token dim = check_dim(expect_name("a dim"));
            expect("=", "after the dim of `into`");
            reduction.into.push_back({std::string(dim.text), expression()});
        } while (accept(",") && reduction.into.size() < most_dims);
        expect(")", "after the bindings of `into`");
        if (lexer_.peek().is_word("atomic")) {
            (void)lexer_.take();
            reduction.atomic = true;
        }
    }
    return reduction;
}

ir::Scan Parser::read_scan_head() {
    ir::Scan scan;
    expect("{", "before the dims of a scan");
    scan.dim = check_dim(expect_name("a dim")).text;
    while (accept(",")) {
        scan.inner.emplace_back(check_dim(expect_name("a dim")).text);
    }
    expect("}", "after the dims of a scan");
    if (lexer_.peek().is_word("reversed")) {
        (void)lexer_.take();
        scan.reversed = true;
    }
    if (lexer_.peek().is_word("exclusive")) {
        (void)lexer_.take();
        scan.exclusive = true;
    }
    if (lexer_.peek().is_word("associative")) {
        (void)lexer_.take();
        scan.associative = true;
    }
    return scan;
}

std::vector<ir::Ref> Parser::read_values(std::size_t count) {
    if (count == 1) {
        return {expression()};
    }
    std::vector<ir::Ref> values;
    const Token start = expect("(", fmt::format("before the {} components of the value", count));
    do {
        values.push_back(expression());
    } while (accept(",") && values.size() < most_dims);
    expect(")", "after the components of the value");
    if (values.size() != count) {
        error("T012", start, fmt::format("{} components are given, and the tensor has {}", values.size(), count));
    }
    return values;
}

// What a scan has beside the values of its state: on the right in `combine`.
void Parser::read_more_values(ir::Definition& definition) {
    value_types_.clear();
    if (lexer_.peek().is_word("with")) {
        (void)lexer_.take();
        expect("(", "before the other values of a scan");
        do {
            definition.values.push_back(expression());
        } while (accept(",") && definition.values.size() < most_dims);
        expect(")", "after the other values of a scan");
    }
    for (const ir::Ref& value : definition.values) {
        value_types_.push_back(value->type);
    }
    scan_ = &*definition.scan;
}

void Parser::read_definition_body(ir::Definition& definition) {
    state_types_ = &definition.types;
    value_types_ = definition.types;
    scan_ = nullptr;
    read_lets();
    const Token word = lexer_.peek();
    const bool braces = word.kind == TokenKind::name && lexer_.peek_second().is("{");
    const auto op = braces ? reduce_op(word.text) : std::nullopt;
    std::size_t values = definition.types.size();
    bool states = false;
    if (op) {
        (void)lexer_.take();
        definition.reduction = read_reduction_head(*op);
        states = *op == ir::ReduceOp::custom;
        values = *op == ir::ReduceOp::argmin || *op == ir::ReduceOp::argmax ? 1 : values;
    } else if (braces && word.text == "scan") {
        (void)lexer_.take();
        definition.scan = read_scan_head();
        states = true;
    } else if (braces) {
        static const std::vector<std::string> reductions{"sum",    "product", "min", "max",    "argmin",
                                                         "argmax", "any",     "all", "reduce", "scan"};
        const std::string meant = closest_match(word.text, reductions);
        error("T010", word, fmt::format("there is no reduction `{}`", word.text),
              meant.empty() ? "reductions are " + quoted_list(reductions) : fmt::format("did you mean `{}`?", meant));
        throw StopItem{};
    }
    definition.values = read_values(values);
    if (definition.scan) {
        read_more_values(definition);
    }
    if (states) {
        for (const char* part : {"identity", "combine"}) {
            if (!lexer_.peek().is_word(part)) {
                syntax(lexer_.peek(), fmt::format("`{}` after the value of a {}", part, word.text));
            }
            (void)lexer_.take();
            std::vector<ir::Ref> list = read_values(definition.types.size());
            const bool identity = std::string_view(part) == "identity";
            if (identity) {
                read_lets();
            }
            auto& reduction = definition.reduction;
            auto& scan = definition.scan;
            (identity ? (reduction ? reduction->identity : scan->identity)
                      : (reduction ? reduction->combine : scan->combine)) = std::move(list);
        }
    }
    expect_end("a definition");
}

} // namespace coulter::text
