// Conditions of variants: `extent(out) % 16 == 0 and compact`, by precedence climbing.

#include "syntax_parse.hpp"

#include "coulter/schedule/syntax.hpp"

#include <array>
#include <fmt/core.h>

namespace coulter::schedule {
namespace {

constexpr int deepest = 64;
constexpr std::size_t longest = 200;

struct Operator {
    std::string_view text;
    ir::Op op;
    int level; ///< higher binds tighter
};

constexpr std::array operators{Operator{"or", ir::Op::logical_or, 1}, Operator{"and", ir::Op::logical_and, 2},
                               Operator{"==", ir::Op::eq, 3},         Operator{"!=", ir::Op::ne, 3},
                               Operator{"<=", ir::Op::le, 3},         Operator{">=", ir::Op::ge, 3},
                               Operator{"<", ir::Op::lt, 3},          Operator{">", ir::Op::gt, 3},
                               Operator{"+", ir::Op::add, 4},         Operator{"-", ir::Op::sub, 4},
                               Operator{"*", ir::Op::mul, 5},         Operator{"/", ir::Op::div, 5},
                               Operator{"%", ir::Op::mod, 5}};

class Conditions {
public:
    Conditions(Cursor& cursor, std::vector<ConditionNode>& out) : cursor_(cursor), out_(out) {}

    /// Index of the node, or -1 after a mistake.
    int expression(int level) {
        if (++depth_ > deepest || out_.size() > longest) {
            cursor_.fail("S101", cursor_.peek().span, "the condition is too long", "split it over several variants");
            return -1;
        }
        const Token begin = cursor_.peek();
        int left = operand();
        while (left >= 0) {
            const Operator* found = nullptr;
            for (const Operator& each : operators) {
                if (found == nullptr && each.level >= level && is(each.text)) {
                    found = &each;
                }
            }
            if (found == nullptr) {
                break;
            }
            for (std::size_t i = 0; i < (found->level < 3 ? 1 : found->text.size()); ++i) {
                cursor_.take();
            }
            const int right = expression(found->level + 1);
            if (right < 0) {
                return -1;
            }
            left = add({ConditionNode::Kind::operation, found->op, 0, {}, left, right, cursor_.since(begin)});
        }
        --depth_;
        return left;
    }

private:
    int add(ConditionNode node) {
        out_.push_back(std::move(node));
        return static_cast<int>(out_.size()) - 1;
    }

    // `*`, `-` and digits stand in words too: `extent(x)*2` is a word behind the `)`, and refused as such.
    bool is(std::string_view text) const {
        if (cursor_.is_word(text)) {
            return true;
        }
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (!cursor_.is_symbol(text[i], i)) {
                return false;
            }
        }
        // `<` must not be the first half of `<=`.
        return text.size() > 1 || ((text != "<" && text != ">") || !cursor_.is_symbol('=', 1));
    }

    int operand() {
        const Token begin = cursor_.peek();
        if (cursor_.is_word("not")) {
            cursor_.take();
            const int inner = expression(3);
            return inner < 0 ? -1
                             : add({ConditionNode::Kind::operation,
                                    ir::Op::logical_not,
                                    0,
                                    {},
                                    inner,
                                    -1,
                                    cursor_.since(begin)});
        }
        if (cursor_.is_symbol('(')) {
            cursor_.take();
            const int inner = expression(1);
            return inner >= 0 && cursor_.symbol(')', "close the parenthesis") ? inner : -1;
        }
        if (cursor_.is_word("compact")) {
            cursor_.take();
            return add({ConditionNode::Kind::compact, {}, 0, {}, -1, -1, begin.span});
        }
        for (const auto& [word, kind] :
             {std::pair{"extent", ConditionNode::Kind::extent}, std::pair{"aligned", ConditionNode::Kind::aligned},
              std::pair{"target", ConditionNode::Kind::target}}) {
            if (cursor_.is_word(word) && cursor_.is_symbol('(', 1)) {
                return call(word, kind);
            }
        }
        Number number;
        if (!cursor_.is_number() || cursor_.is_symbol('?')) {
            cursor_.expected("a condition",
                             "conditions are made of `extent(DIM)`, numbers, `compact`, `aligned(BYTES)`, "
                             "`target(NAME)`, comparisons, `+ - * / %`, `and`, `or` and `not`");
            return -1;
        }
        if (!cursor_.number(number, "a number")) {
            return -1;
        }
        return add({ConditionNode::Kind::number, {}, number.value, {}, -1, -1, number.span});
    }

