// Pass `define-stages`.

#include "dots.hpp"
#include "extremes.hpp"
#include "lane_conditions.hpp"
#include "names.hpp"
#include "pipeline.hpp"
#include "scans.hpp"
#include "sums.hpp"

#include "coulter/schedule/dot_products.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <map>

namespace coulter::lower {
namespace {

using Halide::Expr;
using ir::ReduceOp;

// Whether a reduction takes what another stage has in the lanes of one vector, those of a whole dim of the algorithm.
// A reduction that is vectorized itself has a sum in each lane, which gains nothing by halves.
bool takes_lanes(const Lowering& lowering, const Stage& stage) {
    const ir::Definition& definition = *stage.definition;
    const std::string& dim = definition.reduction->dims[0];
    const auto is_vector = [](const schedule::Loop& loop) { return loop.kind == schedule::LoopStep::Kind::vectorize; };
    const std::vector<schedule::Loop>& own = stage.plan->main.loops;
    return definition.reduction->into.empty() && std::none_of(own.begin(), own.end(), is_vector) &&
           std::all_of(definition.values.begin(), definition.values.end(), [&](const ir::Ref& value) {
               const auto source =
                   value->kind == ir::Kind::access ? lowering.stages.find(value->name) : lowering.stages.end();
               if (source == lowering.stages.end()) {
                   return false;
               }
               const std::vector<schedule::Loop>& loops = source->second.plan->main.loops;
               return std::any_of(loops.begin(), loops.end(), [&](const schedule::Loop& loop) {
                   return is_vector(loop) && !loop.reduced && loop.name == schedule::display_name(dim);
               });
           });
}

// Partial results of a vectorized reduction, which the schedule unrolls completely.
bool is_tree(const Lowering& lowering, const Stage& stage) {
    const std::optional<ir::Reduction>& reduction = stage.definition->reduction;
    if (!reduction || reduction->dims.size() != 1 || reduction->where || reduction->op == ReduceOp::argmin ||
        reduction->op == ReduceOp::argmax || !(is_introduced(reduction->dims[0]) || takes_lanes(lowering, stage))) {
        return false;
    }
    const auto count = lowering.extents->constant(reduction->dims[0]);
    const bool ordered = lowering.plan.numerics == schedule::Numerics::exact && is_float(stage.definition->types[0]);
    const std::vector<schedule::Loop>& loops = stage.plan->main.loops;
    return !ordered && count && *count >= 1 && *count <= 256 &&
           std::all_of(loops.begin(), loops.end(), [](const schedule::Loop& loop) {
               return !loop.reduced || loop.kind == schedule::LoopStep::Kind::unroll;
           });
}

class Definer {
public:
    /// `rest`: of what the groups of a dot product leave over.
    Definer(Lowering& lowering, Stage& stage, bool rest = false)
        : lowering_(lowering), stage_(stage), definition_(*stage.definition), rest_(rest), lhs_(stage.args.size()),
          expressions_(make_scope()) {
        std::transform(stage.args.begin(), stage.args.end(), lhs_.begin(),
                       [&](const std::string& dim) { return Expr(stage_.vars.at(dim)); });
    }

    void define() {
        if (stage_.tree) {
            assign(tree());
            return;
        }
        if (definition_.scan) {
            scan(*definition_.scan);
            return;
        }
        if (!definition_.reduction) {
            std::vector<Expr> values;
            for (const ir::Ref& value : definition_.values) {
                values.push_back(with_padding(expressions_.lower(value)));
            }
            assign(values);
            return;
        }
        const ir::Reduction& reduction = *definition_.reduction;
        initialise(reduction);
        for (const ir::Into& into : reduction.into) {
            const auto at = std::find(stage_.args.begin(), stage_.args.end(), into.dim);
            lhs_[static_cast<std::size_t>(at - stage_.args.begin())] = place_of(into, expressions_);
        }
        if (reduction.where) {
            // A condition that a split of the reduced dim brought holds everywhere but in the last part: `likely` lets
            // Halide cut that part off.
            const bool split = std::any_of(reduction.dims.begin(), reduction.dims.end(), is_introduced);
            const bool may_choose = reduction.into.empty() && !is_atomic(stage_.plan->main) && !stage_.dot;
            for (const ir::Ref& part : conjuncts(reduction.where)) {
                if (may_choose && is_asked_in_lanes(lowering_.plan.kernel, part, stage_.plan->main)) {
                    const Expr here = expressions_.lower(part);
                    chosen_ = chosen_.defined() ? chosen_ && here : here;
                    continue;
                }
                rdom_.where(bounding(Expressions(condition_scope(limits_results(part))).lower(part), split));
            }
        }
        if (is_atomic(stage_.plan->main)) {
            // As Halide knows an addition that a processor makes in one step: integers wrap in it as they should.
            const Expr summand = expressions_.lower_summand(definition_.values[0]);
            assign({current()[0] + Halide::select(everywhere(), summand, Halide::Internal::make_zero(summand.type()))});
            return;
        }
        if (stage_.dot) {
            assign({dot_product()});
            return;
        }
        combine_each(reduction);
    }

