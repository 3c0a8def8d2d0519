// The adjoint of a scan is a scan in the other direction.
//
// With s[t] = f(s[t-1], v[t]) let c[t] be the adjoint of the result at t and A[t] the derivative of f by its left state
// there. What reaches s[t-1] is X[t] = A[t]' (c[t] + X[t+1]) where the result at t is s[t], and X[t] = c[t] + A[t]'
// X[t+1] where it is s[t-1]. X runs as a scan; the entries of A that are not constant are among its values.
//
// Where f reads states by their places, at q + k for some distances k, the adjoint of the state at q is T[q] = c[q] +
// the sum over k of A_k[q - k]' T[q - k], with A_k the derivative by that state: again such a scan, over distances -k.
// What is outside has no steps, and A_k is 0 there.

#include "grad_math.hpp"
#include "grad_rules.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <map>

namespace coulter::gradient {
namespace {

using ir::Op;
using ir::Ref;

class ScanRule {
public:
    explicit ScanRule(const RuleCall& call)
        : call_(call), definition_(call.definition), scan_(*call.definition.scan), count_(definition_.types.size()) {}

    void run(std::vector<Seed>& seeds) {
        if (!scan_.inner.empty() || !ir::distances(scan_).empty()) {
            run_placed(seeds);
            return;
        }
        const std::vector<Ref> before = states_before();
        std::vector<std::vector<Ref>> derivative(count_); // [i][j]: of combine i by left j
        std::vector<bool> reaches_values(count_);
        bool plain = true;
        for (std::size_t i = 0; i < count_; ++i) {
            std::vector<Ref> one(count_);
            if (is_float(definition_.types[i])) {
                one[i] = ir::real_constant(adjoint_type(definition_.types[i]), 1);
            }
            const StateFlows flows = through_combine(call_, scan_.combine, one, before, definition_.values);
            reaches_values[i] =
                std::any_of(flows.right.begin(), flows.right.end(), [](const Flow& flow) { return !!flow.value; });
            for (std::size_t j = 0; j < count_; ++j) {
                derivative[i].push_back(settled(flows.left[j]));
                plain = plain && (i == j ? is_constant(derivative[i][j], 1) || !one[i] : !derivative[i][j]);
            }
        }
        const std::vector<Ref> adjoints = plain ? sums() : linear(derivative, carried(derivative, reaches_values));
        const StateFlows flows = through_combine(call_, scan_.combine, adjoints, before, definition_.values);
        for (std::size_t c = 0; c < definition_.values.size(); ++c) {
            if (flows.right[c].value) {
                seeds.push_back({definition_.values[c], flows.right[c]});
            }
        }
    }

private:
    using Distance = std::vector<std::int64_t>;

    // How far away along the scan's dims a left operand is.
    [[nodiscard]] Distance distance_of(const ir::Node& operand) const {
        Distance distance;
        for (const std::string& dim : scan_.dims()) {
            distance.push_back(ir::distance(operand, dim));
        }
        if (operand.dims.empty()) {
            distance.front() = scan_.reversed ? 1 : -1;
        }
        return distance;
    }

    // Indices `sign * distance` away from the loops' own.
    [[nodiscard]] std::map<std::string, Ref> moved(const Distance& distance, int sign) const {
        std::map<std::string, Ref> indices;
        const std::vector<std::string> dims = scan_.dims();
        for (std::size_t d = 0; d < dims.size(); ++d) {
            const std::int64_t away = sign * distance[d];
            if (away != 0) {
                indices[dims[d]] = ir::binary(away < 0 ? Op::sub : Op::add, ir::dim_node(dims[d]),
                                              ir::index_constant(away < 0 ? -away : away));
            }
        }
        return indices;
    }

    // What an operand stands for at the loops' own indices.
    [[nodiscard]] Ref state_at(const ir::Node& operand) const {
        const auto component = static_cast<std::size_t>(operand.component);
        return operand.right ? definition_.values[component]
                             : call_.builder.read_at(definition_.name, operand.component,
                                                     moved(distance_of(operand), 1), scan_.identity[component]);
    }

    // The derivative of component `of` by component `by` of the state at a distance.
    struct Slope {
        std::size_t of;
        std::size_t by;
        Distance distance;
        Ref value;
    };