    int call(std::string_view word, ConditionNode::Kind kind) {
        const Token begin = cursor_.take();
        cursor_.take();
        ConditionNode node;
        node.kind = kind;
        Number number;
        if (kind == ConditionNode::Kind::aligned) {
            if (!cursor_.number(number, "a number of bytes")) {
                return -1;
            }
            node.value = number.value;
        } else if (kind == ConditionNode::Kind::target) {
            if (!cursor_.is(Token::Kind::word)) {
                cursor_.expected("a target", "write `target(x86-64-avx512)`");
                return -1;
            }
            const Token token = cursor_.take();
            node.name = {std::string(token.text), token.span};
        } else if (!cursor_.name(node.name, "a dim")) {
            return -1;
        }
        if (!cursor_.symbol(')', fmt::format("write `{}(...)`", word))) {
            return -1;
        }
        node.span = cursor_.since(begin);
        return add(std::move(node));
    }

    Cursor& cursor_;
    std::vector<ConditionNode>& out_;
    int depth_ = 0;
};

std::string_view text_of(ir::Op op) {
    for (const Operator& each : operators) {
        if (each.op == op) {
            return each.text;
        }
    }
    return "not";
}

int level_of(const ConditionNode& node) {
    if (node.kind != ConditionNode::Kind::operation) {
        return 9;
    }
    for (const Operator& each : operators) {
        if (each.op == node.op) {
            return each.level;
        }
    }
    return 2; // `not`
}

} // namespace

bool parse_condition(Cursor& cursor, std::vector<ConditionNode>& out) {
    return Conditions(cursor, out).expression(1) >= 0;
}

std::string format(const std::vector<ConditionNode>& condition) {
    // Operands stand before their operation, so one pass suffices.
    std::vector<std::string> texts;
    for (const ConditionNode& node : condition) {
        const auto in_parentheses = [&](int operand, bool parenthesize) {
            const std::string& text = texts[static_cast<std::size_t>(operand)];
            return parenthesize ? "(" + text + ")" : text;
        };
        switch (node.kind) {
        case ConditionNode::Kind::number: texts.push_back(std::to_string(node.value)); break;
        case ConditionNode::Kind::extent: texts.push_back(fmt::format("extent({})", node.name.text)); break;
        case ConditionNode::Kind::compact: texts.emplace_back("compact"); break;
        case ConditionNode::Kind::aligned: texts.push_back(fmt::format("aligned({})", node.value)); break;
        case ConditionNode::Kind::target: texts.push_back(fmt::format("target({})", node.name.text)); break;
        case ConditionNode::Kind::operation: {
            const int level = level_of(node);
            const ConditionNode& a = condition[static_cast<std::size_t>(node.a)];
            if (node.b < 0) {
                texts.push_back("not " + in_parentheses(node.a, level_of(a) < 3));
                break;
            }
            const ConditionNode& b = condition[static_cast<std::size_t>(node.b)];
            // Comparisons do not associate in a reader's head.
            const std::string left = in_parentheses(node.a, level_of(a) < level || (level == 3 && level_of(a) == 3));
            texts.push_back(
                fmt::format("{} {} {}", left, text_of(node.op), in_parentheses(node.b, level_of(b) <= level)));
            break;
        }
        }
    }
    return texts.empty() ? "" : texts.back();
}

} // namespace coulter::schedule
