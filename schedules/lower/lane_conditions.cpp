#include "lane_conditions.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <set>

namespace coulter::lower {
namespace {

/// Loops that a vectorized loop is a part of, or has parts of, itself included: of dims and of what they were split
/// into.
std::set<std::string> loops_in_lanes(const schedule::LoopNest& nest) {
    using Kind = schedule::LoopStep::Kind;
    std::set<std::string> loops;
    for (const schedule::Loop& loop : nest.loops) {
        if (loop.kind == Kind::vectorize) {
            loops.insert(loop.name);
        }
    }
    for (auto step = nest.steps.rbegin(); step != nest.steps.rend(); ++step) {
        if (step->kind == Kind::split && (loops.contains(step->outer) || loops.contains(step->inner))) {
            loops.insert(step->loop);
        } else if (step->kind == Kind::fuse && loops.contains(step->inner)) {
            loops.insert({step->loop, step->outer});
        }
    }
    return loops;
}

bool compares_integers(const ir::Node& node) {
    return node.kind == ir::Kind::binary && node.args[0]->type != Type::boolean && !is_float(node.args[0]->type);
}

/// Whether Halide may take from a condition how far a loop goes, or what is needed of a tensor: from a comparison of
/// integers.
bool limits_loops(const ir::Node& part) {
    const bool is_choice = part.kind == ir::Kind::select || part.kind == ir::Kind::call ||
                           (part.kind == ir::Kind::binary && !compares_integers(part));
    const bool is_apart = part.kind == ir::Kind::binary && part.op == ir::Op::ne;
    return !is_choice && !is_apart;
}

} // namespace

bool is_asked_in_lanes(const ir::Kernel& kernel, const ir::Ref& part, const schedule::LoopNest& nest) {
    const std::vector<const ir::Node*> nodes = ir::postorder({part});
    const bool is_about_data =
        std::any_of(nodes.begin(), nodes.end(), [](const ir::Node* node) { return node->kind == ir::Kind::access; });
    if (!is_about_data || limits_loops(*part)) {
        return false;
    }
    const std::set<std::string> in_lanes = loops_in_lanes(nest);
    const std::vector<std::string> dims = ir::free_dims(kernel, {part});
    return std::any_of(dims.begin(), dims.end(),
                       [&](const std::string& dim) { return in_lanes.contains(schedule::display_name(dim)); });
}

} // namespace coulter::lower