    /// The second update of a dot product.
    void define_rest() { combine_each(*definition_.reduction); }

    void combine_each(const ir::Reduction& reduction) {
        std::vector<Expr> values = update(reduction);
        for (std::size_t i = 0; chosen_.defined() && i < values.size(); ++i) {
            values[i] = lowering_.math->select(chosen_, values[i], current()[i]);
        }
        // Halide takes the loops of an update from the reduced indices in it: an element that is the same for all of
        // them still counts once for each.
        values[0] = Halide::select(everywhere(), values[0], current()[0]);
        assign(values);
    }

    // A condition that holds, with all reduced indices in it.
    [[nodiscard]] Expr everywhere() const {
        Expr here = Halide::Internal::const_true();
        for (const auto& [dim, rvar] : rvars()) {
            here = here && Expr(rvar) >= 0;
        }
        return here;
    }

    // A condition of which Halide may know what bounds a reduced loop. What is about no reduced index, once it is
    // simplified, would bound the tile instead.
    [[nodiscard]] Expr bounding(const Expr& condition, bool split) const {
        if (const auto* both = condition.as<Halide::Internal::And>()) {
            return bounding(both->a, split) && bounding(both->b, split);
        }
        const Expr simple = Halide::Internal::simplify(condition);
        const bool is_about_loops = std::any_of(stage_.rvars.begin(), stage_.rvars.end(), [&](const auto& each) {
            return Halide::Internal::expr_uses_var(simple, each.second.name());
        });
        return !is_about_loops ? lowering_.math->opaque(condition) : split ? Halide::likely(condition) : condition;
    }

    // Whether the values come from relaxed arithmetic.
    [[nodiscard]] bool relaxed() {
        if (lowering_.math->numerics() != schedule::Numerics::reassociate) {
            return false;
        }
        bool any = false;
        if (definition_.reduction) {
            const ReduceOp op = definition_.reduction->op;
            const std::vector<bool> sums = plain_sums(definition_);
            any = op == ReduceOp::sum || op == ReduceOp::product ||
                  std::find(sums.begin(), sums.end(), true) != sums.end();
        } else if (definition_.scan) {
            const std::vector<bool> sums = contracted(*definition_.scan);
            any = std::find(sums.begin(), sums.end(), true) != sums.end();
        } else {
            for (const ir::Ref& value : definition_.values) {
                any = any || expressions_.is_relaxed(value);
            }
        }
        return any && std::any_of(definition_.types.begin(), definition_.types.end(), is_float);
    }

private:
    Scope make_scope() {
        Scope scope{lowering_.plan.kernel,
                    *lowering_.extents,
                    *lowering_.math,
                    lowering_.sources,
                    {},
                    stage_.overrun,
                    {},
                    {},
                    definition_.reduction && definition_.reduction->where};
        for (const auto& [dim, var] : stage_.vars) {
            scope.indices[dim] = var;
        }
        if (definition_.scan) {
            const ir::Scan& scan = *definition_.scan;
            run_over(scan.dims(), scope);
            for (const std::string& dim : scan.dims()) {
                scope.indices[dim] = scan_step(scan, Expr(stage_.rvars.at(dim)), (*lowering_.extents)[dim]).at;
            }
            step_ = scan_step(scan, Expr(stage_.rvars.at(scan.dim)), (*lowering_.extents)[scan.dim]);
            scope.indices[scan.dim] = scan.exclusive ? step_.before : step_.at;
        }
        if (definition_.reduction && !stage_.tree) {
            run_over(definition_.reduction->dims, scope);
        }
        return scope;
    }

    [[nodiscard]] bool is_dot(const std::string& dim) const { return stage_.dot && stage_.dot->dim == dim; }
    [[nodiscard]] std::map<std::string, Halide::RVar>& rvars() const {
        return rest_ ? stage_.rest_rvars : stage_.rvars;
    }