    [[nodiscard]] std::vector<Slope> slopes() const {
        std::vector<Slope> all;
        for (std::size_t of = 0; of < count_; ++of) {
            if (!is_float(definition_.types[of])) {
                continue;
            }
            std::vector<Ref> one(count_);
            one[of] = ir::real_constant(adjoint_type(definition_.types[of]), 1);
            std::map<std::pair<std::size_t, Distance>, Flow> flows;
            for (const LeafFlow& leaf :
                 operand_flows(call_, scan_.combine, one, [&](const ir::Node& node) { return state_at(node); })) {
                if (!leaf.leaf->right) {
                    const auto by = static_cast<std::size_t>(leaf.leaf->component);
                    Flow& flow = flows[{by, distance_of(*leaf.leaf)}];
                    flow = merged(flow, leaf.flow);
                }
            }
            for (const auto& [place, flow] : flows) {
                if (const Ref value = settled(flow)) {
                    all.push_back({of, place.first, place.second, value});
                }
            }
        }
        return all;
    }

    // The components whose adjoints are carried: something flows into them, and they lead to values.
    [[nodiscard]] std::vector<bool> carried(const std::vector<std::vector<Ref>>& derivative,
                                            std::vector<bool> leads) const {
        std::vector<bool> is_reached(count_);
        for (std::size_t c = 0; c < count_; ++c) {
            is_reached[c] = call_.adjoint(c) != nullptr;
        }
        for (bool grown = true; grown;) {
            grown = false;
            for (std::size_t i = 0; i < count_; ++i) {
                for (std::size_t j = 0; j < count_; ++j) {
                    if (!derivative[i][j]) {
                        continue;
                    }
                    if (is_reached[i] && !is_reached[j]) {
                        is_reached[j] = grown = true;
                    }
                    if (leads[j] && !leads[i]) {
                        leads[i] = grown = true;
                    }
                }
            }
        }
        for (std::size_t c = 0; c < count_; ++c) {
            leads[c] = leads[c] && is_reached[c];
        }
        return leads;
    }

    // Appends the adjoints of the components that have one, and says which of `values` is whose; -1: none.
    [[nodiscard]] std::vector<int> float_components(std::vector<Ref>& values, const std::vector<bool>& wanted) const {
        std::vector<int> position(count_, -1);
        for (std::size_t c = 0; c < count_; ++c) {
            if (is_float(definition_.types[c]) && wanted[c]) {
                const Ref adjoint = call_.adjoint(c);
                position[c] = static_cast<int>(values.size());
                values.push_back(adjoint ? adjoint : zero(adjoint_type(definition_.types[c])));
            }
        }
        return position;
    }

    void run_placed(std::vector<Seed>& seeds) {
        std::vector<Slope> all = slopes();
        ir::Definition stored; // slopes that are not constant
        stored.name = call_.helper("slopes");
        stored.dims = definition_.dims;
        stored.span = definition_.span;
        std::vector<Ref> values;
        const std::vector<int> position =
            float_components(values, std::vector<bool>(count_, true)); // of T[i] among the components
        const std::size_t states = values.size();
        std::vector<Ref> combine;
        for (std::size_t c = 0; c < states; ++c) {
            combine.push_back(ir::operand(values[c]->type, static_cast<int>(c), true));
        }
        std::vector<std::pair<int, Distance>> reads; // of the stored ones, in the order of the further values
        for (const Slope& slope : all) {
            Ref factor = slope.value;
            if (factor->kind != ir::Kind::constant) {
                factor = ir::operand(factor->type, static_cast<int>(states + reads.size()), true);
                reads.emplace_back(static_cast<int>(stored.values.size()), slope.distance);
                stored.types.push_back(slope.value->type);
                stored.values.push_back(slope.value);
            }
            ir::Node later = *ir::operand(adjoint_type(definition_.types[slope.of]), position[slope.of], false);
            const std::vector<std::string> dims = scan_.dims();
            for (std::size_t d = 0; d < dims.size(); ++d) {
                if (slope.distance[d] != 0) {
                    later.dims.push_back(dims[d]);
                    later.args.push_back(ir::index_constant(-slope.distance[d]));
                }
            }
            Ref& total = combine[static_cast<std::size_t>(position[slope.by])];
            const Ref term = product_of(as(total->type, ir::make_node(std::move(later))), as(total->type, factor));
            total = sum_of(total, term);
        }
        const std::string slopes_name = stored.name;
        if (!stored.values.empty()) {
            call_.builder.add(std::move(stored));
        }
        for (const auto& [component, distance] : reads) {
            const Type type = call_.builder.type_of(slopes_name, component);
            values.push_back(call_.builder.read_at(slopes_name, component, moved(distance, -1), zero(type)));
        }
        const std::string name = call_.helper("carry");
        add(name, values, combine, false, false);
        std::vector<Ref> adjoints(count_);
        for (std::size_t c = 0; c < count_; ++c) {
            if (position[c] >= 0) {
                adjoints[c] = call_.builder.read(name, position[c]);
            }
        }
        std::map<int, Flow> flows;
        for (const LeafFlow& leaf :
             operand_flows(call_, scan_.combine, adjoints, [&](const ir::Node& node) { return state_at(node); })) {
            if (leaf.leaf->right) {
                Flow& flow = flows[leaf.leaf->component];
                flow = merged(flow, leaf.flow);
            }
        }
        for (const auto& [component, flow] : flows) {
            seeds.push_back({definition_.values[static_cast<std::size_t>(component)], flow});
        }
    }

