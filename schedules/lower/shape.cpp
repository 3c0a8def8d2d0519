// Pass `shape-loops`.

#include "names.hpp"
#include "pipeline.hpp"

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::lower {
namespace {

using schedule::LoopStep;

// Whether a stage keeps one of two states, under a mask in which several conditions meet.
bool chooses(const ir::Definition& definition) {
    return definition.reduction &&
           (definition.reduction->op == ir::ReduceOp::argmin || definition.reduction->op == ir::ReduceOp::argmax ||
            definition.reduction->op == ir::ReduceOp::custom);
}

/// Which definition of a stage loops belong to.
enum class Part : std::uint8_t { pure, update, rest };

// How many of the loops, outermost first, are around a place in the nest: where another stage is computed or stored.
std::size_t loops_around_places(const Lowering& lowering, const Stage& stage, const schedule::LoopNest& nest) {
    std::size_t count = 0;
    const auto include = [&](const schedule::Place& place) {
        const auto at = std::ranges::find(nest.loops, place.loop, &schedule::Loop::name);
        if (place.stage == stage.definition->name && at != nest.loops.end()) {
            count = std::max(count, static_cast<std::size_t>(at - nest.loops.begin()) + 1);
        }
    };
    for (const auto& [name, other] : lowering.stages) {
        if (other.plan->inlined) {
            continue;
        }
        include(other.plan->compute);
        if (other.plan->store) {
            include(*other.plan->store);
        }
    }
    return stage.halves.empty() ? count : nest.loops.size(); // halves are made in the innermost loop
}

// Whether one of the first `count` loops is made of the loop that the step makes.
bool reaches(const schedule::LoopNest& nest, const LoopStep& from, std::size_t count) {
    std::set<std::string> made;
    for (const LoopStep& step : nest.steps) {
        const bool goes_on = made.contains(step.loop) || made.contains(step.outer);
        if (&step == &from || (step.kind == LoopStep::Kind::fuse && goes_on)) {
            made.insert(step.inner);
        } else if (step.kind == LoopStep::Kind::split && made.contains(step.loop)) {
            made.insert({step.outer, step.inner});
        }
    }
    return std::any_of(nest.loops.begin(), nest.loops.begin() + static_cast<std::ptrdiff_t>(count),
                       [&](const schedule::Loop& loop) { return made.contains(loop.name); });
}

// The loops of one Halide stage by their names in the schedule.
class Nest {
public:
    Nest(Lowering& lowering, Stage& stage, Halide::Stage halide, Part part)
        : stage_(stage), halide_(std::move(halide)), part_(part), update_(part != Part::pure), lowering_(lowering) {
        for (const std::string& dim : stage.args) {
            loops_.emplace(schedule::display_name(dim), stage.vars.at(dim));
            if (stage.computed.contains(dim)) {
                extents_[schedule::display_name(dim)] = stage.computed.at(dim);
            }
        }
        if (update_) {
            for (const auto& [dim, rvar] : part == Part::rest ? stage.rest_rvars : stage.rvars) {
                loops_.insert_or_assign(schedule::display_name(dim), rvar);
                reduced_.insert(schedule::display_name(dim));
                if (const auto size = lowering.extents->constant(dim)) {
                    extents_[schedule::display_name(dim)] = *size;
                }
            }
        }
        for (const auto& [name, loop] : loops_) {
            written_.insert(name);
        }
        if (part == Part::update && stage.dot) {
            extents_[stage.dot->inner] = stage.dot->factor;
            if (const auto size = lowering.extents->constant(stage.dot->dim)) {
                extents_[stage.dot->outer] = *size / stage.dot->factor;
            }
        }
    }

    void apply(const schedule::LoopNest& nest) {
        const bool may_hold = &nest == &stage_.plan->main; // nothing is placed in an initialisation
        const std::size_t around = may_hold ? loops_around_places(lowering_, stage_, nest) : 0;
        for (const LoopStep& step : nest.steps) {
            if (stage_.tree && !loops_.contains(step.loop)) {
                continue; // a step on the reduced loop, which is in the expression
            }
            if (is_dot_split(step)) {
                continue; // the update is defined over its two loops
            }
            if (step.kind == LoopStep::Kind::split) {
                split(step);
            } else if (step.kind == LoopStep::Kind::fuse) {
                fuse(step, reaches(nest, step, around));
            }
        }
        // The plan's final order says everything that the reorder steps said.
        std::vector<Halide::VarOrRVar> order;
        for (auto loop = nest.loops.rbegin(); loop != nest.loops.rend(); ++loop) {
            if (!is_absent(*loop)) {
                order.push_back(loops_.at(loop->name));
            }
        }
        if (update_ && stage_.dot) {
            const auto inner = std::ranges::find_if(order, [&](const Halide::VarOrRVar& loop) {
                return loop.name() == loops_.at(stage_.dot->inner).name();
            });
            std::rotate(order.begin(), inner, inner + 1);
        }
        order.insert(order.end(), single_.begin(), single_.end());
        reorder(order);
        if (is_atomic(nest)) {
            halide_.atomic(true); // the checker has judged that the order does not show
        }
        if (part_ == Part::update && stage_.dot) {
            halide_.atomic(true).vectorize(loops_.at(stage_.dot->inner));
        }
        for (const schedule::Loop& loop : nest.loops) {
            if (is_absent(loop) || (update_ && stage_.dot && loop.name == stage_.dot->inner)) {
                continue;
            }
            if (std::find(unpartitioned_.begin(), unpartitioned_.end(), loop.name) != unpartitioned_.end()) {
                halide_.partition(loops_.at(loop.name), Halide::Partition::Never);
            }
            const Halide::VarOrRVar& var = loops_.at(loop.name);
            switch (loop.kind) {
            case LoopStep::Kind::vectorize: vectorize(loop.name); break;
            case LoopStep::Kind::unroll: halide_.unroll(var); break;
            case LoopStep::Kind::parallel: halide_.parallel(var); break;
            case LoopStep::Kind::gpu_block: halide_.gpu_blocks(var); break;
            case LoopStep::Kind::gpu_thread: halide_.gpu_threads(var); break;
            case LoopStep::Kind::gpu_lane: halide_.gpu_lanes(var); break;
            default: break;
            }
        }
    }

private:
    [[nodiscard]] bool is_dot_split(const LoopStep& step) const {
        return update_ && stage_.dot && step.kind == LoopStep::Kind::split && step.inner == stage_.dot->inner;
    }

    // The reduced loop of a tree is in its expression.
    [[nodiscard]] bool is_absent(const schedule::Loop& loop) const { return stage_.tree && loop.reduced; }

    // Innermost first, all loops. The checker has judged the order; Halide's own check of reduced loops would have to
    // prove that the update is associative, which it cannot for operations that keep NaN.
    void reorder(const std::vector<Halide::VarOrRVar>& order) {
        Halide::Internal::StageSchedule schedule = halide_.get_schedule(); // a handle
        std::vector<Halide::Internal::Dim>& dims = schedule.dims();
        std::vector<Halide::Internal::Dim> sorted;
        for (const Halide::VarOrRVar& loop : order) {
            const auto at = std::find_if(dims.begin(), dims.end(), [&](const Halide::Internal::Dim& dim) {
                return dim.var == loop.name() || dim.var.ends_with("." + loop.name());
            });
            COULTER_INTERNAL_ASSERT(at != dims.end());
            sorted.push_back(*at);
        }
        COULTER_INTERNAL_ASSERT(sorted.size() + 1 == dims.size()); // the last is Halide's own
        std::copy(sorted.begin(), sorted.end(), dims.begin());
        schedule.touched() = true;
    }

    Halide::VarOrRVar made(const std::string& name, bool reduced) {
        const std::string mangled = mangle(name);
        const Halide::VarOrRVar var =
            reduced ? Halide::VarOrRVar(Halide::RVar(mangled)) : Halide::VarOrRVar(Halide::Var(mangled));
        loops_.insert_or_assign(name, var);
        return var;
    }

    void split(const LoopStep& step) {
        const bool reduced = reduced_.contains(step.loop);
        const Halide::VarOrRVar old = loops_.at(step.loop);
        const auto extent = extents_.find(step.loop);
        const bool exact = extent != extents_.end() && extent->second % step.factor == 0;
        if (extent != extents_.end()) {
            extents_[step.outer] = (extent->second + step.factor - 1) / step.factor;
        }
        extents_[step.inner] = step.factor;
        if (reduced) {
            reduced_.insert(step.outer);
            reduced_.insert(step.inner);
        }
        // Halide takes no RoundUp for reduced loops, nor for parts of loops of an update; a guard that always holds
        // goes away.
        const bool whole = stage_.vars.contains(step.loop) || !update_;
        written_.erase(step.loop);
        const Halide::VarOrRVar outer = made(step.outer, reduced);
        const bool rounded = stage_.rounded.contains(step.loop) && !update_;
        halide_.split(old, outer, made(step.inner, reduced), static_cast<int>(step.factor),
                      tail(step, rounded || (exact && !reduced && whole)));
        if (step.tail == schedule::Tail::predicate && !exact) {
            // The tail costs masks, and no second copy of the loop with all that is computed inside.
            unpartitioned_.push_back(step.outer);
        }
    }

    static Halide::TailStrategy tail(const LoopStep& step, bool exact) {
        if (exact) {
            return Halide::TailStrategy::RoundUp; // there is no tail
        }
        switch (step.tail) {
        case schedule::Tail::predicate: return Halide::TailStrategy::Predicate;
        case schedule::Tail::shift: return Halide::TailStrategy::ShiftInwards;
        default: return Halide::TailStrategy::GuardWithIf;
        }
    }

    // LLVM puts the masks of several registers together to combine them, and takes them apart to use them: a vector
    // longer than a register is several of them where masks are combined.
    void vectorize(const std::string& name) {
        const Halide::VarOrRVar var = loops_.at(name);
        const auto extent = extents_.find(name);
        int lanes = 1 << 20;
        for (const Type type : stage_.definition->types) {
            lanes = std::min(lanes, lowering_.target.natural_vector_size(halide_type(type)));
        }
        const bool long_enough = extent != extents_.end() && extent->second > lanes && extent->second % lanes == 0;
        if (!long_enough || lowering_.target.has_gpu_feature() || !chooses(*stage_.definition)) {
            halide_.vectorize(var);
            return;
        }
        const Halide::Var outer(var.name() + "_register");
        const Halide::Var inner(var.name() + "_lane");
        const bool whole = stage_.vars.contains(name) || !update_;
        halide_.split(var, outer, inner, lanes,
                      whole ? Halide::TailStrategy::RoundUp : Halide::TailStrategy::GuardWithIf);
        halide_.vectorize(inner).unroll(outer);
    }

    void fuse(const LoopStep& step, bool is_around_place) {
        const Halide::VarOrRVar inner = part(step.loop, is_around_place);
        const Halide::VarOrRVar outer = part(step.outer, is_around_place);
        halide_.fuse(inner, outer, made(step.inner, inner.is_rvar));
        if (written_.contains(step.loop) && written_.contains(step.outer)) {
            shared_.insert(step.inner);
        }
        if (written_.contains(step.loop) || written_.contains(step.outer)) {
            written_.insert(step.inner);
        }
        if (extents_.contains(step.loop) && extents_.contains(step.outer)) {
            extents_[step.inner] = extents_[step.loop] * extents_[step.outer];
        }
    }

    // A loop that is to be fused. Halide writes fused loops into the expressions of reads. One that is itself fused,
    // and of which an expression mentions both parts, gets a name inside the expression, and of the remainder of a name
    // there, Halide knows only that it is below the divisor: what is computed for the read gets the memory of whole
    // dims, or too little where the plan says how much it is. A split gives the loop a name outside of all that is
    // placed in the nest.
    Halide::VarOrRVar part(const std::string& name, bool is_around_place) {
        const Halide::VarOrRVar whole = loops_.at(name);
        if (!is_around_place || !shared_.contains(name)) {
            return whole;
        }
        const Halide::Var outer(whole.name() + "_each");
        const Halide::Var single(whole.name() + "_single");
        halide_.split(whole, outer, single, 1, Halide::TailStrategy::GuardWithIf); // by 1: nothing to guard
        single_.emplace_back(single);
        written_.erase(name);
        return outer;
    }

    Stage& stage_;
    Halide::Stage halide_;
    Part part_;
    bool update_;
    const Lowering& lowering_;
    std::map<std::string, Halide::VarOrRVar> loops_;
    std::map<std::string, std::int64_t> extents_;
    std::set<std::string> reduced_;
    std::set<std::string> written_;          ///< loops that expressions of reads mention, where no split names them
    std::set<std::string> shared_;           ///< fused loops of two such loops
    std::vector<Halide::VarOrRVar> single_;  ///< loops of one step, outside of all others
    std::vector<std::string> unpartitioned_; ///< loops whose ends are not set apart
};

} // namespace

bool is_atomic(const schedule::LoopNest& nest) {
    return std::any_of(nest.loops.begin(), nest.loops.end(), [](const schedule::Loop& loop) {
        return loop.reduced && (loop.kind == LoopStep::Kind::parallel || schedule::is_gpu(loop.kind));
    });
}

void shape_loops(Lowering& lowering) {
    for (auto& [name, stage] : lowering.stages) {
        if (stage.plan->inlined) {
            continue;
        }
        if (stage.tree) {
            Nest(lowering, stage, Halide::Stage(stage.func), Part::pure).apply(stage.plan->main);
            for (Halide::Func& half : stage.halves) {
                half.vectorize(stage.lane);
            }
            continue;
        }
        if (stage.plan->init) {
            Nest(lowering, stage, Halide::Stage(stage.func), Part::pure).apply(*stage.plan->init);
        }
        if (stage.definition->reduction || stage.definition->scan) {
            Nest(lowering, stage, stage.func.update(0), Part::update).apply(stage.plan->main);
            if (stage.dot && !stage.dot->exact) {
                Nest(lowering, stage, stage.func.update(1), Part::rest).apply(stage.plan->main);
            }
        } else {
            Nest(lowering, stage, Halide::Stage(stage.func), Part::pure).apply(stage.plan->main);
        }
    }
}

} // namespace coulter::lower