    // As Halide knows a sum for which there are instructions: no product overflows, and what the instructions add up
    // wraps.
    Expr dot_product() {
        const schedule::NarrowProduct product = *schedule::narrow_product(definition_, lowering_.plan.kernel);
        const auto wide = [&](const ir::Ref& read) { return Halide::cast<std::int32_t>(expressions_.lower(read)); };
        return current()[0] + wide(product.left) * wide(product.right);
    }

    // Halide runs the first dim of a domain innermost, a definition its last. The dim of a dot product has two loops:
    // its groups, and what is in a group.
    void run_over(const std::vector<std::string>& dims, Scope& scope) {
        std::vector<Halide::Internal::ReductionVariable> domain;
        for (auto dim = dims.rbegin(); dim != dims.rend(); ++dim) {
            const Expr extent = (*lowering_.extents)[*dim];
            if (!is_dot(*dim)) {
                domain.push_back({mangle(schedule::display_name(*dim)), 0, extent});
                continue;
            }
            const Expr factor = stage_.dot->factor;
            const Expr groups = extent / factor;
            domain.push_back({mangle(stage_.dot->inner), 0, rest_ ? extent % factor : factor});
            // No group where there is no rest: it would lie beyond the tensors.
            domain.push_back(
                {mangle(stage_.dot->outer), rest_ ? groups : 0, rest_ ? Halide::min(extent % factor, 1) : groups});
        }
        rdom_ = Halide::RDom(Halide::Internal::ReductionDomain(domain));
        int next = 0;
        for (auto dim = dims.rbegin(); dim != dims.rend(); ++dim) {
            const Halide::RVar rvar = rdom_[next++];
            if (!is_dot(*dim)) {
                rvars().emplace(*dim, rvar);
                scope.indices[*dim] = rvar;
                continue;
            }
            const Halide::RVar group = rdom_[next++];
            rvars().emplace(stage_.dot->inner, rvar);
            rvars().emplace(stage_.dot->outer, group);
            scope.indices[*dim] = group * stage_.dot->factor + rvar;
        }
    }

    static std::vector<ir::Ref> conjuncts(const ir::Ref& condition) {
        if (condition->kind != ir::Kind::binary || condition->op != ir::Op::logical_and) {
            return {condition};
        }
        std::vector<ir::Ref> parts = conjuncts(condition->args[0]);
        const std::vector<ir::Ref> more = conjuncts(condition->args[1]);
        parts.insert(parts.end(), more.begin(), more.end());
        return parts;
    }

    // Whether data that the steps of the reduction read limit a loop over the results, as where each step has a segment
    // of them.
    [[nodiscard]] bool limits_results(const ir::Ref& condition) const {
        if (condition->kind != ir::Kind::binary || condition->args[0]->type != Type::index) {
            return false;
        }
        for (const std::size_t side : {std::size_t{0}, std::size_t{1}}) {
            const std::vector<const ir::Node*> limit = ir::postorder({condition->args[side]});
            const bool is_data = std::any_of(limit.begin(), limit.end(),
                                             [](const ir::Node* node) { return node->kind == ir::Kind::access; });
            const std::vector<std::string> used = ir::free_dims(lowering_.plan.kernel, {condition->args[side]});
            const auto is_result = [&](const std::string& dim) { return stage_.vars.contains(dim); };
            if (is_data && std::none_of(used.begin(), used.end(), is_result)) {
                return true;
            }
        }
        return false;
    }

    // A condition is evaluated before the guards of split loops are: its reads are clamped.
    Scope condition_scope(bool limits_results) {
        Scope scope = expressions_.scope();
        // From `j + 4 <= i` Halide takes that the sum needs nothing where i < 4, and for a tile in which that is so,
        // what is computed for it is asked for beyond the tile. Of data it knows nothing, and can cut the loop.
        for (const auto& [dim, var] : stage_.vars) {
            scope.indices[dim] = limits_results ? Expr(var) : lowering_.math->unbounded(var);
        }
        const std::vector<schedule::LoopStep>& steps = stage_.plan->main.steps;
        const bool splits = std::any_of(steps.begin(), steps.end(), [](const schedule::LoopStep& step) {
            return step.kind == schedule::LoopStep::Kind::split;
        });
        if (splits) {
            for (const auto& [dim, index] : scope.indices) {
                scope.overrun.insert(dim);
            }
        }
        return scope;
    }

