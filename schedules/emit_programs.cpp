#include "emit_programs.hpp"

#include <algorithm>

namespace coulter::schedule::detail {
namespace {

// Rewrites introduce dims whose extents refer to others; a chain of them is as long as the schedule.
constexpr int longest_chain = 64;

/// One thing to do, on an explicit stack: the depth of an expression is the user's.
struct Work {
    ir::Ref node;  ///< compile it, or, where null,
    SizeStep step; ///< append this
    int chain = 0; ///< how many introduced dims led here
};

const std::pair<ir::Op, SizeOp> plain_ops[] = {
    {ir::Op::add, SizeOp::add}, {ir::Op::sub, SizeOp::sub},         {ir::Op::mul, SizeOp::mul},
    {ir::Op::div, SizeOp::div}, {ir::Op::mod, SizeOp::mod},         {ir::Op::min, SizeOp::min},
    {ir::Op::max, SizeOp::max}, {ir::Op::eq, SizeOp::eq},           {ir::Op::lt, SizeOp::lt},
    {ir::Op::le, SizeOp::le},   {ir::Op::logical_and, SizeOp::mul}, {ir::Op::logical_or, SizeOp::max}};

class Compiler {
public:
    Compiler(const std::vector<ir::Dim>& dims, const ir::Kernel& kernel) : dims_(dims), kernel_(kernel) {}

    std::optional<SizeProgram> run(const ir::Ref& expression) {
        todo_.push_back({expression, {}, 0});
        while (!todo_.empty()) {
            const Work work = todo_.back();
            todo_.pop_back();
            if (!work.node) {
                program_.push_back(work.step);
            } else if (!visit(work)) {
                return std::nullopt;
            }
            if (program_.size() + todo_.size() > longest_program) {
                return std::nullopt;
            }
        }
        return stack_depth() <= deepest_stack ? std::optional(program_) : std::nullopt;
    }

private:
    void append(SizeOp op, std::int64_t value = 0) { program_.push_back({op, value}); }
    void later(SizeOp op, std::int64_t value = 0) { todo_.push_back({nullptr, {op, value}, 0}); }
    void later(const ir::Ref& node, int chain) { todo_.push_back({node, {}, chain}); }

    bool visit(const Work& work) {
        const ir::Node& node = *work.node;
        switch (node.kind) {
        case ir::Kind::constant: append(SizeOp::constant, node.integer); return true;
        case ir::Kind::extent: return extent(node.name, work.chain);
        case ir::Kind::cast: later(node.args[0], work.chain); return node.type == Type::index;
        case ir::Kind::unary:
            // -a is 0 - a, !a is a == 0.
            if (node.op == ir::Op::neg) {
                append(SizeOp::constant, 0);
                later(SizeOp::sub);
                later(node.args[0], work.chain);
                return true;
            }
            later(SizeOp::eq);
            later(SizeOp::constant);
            later(node.args[0], work.chain);
            return node.op == ir::Op::logical_not;
        case ir::Kind::binary: return binary(node, work.chain);
        case ir::Kind::select:
            // c ? a : b is c * a + !c * b.
            later(SizeOp::add);
            later(SizeOp::mul);
            later(node.args[2], work.chain);
            later(SizeOp::eq);
            later(SizeOp::constant);
            later(node.args[0], work.chain);
            later(SizeOp::mul);
            later(node.args[1], work.chain);
            later(node.args[0], work.chain);
            return true;
        default: return false;
        }
    }

    bool binary(const ir::Node& node, int chain) {
        const bool swapped = node.op == ir::Op::gt || node.op == ir::Op::ge;
        const ir::Op op = node.op == ir::Op::gt   ? ir::Op::lt
                          : node.op == ir::Op::ge ? ir::Op::le
                          : node.op == ir::Op::ne ? ir::Op::eq
                                                  : node.op;
        const auto* const found = std::ranges::find(plain_ops, op, &std::pair<ir::Op, SizeOp>::first);
        if (found == std::end(plain_ops)) {
            return false;
        }
        if (node.op == ir::Op::ne) {
            later(SizeOp::eq);
            later(SizeOp::constant);
        }
        later(found->second);
        later(node.args[swapped ? 0 : 1], chain);
        later(node.args[swapped ? 1 : 0], chain);
        return true;
    }

    bool extent(const std::string& dim, int chain) {
        const auto at = std::ranges::find(dims_, dim, &ir::Dim::name);
        if (at != dims_.end()) {
            append(SizeOp::extent, at - dims_.begin());
            return true;
        }
        const ir::Dim* const introduced = kernel_.find_dim(dim);
        if (introduced == nullptr || chain > longest_chain) {
            return false;
        }
        if (introduced->size) {
            append(SizeOp::constant, *introduced->size);
            return true;
        }
        later(introduced->extent, chain + 1);
        return introduced->extent != nullptr;
    }

    std::size_t stack_depth() const {
        std::size_t depth = 0;
        std::size_t most = 0;
        for (const SizeStep& step : program_) {
            depth += step.op == SizeOp::constant || step.op == SizeOp::extent ? 1 : std::size_t{0} - 1;
            most = std::max(most, depth);
        }
        return most;
    }

    const std::vector<ir::Dim>& dims_;
    const ir::Kernel& kernel_;
    std::vector<Work> todo_;
    SizeProgram program_;
};

} // namespace

const char* name(SizeOp op) {
    switch (op) {
    case SizeOp::constant: return "COULTER_OP_CONST";
    case SizeOp::extent: return "COULTER_OP_EXTENT";
    case SizeOp::add: return "COULTER_OP_ADD";
    case SizeOp::sub: return "COULTER_OP_SUB";
    case SizeOp::mul: return "COULTER_OP_MUL";
    case SizeOp::div: return "COULTER_OP_DIV";
    case SizeOp::mod: return "COULTER_OP_MOD";
    case SizeOp::min: return "COULTER_OP_MIN";
    case SizeOp::max: return "COULTER_OP_MAX";
    case SizeOp::eq: return "COULTER_OP_EQ";
    case SizeOp::lt: return "COULTER_OP_LT";
    case SizeOp::le: return "COULTER_OP_LE";
    }
    return "";
}

std::optional<SizeProgram> compile_size(const ir::Ref& expression, const std::vector<ir::Dim>& dims,
                                        const ir::Kernel& kernel) {
    return expression ? Compiler(dims, kernel).run(expression) : std::nullopt;
}

std::optional<SizeProgram> compile_condition(const ir::Ref& condition, const ir::Kernel& kernel) {
    const ir::Ref zero = ir::index_constant(0);
    ir::RewriteMemo memo;
    const auto divide_by_all = [&](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
        if (node.kind != ir::Kind::binary || (node.op != ir::Op::div && node.op != ir::Op::mod) ||
            (args[1]->kind == ir::Kind::constant && args[1]->integer != 0)) {
            return nullptr;
        }
        // The runtime computes both sides of a select, so neither may divide by zero.
        const ir::Ref is_zero = ir::binary(ir::Op::eq, args[1], zero);
        const ir::Ref divisor = ir::select(is_zero, ir::index_constant(1), args[1]);
        return ir::select(is_zero, zero, ir::binary(node.op, args[0], divisor));
    };
    return condition ? compile_size(ir::rewrite(condition, divide_by_all, memo), kernel.dims, kernel) : std::nullopt;
}

std::int64_t ProgramTable::add(SizeProgram program) {
    const auto at = std::ranges::find(programs_, program);
    const auto index = at - programs_.begin();
    if (at == programs_.end()) {
        programs_.push_back(std::move(program));
    }
    return index;
}

} // namespace coulter::schedule::detail
