#include "check_variants.hpp"

#include "check_model.hpp"
#include "coulter/schedule/target.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

bool is_logic(ir::Op op) {
    return op == ir::Op::logical_and || op == ir::Op::logical_or || op == ir::Op::logical_not;
}

class Conditions {
public:
    Conditions(const ir::Kernel& kernel, const Statement& line, std::vector<Diagnostic>& diagnostics)
        : kernel_(kernel), line_(line), nodes_(line.condition), diagnostics_(diagnostics) {}

    bool run(Condition& out) {
        out.text = format(line_.condition);
        return conjunct(static_cast<int>(nodes_.size()) - 1, out);
    }

private:
    bool error(const Span& span, std::string message, std::string help) {
        diagnostics_.push_back({Severity::error, "S102", span, std::move(message), {}, std::move(help)});
        return false;
    }

    const ConditionNode& node(int index) const { return nodes_[static_cast<std::size_t>(index)]; }

    // What is no condition on extents may stand between `and`s only.
    bool conjunct(int index, Condition& out) {
        const ConditionNode& each = node(index);
        switch (each.kind) {
        case ConditionNode::Kind::compact: out.compact = true; return true;
        case ConditionNode::Kind::aligned:
            if (each.value < 1 || (each.value & (each.value - 1)) != 0 || each.value > 4096) {
                return error(each.span, fmt::format("an alignment of {} bytes", each.value),
                             "an alignment is a power of two up to 4096");
            }
            out.alignment = std::max(out.alignment, each.value);
            return true;
        case ConditionNode::Kind::target:
            if (!find_target(each.name.text) || each.name.text == "host") {
                return error(each.name.span, fmt::format("unknown target `{}`", each.name.text),
                             target_choices(each.name.text, "the targets are"));
            }
            if (device_of(each.name.text) != Device::none) {
                return error(each.name.span, "a variant has no device of its own",
                             "it uses that of the library; name the processor alone");
            }
            if (!out.target.empty()) {
                return error(each.name.span, "a variant is compiled for one target", "leave one of the two out");
            }
            out.target = each.name.text;
            return true;
        default: break;
        }
        if (each.op == ir::Op::logical_and) {
            const bool left = conjunct(each.a, out);
            return conjunct(each.b, out) && left;
        }
        const ir::Ref value = expression(index);
        if (!value) {
            return false;
        }
        if (value->type != Type::boolean) {
            return error(each.span, "a number is no condition", "compare it: `extent(out) % 16 == 0`");
        }
        out.extents = out.extents ? ir::binary(ir::Op::logical_and, out.extents, value) : value;
        return true;
    }

    ir::Ref expression(int index) {
        const ConditionNode& each = node(index);
        switch (each.kind) {
        case ConditionNode::Kind::number: return ir::index_constant(each.value);
        case ConditionNode::Kind::extent:
            if (kernel_.find_dim(each.name.text) == nullptr) {
                std::vector<std::string> names;
                for (const ir::Dim& dim : kernel_.dims) {
                    names.push_back(dim.name);
                }
                error(each.name.span, fmt::format("kernel `{}` has no dim `{}`", kernel_.name, each.name.text),
                      choices(each.name.text, names, "its dims are"));
                return nullptr;
            }
            return ir::extent_node(each.name.text);
        case ConditionNode::Kind::operation: break;
        default:
            error(each.span, fmt::format("`{}` inside an `or`, a `not` or a comparison", format({each})),
                  "it stands by itself or between `and`s; write two variants for an `or`");
            return nullptr;
        }
        const ir::Ref a = expression(each.a);
        const ir::Ref b = each.b < 0 ? a : expression(each.b);
        if (!a || !b) {
            return nullptr;
        }
        for (const auto& [operand, at] : {std::pair{a, each.a}, std::pair{b, each.b < 0 ? each.a : each.b}}) {
            if ((operand->type == Type::boolean) != is_logic(each.op)) {
                error(node(at).span, is_logic(each.op) ? "a condition is wanted here, this is a number"
                                                       : "a number is wanted here, this is a condition",
                      "comparisons take numbers; `and`, `or` and `not` take conditions");
                return nullptr;
            }
        }
        return each.b < 0 ? ir::unary(each.op, a) : ir::binary(each.op, a, b);
    }

    const ir::Kernel& kernel_;
    const Statement& line_;
    const std::vector<ConditionNode>& nodes_;
    std::vector<Diagnostic>& diagnostics_;
};

} // namespace

bool condition(const ir::Kernel& kernel, const Statement& line, Condition& out, std::vector<Diagnostic>& diagnostics) {
    return Conditions(kernel, line, diagnostics).run(out);
}

} // namespace coulter::schedule::detail