    Expr with_padding(const Expr& value) {
        Expr inside;
        for (const std::string& dim : stage_.padded_dims) {
            const Expr index = stage_.vars.at(dim);
            const Expr here = Halide::likely(index >= 0) && Halide::likely(index < (*lowering_.extents)[dim]);
            inside = inside.defined() ? inside && here : here;
        }
        return inside.defined() ? lowering_.math->choose(inside, value, expressions_.lower(stage_.pad)) : value;
    }

    void assign(const std::vector<Expr>& values) {
        if (values.size() == 1) {
            stage_.func(lhs_) = values[0];
        } else {
            stage_.func(lhs_) = Halide::Tuple(values);
        }
    }

    std::vector<Expr> current() {
        if (definition_.types.size() == 1) {
            return {Expr(stage_.func(lhs_))};
        }
        std::vector<Expr> parts;
        for (std::size_t i = 0; i < definition_.types.size(); ++i) {
            parts.push_back(stage_.func(lhs_)[static_cast<int>(i)]);
        }
        return parts;
    }

    // The pure definition writes nothing: each element is written once, by the step that is its turn.
    void scan(const ir::Scan& scan) {
        std::vector<Expr> nothing;
        for (const Type type : definition_.types) {
            nothing.push_back(Halide::undef(halide_type(type)));
        }
        assign(nothing);
        const auto along = [&](const std::string& dim) -> Expr& {
            return lhs_[static_cast<std::size_t>(std::find(stage_.args.begin(), stage_.args.end(), dim) -
                                                 stage_.args.begin())];
        };
        const std::vector<std::string> dims = scan.dims();
        const std::map<std::string, Expr> here = expressions_.scope().indices;
        const auto go_to = [&](const auto& index) {
            for (const std::string& dim : dims) {
                along(dim) = index(dim);
            }
        };
        const Math& math = *lowering_.math;
        std::vector<Expr> identity;
        for (const ir::Ref& each : scan.identity) {
            identity.push_back(expressions_.lower(each));
        }
        // States by their places.
        for (const std::vector<std::int64_t>& distance : ir::distances(scan)) {
            Expr inside;
            std::size_t d = 0;
            go_to([&](const std::string& dim) {
                const PlacedStep step =
                    placed_step(scan, Expr(stage_.rvars.at(dim)), (*lowering_.extents)[dim], distance[d++]);
                if (step.inside.defined()) {
                    inside = inside.defined() ? inside && step.inside : step.inside;
                }
                return step.at;
            });
            std::vector<Expr> states = current();
            for (std::size_t i = 0; i < states.size(); ++i) {
                states[i] = math.choose(inside, states[i], identity[i]);
            }
            placed_.emplace(distance, std::move(states));
        }
        // The state of the step before.
        go_to([&](const std::string& dim) { return dim == scan.dim ? step_.before : here.at(dim); });
        const std::vector<Expr> before = current();
        go_to([&](const std::string& dim) { return dim == scan.dim ? step_.at : here.at(dim); });
        std::vector<Expr> left;
        std::vector<Expr> right;
        for (std::size_t i = 0; i < definition_.types.size(); ++i) {
            left.push_back(scan.exclusive ? before[i] : math.choose(step_.later, before[i], identity[i]));
        }
        for (const ir::Ref& value : definition_.values) {
            right.push_back(expressions_.lower_compared(value));
        }
        std::vector<Expr> values = combine(scan, left, right);
        for (std::size_t i = 0; scan.exclusive && i < values.size(); ++i) {
            values[i] = math.choose(step_.later, values[i], identity[i]);
        }
        assign(values);
    }

    std::vector<Expr> combine(const ir::Scan& scan, const std::vector<Expr>& left, const std::vector<Expr>& right) {
        expressions_.set_operands(left, right, [&](const ir::Node& operand) {
            std::vector<std::int64_t> distance;
            for (const std::string& dim : scan.dims()) {
                distance.push_back(ir::distance(operand, dim));
            }
            return placed_.at(distance).at(static_cast<std::size_t>(operand.component));
        });
        const std::vector<bool> sums = contracted(scan);
        std::vector<Expr> values;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const ir::Ref& combined = scan.combine[i];
            values.push_back(sums[i] ? lowering_.math->accumulate_sum(expressions_.lower_summand(combined->args[0]),
                                                                      expressions_.lower_summand(combined->args[1]))
                                     : expressions_.lower(combined));
        }
        return values;
    }