    // The state that an element meets.
    [[nodiscard]] std::vector<Ref> states_before() const {
        std::vector<Ref> states;
        for (std::size_t c = 0; c < count_; ++c) {
            const int component = static_cast<int>(c);
            if (scan_.exclusive) {
                states.push_back(call_.builder.read(definition_.name, component));
                continue;
            }
            const Ref one = ir::index_constant(1);
            const Ref dim = ir::dim_node(scan_.dim);
            const Ref previous = ir::binary(scan_.reversed ? Op::add : Op::sub, dim, one);
            states.push_back(
                call_.builder.read_at(definition_.name, component, {{scan_.dim, previous}}, scan_.identity[c]));
        }
        return states;
    }

    void add(const std::string& name, std::vector<Ref> values, std::vector<Ref> combine, bool exclusive,
             bool associative) const {
        ir::Definition made;
        made.name = name;
        made.dims = definition_.dims;
        made.span = definition_.span;
        ir::Scan& scan = made.scan.emplace();
        scan.dim = scan_.dim;
        scan.inner = scan_.inner;
        scan.reversed = !scan_.reversed;
        scan.exclusive = exclusive;
        scan.associative = associative;
        for (const Ref& state : combine) {
            made.types.push_back(state->type);
            scan.identity.push_back(zero(state->type));
        }
        made.values = std::move(values);
        scan.combine = std::move(combine);
        call_.builder.add(std::move(made));
    }

    // Each component is a running sum of its own.
    [[nodiscard]] std::vector<Ref> sums() const {
        std::vector<Ref> adjoints(count_);
        for (std::size_t c = 0; c < count_; ++c) {
            const Ref adjoint = call_.adjoint(c);
            if (!adjoint) {
                continue;
            }
            const std::string name = call_.helper("carry", c);
            const Type type = adjoint->type;
            add(name, {adjoint}, {ir::binary(Op::add, ir::operand(type, 0, false), ir::operand(type, 0, true))},
                scan_.exclusive, true);
            adjoints[c] = call_.builder.read(name);
        }
        return adjoints;
    }

    [[nodiscard]] std::vector<Ref> linear(const std::vector<std::vector<Ref>>& derivative,
                                          const std::vector<bool>& wanted) const {
        std::vector<Ref> values;
        const std::vector<int> position = float_components(values, wanted); // of X[i] among the components
        const std::size_t states = values.size();
        if (states == 0) {
            return std::vector<Ref>(count_);
        }
        const auto state = [&](std::size_t c, bool right) {
            return ir::operand(adjoint_type(definition_.types[c]), position[c], right);
        };
        std::vector<Ref> combine;
        std::vector<Ref> entries;
        for (std::size_t j = 0; j < count_; ++j) {
            if (position[j] < 0) {
                continue;
            }
            const Type type = adjoint_type(definition_.types[j]);
            Ref total = scan_.exclusive ? state(j, true) : nullptr;
            for (std::size_t i = 0; i < count_; ++i) {
                const Ref entry = position[i] < 0 ? nullptr : derivative[i][j];
                if (!entry) {
                    continue;
                }
                const Ref later = scan_.exclusive ? state(i, false) : sum_of(state(i, true), state(i, false));
                Ref factor = entry;
                if (entry->kind != ir::Kind::constant) {
                    factor = ir::operand(entry->type, static_cast<int>(states + entries.size()), true);
                    entries.push_back(entry);
                }
                total = sum_of(total, as(type, product_of(as(type, later), factor)));
            }
            combine.push_back(total ? total : zero(type));
        }
        values.insert(values.end(), entries.begin(), entries.end());
        const std::string name = call_.helper("carry");
        add(name, values, combine, true, false);
        std::vector<Ref> adjoints(count_);
        for (std::size_t c = 0; c < count_; ++c) {
            if (position[c] >= 0) {
                const Ref later = call_.builder.read(name, position[c]);
                adjoints[c] = scan_.exclusive ? later : sum_of(call_.adjoint(c), later);
            }
        }
        return adjoints;
    }

    const RuleCall& call_;
    const ir::Definition& definition_;
    const ir::Scan& scan_;
    std::size_t count_;
};

} // namespace

void scan_rule(const RuleCall& call, std::vector<Seed>& seeds) {
    ScanRule(call).run(seeds);
}

} // namespace coulter::gradient
