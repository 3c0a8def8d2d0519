// The adjoint of a scan is a scan in the other direction.
//
// With s[t] = f(s[t-1], v[t]) let c[t] be the adjoint of the result at t and A[t] the derivative of f by its left state
// there. What reaches s[t-1] is X[t] = A[t]' (c[t] + X[t+1]) where the result at t is s[t], and X[t] = c[t] + A[t]'
// X[t+1] where it is s[t-1]. X runs as a scan whose value is (c, A): the entries of A that are not constant are
// components, which the state passes on and never uses.

#include "grad_math.hpp"
#include "grad_rules.hpp"

#include <fmt/format.h>

namespace coulter::gradient {
namespace {

using ir::Op;
using ir::Ref;

class ScanRule {
public:
    explicit ScanRule(const RuleCall& call)
        : call_(call), definition_(call.definition), scan_(*call.definition.scan), count_(definition_.types.size()) {}

    void run(std::vector<Seed>& seeds) {
        const std::vector<Ref> before = states_before();
        std::vector<std::vector<Ref>> derivative(count_); // [i][j]: of combine i by left j
        bool plain = true;
        for (std::size_t i = 0; i < count_; ++i) {
            std::vector<Ref> one(count_);
            if (is_float(definition_.types[i])) {
                one[i] = ir::real_constant(adjoint_type(definition_.types[i]), 1);
            }
            const StateFlows flows = through_combine(call_, scan_.combine, one, before, definition_.values);
            for (std::size_t j = 0; j < count_; ++j) {
                derivative[i].push_back(settled(flows.left[j]));
                plain = plain && (i == j ? is_constant(derivative[i][j], 1) || !one[i] : !derivative[i][j]);
            }
        }
        const std::vector<Ref> adjoints = plain ? sums() : linear(derivative);
        const StateFlows flows = through_combine(call_, scan_.combine, adjoints, before, definition_.values);
        for (std::size_t c = 0; c < count_; ++c) {
            if (flows.right[c].value) {
                seeds.push_back({definition_.values[c], flows.right[c]});
            }
        }
    }

private:
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
        scan.reversed = !scan_.reversed;
        scan.exclusive = exclusive;
        scan.associative = associative;
        for (const Ref& value : values) {
            made.types.push_back(value->type);
            scan.identity.push_back(zero(value->type));
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

    [[nodiscard]] std::vector<Ref> linear(const std::vector<std::vector<Ref>>& derivative) const {
        std::vector<int> position(count_, -1); // of X[i] among the components
        std::vector<Ref> values;
        for (std::size_t c = 0; c < count_; ++c) {
            if (is_float(definition_.types[c])) {
                const Ref adjoint = call_.adjoint(c);
                position[c] = static_cast<int>(values.size());
                values.push_back(adjoint ? adjoint : zero(adjoint_type(definition_.types[c])));
            }
        }
        const std::size_t states = values.size();
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
        for (const Ref& entry : entries) {
            combine.push_back(ir::operand(entry->type, static_cast<int>(values.size()), true));
            values.push_back(entry);
        }
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