    void initialise(const ir::Reduction& reduction) {
        std::vector<Expr> values;
        if (reduction.op == ReduceOp::custom) {
            for (const ir::Ref& identity : reduction.identity) {
                values.push_back(expressions_.lower(identity));
            }
        } else {
            if (reduction.op == ReduceOp::argmin || reduction.op == ReduceOp::argmax) {
                values.push_back(-1); // no index yet
            }
            values.push_back(identity_of(reduction.op, halide_type(definition_.types.back())));
        }
        const std::vector<Halide::Var> vars = [&] {
            std::vector<Halide::Var> list;
            for (const std::string& dim : stage_.args) {
                list.push_back(stage_.vars.at(dim));
            }
            return list;
        }();
        if (values.size() == 1) {
            stage_.func(vars) = values[0];
        } else {
            stage_.func(vars) = Halide::Tuple(values);
        }
    }

    // The partial results of one lane.
    std::vector<Expr> part(const ir::Reduction& reduction, const Expr& lane) {
        Scope scope = make_scope();
        scope.indices[reduction.dims[0]] = lane;
        Expressions expressions(std::move(scope));
        const bool adds = reduction.op == ReduceOp::sum || reduction.op == ReduceOp::product;
        std::vector<Expr> values;
        for (const ir::Ref& value : definition_.values) {
            values.push_back(adds ? expressions.lower(value) : expressions.lower_compared(value));
        }
        return values;
    }

    // Halves of the partial results meet until one is left: as many dependent steps as the tree is high. While their
    // number is even and no loop of the stage is a vector already, halves are vectors, each a small function of its
    // own.
    std::vector<Expr> tree() {
        const ir::Reduction& reduction = *definition_.reduction;
        auto count = static_cast<int>(*lowering_.extents->constant(reduction.dims[0]));
        std::function<std::vector<Expr>(const Expr&)> at = [&](const Expr& lane) { return part(reduction, lane); };
        const std::vector<schedule::Loop>& loops = stage_.plan->main.loops;
        const bool scalar = !lowering_.target.has_gpu_feature() &&
                            std::none_of(loops.begin(), loops.end(), [](const schedule::Loop& loop) {
                                return loop.kind == schedule::LoopStep::Kind::vectorize;
                            });
        // A minimum of integers is one operation where one of floats, in which a NaN wins, is four in a chain.
        const bool integers = is_ordered(reduction);
        if (integers) {
            at = [this, &reduction](const Expr& lane) -> std::vector<Expr> {
                return {lowering_.math->ordered(part(reduction, lane)[0], reduction.op == ReduceOp::max)};
            };
        }
        while (scalar && count % 2 == 0) {
            count /= 2;
            Halide::Func half(mangle(definition_.name) + "_half" + std::to_string(count));
            std::vector<Halide::Var> vars{stage_.lane};
            for (const std::string& dim : stage_.args) {
                vars.push_back(stage_.vars.at(dim));
            }
            half(vars) = Halide::Tuple(meet(reduction, at(stage_.lane), at(stage_.lane + count), integers));
            half.bound(stage_.lane, 0, count);
            stage_.halves.push_back(half);
            at = [this, half](const Expr& lane) {
                std::vector<Expr> indices{lane};
                indices.insert(indices.end(), lhs_.begin(), lhs_.end());
                std::vector<Expr> values;
                for (std::size_t i = 0; i < definition_.types.size(); ++i) {
                    values.push_back(definition_.types.size() == 1 ? Expr(half(indices))
                                                                   : Expr(half(indices)[static_cast<int>(i)]));
                }
                return values;
            };
        }
        std::vector<std::vector<Expr>> parts;
        for (int i = 0; i < count; ++i) {
            parts.push_back(at(i));
        }
        while (parts.size() > 1) {
            const std::size_t left = (parts.size() + 1) / 2;
            for (std::size_t i = 0; i + left < parts.size(); ++i) {
                parts[i] = meet(reduction, parts[i], parts[i + left], integers);
            }
            parts.resize(left);
        }
        if (integers) {
            return {Math::from_ordered(parts.front()[0], halide_type(definition_.types[0]))};
        }
        return parts.front();
    }

    [[nodiscard]] bool is_ordered(const ir::Reduction& reduction) const {
        const Type type = definition_.types[0];
        return (reduction.op == ReduceOp::min || reduction.op == ReduceOp::max) &&
               (type == Type::f32 || type == Type::f64) && lowering_.plan.numerics == schedule::Numerics::reassociate;
    }

