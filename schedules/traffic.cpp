#include "coulter/schedule/traffic.hpp"

#include "check_model.hpp"

#include "coulter/schedule/footprint.hpp"
#include "coulter/sizes.hpp"
#include "traffic_regions.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

using detail::LoopNode;
using detail::Touch;
using detail::Touches;

struct Flow {
    double in = 0;
    double out = 0;
};
using Flows = std::map<std::string, Flow>;

void add(Flows& to, const Flows& from, double times) {
    for (const auto& [tensor, flow] : from) {
        to[tensor].in += times * flow.in;
        to[tensor].out += times * flow.out;
    }
}

Flow flow_of(const Touch& touch) {
    return {touch.read && !touch.made ? touch.bytes : 0, touch.written ? touch.bytes : 0};
}

Flows flows_of(const Touches& touches) {
    Flows flows;
    for (const auto& [tensor, touch] : touches) {
        flows[tensor] = flow_of(touch);
    }
    return flows;
}

/// What moves between one level and the next.
class LevelFlow {
public:
    LevelFlow(detail::LoopTree& tree, Level level, double capacity, double threads, std::set<std::string> held)
        : tree_(tree), level_(level), capacity_(capacity), threads_(threads), held_(std::move(held)) {}

    /// In one iteration of `node`.
    Flows of(const LoopNode& node) {
        if (fits(node)) {
            return flows_of(without_held(tree_.touched(node, node, &node)));
        }
        Flows all = flows_of(without_held(tree_.touched_by_assignments(node)));
        for (const auto& loop : node.loops) {
            add(all, of_loop(node, *loop), 1);
        }
        return all;
    }

private:
    [[nodiscard]] bool fits(const LoopNode& node) { return tree_.footprint(node) <= capacity_; }

    Touches without_held(Touches touches) const {
        std::erase_if(touches, [&](const auto& each) { return held_.contains(each.first); });
        return touches;
    }

    /// In all iterations of a loop that stands in `node`.
    Flows of_loop(const LoopNode& node, const LoopNode& loop) {
        const Touches in_all = tree_.touched(node, loop, fits(loop) ? &loop : nullptr);
        const Touches in_one = tree_.touched(loop, loop, nullptr);
        const Flows one = of(loop);
        const bool in_a_row = loop.kind == LoopStep::Kind::vectorize || loop.kind == LoopStep::Kind::unroll;
        const double copies =
            loop.kind == LoopStep::Kind::parallel && level_ != Level::l3 ? std::min(threads_, loop.trips) : 1;
        Flows all;
        for (const auto& [tensor, flow] : one) {
            const auto whole = in_all.find(tensor);
            if (whole == in_all.end()) {
                continue; // it dies in each iteration
            }
            const bool moves = whole->second.bytes > in_one.at(tensor).bytes;
            Flow& result = all[tensor];
            if (!moves && distance(loop, tensor) <= capacity_ && flow.in <= whole->second.bytes &&
                flow.out <= whole->second.bytes) {
                result = {flow.in * copies, flow.out};
            } else if (moves && fits(loop) && (level_ != Level::registers || in_a_row)) {
                result = flow_of(whole->second);
            } else {
                result = {flow.in * loop.trips, flow.out * loop.trips};
            }
        }
        return all;
    }

    /// Bytes touched between two uses of an element of a tensor that each iteration touches whole.
    double distance(const LoopNode& node, const std::string& tensor) {
        const LoopNode* only = nullptr;
        for (const auto& loop : node.loops) {
            if (tree_.touched(node, *loop, nullptr).contains(tensor)) {
                if (only != nullptr) {
                    return tree_.footprint(node);
                }
                only = loop.get();
            }
        }
        if (only == nullptr || tree_.touched_by_assignments(node).contains(tensor)) {
            return tree_.footprint(node);
        }
        const double in_all = tree_.touched(node, *only, nullptr).at(tensor).bytes;
        const double in_one = tree_.touched(*only, *only, nullptr).at(tensor).bytes;
        return in_all > in_one ? tree_.footprint(node) : distance(*only, tensor);
    }

    detail::LoopTree& tree_;
    Level level_;
    double capacity_;
    double threads_;
    std::set<std::string> held_; ///< in the level, whatever else there is
};

} // namespace

double Traffic::bytes(Level level) const {
    double total = 0;
    for (const TensorTraffic& tensor : tensors) {
        total += tensor.in[static_cast<std::size_t>(level)] + tensor.out[static_cast<std::size_t>(level)];
    }
    return total;
}

Traffic traffic(const Plan& plan, const std::map<std::string, std::int64_t>& given, const Machine& machine,
                const Target& target, int threads) {
    std::vector<Diagnostic> ignored;
    const auto extents = resolve_extents(plan.kernel, infer_sizes(plan.kernel, ignored), given);
    COULTER_INTERNAL_ASSERT(extents.size() == plan.kernel.dims.size());
    const MemoryUse memory = memory_use(plan, given, threads);
    detail::LoopTree tree(plan, extents, memory.stages);
    Traffic result;
    const double count = std::max(threads, 1);
    result.capacity = {static_cast<double>(target.vector_bytes) * target.vector_registers, machine.l1_bytes / 2,
                       machine.l2_bytes / 2, machine.l3_bytes / 2 / count};
    std::set<std::string> in_registers;
    for (const Footprint& one : memory.stages) {
        if (one.home == Footprint::Home::registers && static_cast<double>(one.bytes) <= result.capacity[0]) {
            in_registers.insert(one.stage);
        }
    }
    std::array<Flows, levels> flows;
    for (std::size_t i = 0; i < levels; ++i) {
        LevelFlow level(tree, static_cast<Level>(i), result.capacity[i], count,
                        i == 0 ? in_registers : std::set<std::string>());
        flows[i] = level.of(tree.root());
    }
    for (const std::string& name : detail::tensor_names(plan.kernel)) {
        TensorTraffic tensor;
        tensor.name = name;
        tensor.argument = plan.kernel.find_input(name) != nullptr || plan.kernel.is_output(name);
        tensor.packed =
            std::ranges::any_of(plan.packs, [&](const Pack& pack) { return pack.once && pack.stage == name; });
        bool moves = false;
        for (std::size_t i = 0; i < levels; ++i) {
            const auto at = flows[i].find(name);
            if (at == flows[i].end()) {
                continue;
            }
            // What does not come in from here does not come from further outside.
            const bool bounded = i > 0 && !in_registers.contains(name);
            tensor.in[i] = bounded ? std::min(at->second.in, tensor.in[i - 1]) : at->second.in;
            tensor.out[i] = bounded ? std::min(at->second.out, tensor.out[i - 1]) : at->second.out;
            moves = moves || tensor.in[i] + tensor.out[i] > 0;
        }
        if (moves) {
            result.tensors.push_back(std::move(tensor));
        }
    }
    return result;
}

} // namespace coulter::schedule
