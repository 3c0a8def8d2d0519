#include "scans.hpp"

#include <algorithm>

namespace coulter::lower {

using Halide::Expr;

/// No extent is so large, so that indices beyond it stay in 32 bits.
constexpr std::int64_t max_distance = 1 << 30;

ScanStep scan_step(const ir::Scan& scan, const Expr& step, const Expr& extent) {
    // max(step - 1, 0), of which Halide's bounds are empty where the extent is 0: it adds up the ends, and nothing must
    // be read then.
    const Expr previous = Halide::max(step - 1, Halide::min(step, 0));
    const auto placed = [&](const Expr& index) { return scan.reversed ? extent - 1 - index : index; };
    return {placed(step), placed(previous), Halide::likely(step > 0)};
}

PlacedStep placed_step(const ir::Scan& scan, const Expr& step, const Expr& extent, std::int64_t distance) {
    const auto placed = [&](const Expr& index) { return scan.reversed ? extent - 1 - index : index; };
    const int away =
        static_cast<int>(std::clamp<std::int64_t>(scan.reversed ? -distance : distance, -max_distance, max_distance));
    if (away == 0) {
        return {placed(step), Expr()};
    }
    // As above: where the extent is 0, so that no step is taken, these are ends of nothing.
    if (away < 0) {
        return {placed(Halide::max(step + away, Halide::min(step, 0))), Halide::likely(step >= -away)};
    }
    return {placed(Halide::min(step + away, Halide::max(step, extent - 1))), Halide::likely(step < extent - away)};
}

std::vector<bool> contracted(const ir::Scan& scan) {
    const auto is_product_of_states = [](const ir::Node& node) {
        return node.kind == ir::Kind::binary && node.op == ir::Op::mul &&
               std::all_of(node.args.begin(), node.args.end(),
                           [](const ir::Ref& arg) { return arg->kind == ir::Kind::operand; });
    };
    std::vector<bool> result;
    for (std::size_t i = 0; i < scan.combine.size(); ++i) {
        const ir::Node& node = *scan.combine[i];
        bool good = is_float(node.type) && node.kind == ir::Kind::binary && node.op == ir::Op::add &&
                    std::all_of(node.args.begin(), node.args.end(), [&](const ir::Ref& arg) {
                        return arg->kind == ir::Kind::operand || is_product_of_states(*arg);
                    });
        for (std::size_t other = 0; other < scan.combine.size(); ++other) {
            const std::vector<const ir::Node*> nodes = ir::postorder({scan.combine[other]});
            good = good && (other == i || std::none_of(nodes.begin(), nodes.end(), [&](const ir::Node* each) {
                                return each->kind == ir::Kind::operand && !each->right &&
                                       static_cast<std::size_t>(each->component) == i;
                            }));
        }
        result.push_back(good);
    }
    return result;
}

Expr place_of(const ir::Into& into, Expressions& expressions) {
    const Expr index = expressions.lower(into.index);
    const Expr last = expressions.scope().extents[into.dim] - 1;
    const std::set<std::string>& overrun = expressions.scope().overrun;
    const std::vector<std::string> dims = ir::free_dims(expressions.scope().kernel, {into.index});
    const bool may_pass =
        std::any_of(dims.begin(), dims.end(), [&](const std::string& dim) { return overrun.contains(dim); });
    return may_pass ? Halide::clamp(index, 0, last) : Halide::unsafe_promise_clamped(index, 0, last);
}

} // namespace coulter::lower