    std::vector<Expr> meet(const ir::Reduction& reduction, const std::vector<Expr>& a, const std::vector<Expr>& b,
                           bool integers) {
        if (!integers) {
            return combine(reduction, a, b);
        }
        return {reduction.op == ReduceOp::max ? Halide::max(a[0], b[0]) : Halide::min(a[0], b[0])};
    }

    std::vector<Expr> combine(const ir::Reduction& reduction, const std::vector<Expr>& a, const std::vector<Expr>& b) {
        const Math& math = *lowering_.math;
        switch (reduction.op) {
        case ReduceOp::sum: return {math.accumulate_sum(a[0], b[0])};
        case ReduceOp::product: return {math.accumulate_product(a[0], b[0])};
        case ReduceOp::min: return {math.binary(ir::Op::min, a[0], b[0])};
        case ReduceOp::max: return {math.binary(ir::Op::max, a[0], b[0])};
        case ReduceOp::any: return {a[0] || b[0]};
        case ReduceOp::all: return {a[0] && b[0]};
        default: break;
        }
        expressions_.set_operands(a, b);
        const std::vector<bool> sums = plain_sums(definition_);
        std::vector<Expr> values;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            values.push_back(sums[i] ? math.accumulate_sum(a[i], b[i]) : expressions_.lower(reduction.combine[i]));
        }
        return values;
    }

    std::vector<Expr> update(const ir::Reduction& reduction) {
        const std::vector<Expr> state = current();
        switch (reduction.op) {
        case ReduceOp::sum: return combine(reduction, state, {expressions_.lower_summand(definition_.values[0])});
        case ReduceOp::product:
        case ReduceOp::any:
        case ReduceOp::all: return combine(reduction, state, {expressions_.lower(definition_.values[0])});
        case ReduceOp::min:
        case ReduceOp::max: return combine(reduction, state, {expressions_.lower_compared(definition_.values[0])});
        case ReduceOp::argmin:
        case ReduceOp::argmax:
            return best_of(*lowering_.math, reduction.op, state, Expr(stage_.rvars.at(reduction.dims[0])),
                           expressions_.lower_compared(definition_.values[0]), ascends(reduction, stage_.plan->main));
        case ReduceOp::custom: break;
        }
        const std::vector<bool> sums = plain_sums(definition_);
        std::vector<Expr> right;
        for (std::size_t i = 0; i < sums.size(); ++i) {
            const ir::Ref& value = definition_.values[i];
            right.push_back(sums[i] ? summand(i) : expressions_.lower_compared(value));
        }
        return combine(reduction, state, right);
    }

    // What a component that is a plain sum adds.
    Expr summand(std::size_t component) {
        const ir::Ref& value = definition_.values[component];
        if (!adds_beside_products(lowering_.target, lowering_.plan.numerics)) {
            return expressions_.lower_summand(value);
        }
        if (is_factor_of_another(definition_, component)) {
            return expressions_.lower(value);
        }
        const std::optional<SharedFactor> shared = shared_factor(definition_, component);
        if (!shared) {
            return expressions_.lower_summand(value);
        }
        // Hidden, or LLVM makes w * (x * x) of it, and has to multiply for the other component all the same.
        const Math& math = *lowering_.math;
        return math.relaxed_product(math.barrier(expressions_.lower(shared->factor)), expressions_.lower(shared->rest));
    }

    Lowering& lowering_;
    Stage& stage_;
    const ir::Definition& definition_;
    bool rest_;
    Halide::RDom rdom_;
    Expr chosen_;   ///< where a lane takes its new result; undefined: everywhere
    ScanStep step_; ///< of a scan, along its outermost dim
    std::map<std::vector<std::int64_t>, std::vector<Expr>> placed_; ///< its states by how far away they are
    std::vector<Expr> lhs_;
    Expressions expressions_;
};

} // namespace

void define_stages(Lowering& lowering) {
    for (const ir::Definition& definition : lowering.plan.kernel.definitions) {
        Stage& stage = lowering.stages.at(definition.name);
        stage.tree = is_tree(lowering, stage);
        stage.dot = find_dot(lowering, stage);
        Definer definer(lowering, stage);
        definer.define();
        if (stage.dot && !stage.dot->exact) {
            Definer(lowering, stage, true).define_rest();
        }
        if (!stage.packed_once) {
            lowering.sources.at(definition.name).relaxed = definer.relaxed();
        }
    }
}

} // namespace coulter::lower
