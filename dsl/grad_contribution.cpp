#include "grad_contribution.hpp"

#include "coulter/text.hpp"
#include "grad_invert.hpp"
#include "grad_math.hpp"
#include "grad_substitute.hpp"
#include "lists.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::gradient {
namespace {

using ir::Kind;
using ir::Op;
using ir::Ref;

bool reads_data(const Ref& expression) {
    const auto parts = ir::postorder({expression});
    return std::any_of(parts.begin(), parts.end(), [](const ir::Node* part) { return part->kind == Kind::access; });
}

class Contributor {
public:
    Contributor(Builder& builder, const Reader& reader, const Ref& access, const Flow& flow, const std::string& name)
        : builder_(builder), reader_(reader), access_(access), name_(name), value_(flow.value), where_(reader.where) {
        // Conditions on loops alone bound them; those on data choose values.
        Ref chosen;
        for (const Ref& part : conjuncts(flow.guard)) {
            Ref& to = reads_data(part) ? chosen : where_;
            to = both(to, part);
        }
        value_ = masked(chosen, value_);
    }

    Contribution run() {
        inverse_ = invert(builder_, *access_, reader_.loops, reader_.reduced, where_);
        if (!inverse_.into.empty() && access_->boundary == ir::Boundary::clamped && !reader_.support.empty()) {
            // What is clamped takes part in nothing where the adjoint is 0 there.
            const Ref supported = both(where_, all(reader_.support));
            Inverse other = invert(builder_, *access_, reader_.loops, reader_.reduced, supported);
            if (other.into.empty()) {
                inverse_ = std::move(other);
                where_ = supported;
            }
        }
        loops_ = builder_.dims_of(access_->name);
        for (const ir::Into& into : inverse_.into) {
            std::erase(loops_, into.dim);
        }
        loops_.insert(loops_.end(), inverse_.open.begin(), inverse_.open.end());
        result_.report.tensor = access_->name;
        result_.report.reader = reader_.name;
        result_.report.reduced = inverse_.open;
        Substitution substitute(builder_, inverse_.indices, loops_);
        for (const Ref& part : conjuncts(where_)) {
            add_condition(simplified(substitute(part)));
        }
        for (const Ref& part : inverse_.conditions) {
            add_condition(part);
        }
        note_support(substitute); // while all open loops are known
        decide(substitute);
        return std::move(result_);
    }

private:
    // Comparisons of indices in their shortest form.
    [[nodiscard]] Ref simplified(const Ref& condition) {
        if (condition->kind != Kind::binary || condition->args[0]->type != Type::index || reads_data(condition)) {
            return condition;
        }
        return ir::binary(condition->op, builder_.simplified(condition->args[0]),
                          builder_.simplified(condition->args[1]));
    }

    void add_condition(const Ref& condition) {
        if (!reads_data(condition) && builder_.holds(condition, loops_)) {
            return;
        }
        const auto used = ir::free_dims(builder_.kernel(), {condition});
        const bool inner =
            std::any_of(used.begin(), used.end(), [&](const auto& dim) { return contains(inverse_.open, dim); });
        std::vector<Ref>& list = inner ? inner_ : outer_;
        if (std::none_of(list.begin(), list.end(), [&](const Ref& known) { return ir::equal(known, condition); })) {
            list.push_back(condition);
        }
    }

    // What conditions say about the element alone.
    void note_support(Substitution& substitute) {
        if (!inverse_.into.empty()) {
            return;
        }
        result_.support = outer_;
        for (const Ref& part : reader_.support) {
            const Ref here = simplified(substitute(part));
            const auto used = ir::free_dims(builder_.kernel(), {here});
            const bool is_open =
                std::any_of(used.begin(), used.end(), [&](const auto& dim) { return contains(inverse_.open, dim); });
            if (!is_open && !builder_.holds(here, loops_)) {
                result_.support.push_back(here);
            }
        }
        std::erase_if(result_.support, reads_data);
    }

    [[nodiscard]] static Ref all(const std::vector<Ref>& conditions) {
        Ref result;
        for (const Ref& condition : conditions) {
            result = both(result, condition);
        }
        return result;
    }

    void decide(Substitution& substitute) {
        using Form = GradientReport::Form;
        if (!inverse_.into.empty()) {
            result_.report.form = Form::scatter;
            result_.report.why = fmt::format("{}", fmt::join(inverse_.why, "; "));
            scatter(substitute(value_));
            return;
        }
        result_.report.form = inverse_.open.empty() ? Form::pointwise : Form::gather;
        result_.report.why = why();
        const Ref value = substitute(value_);
        const std::vector<std::string> told = loops_told_apart(value);
        if (inverse_.open.empty()) {
            result_.value = masked(all(outer_), value);
        } else if (!told.empty()) {
            write_out(value, told);
        } else if ((!outer_.empty() && inner_.empty() && all_free()) || is_window_of_kept_loops()) {
            sum_first(substitute);
        } else {
            sum_over(value, both(all(outer_), all(inner_)));
        }
    }

    /// Open loops of a few steps that the value tells apart: in a sum over them each step is another expression, of
    /// which a loop computes all and takes one.
    [[nodiscard]] std::vector<std::string> loops_told_apart(const Ref& value) const {
        constexpr std::int64_t few_steps = 4;
        std::vector<std::string> loops;
        const auto parts = ir::postorder({value});
        for (const std::string& loop : inverse_.open) {
            const bool is_asked = std::any_of(parts.begin(), parts.end(), [&](const ir::Node* part) {
                return part->kind == Kind::binary && part->type == Type::boolean &&
                       part->args[0]->type == Type::index && !reads_data(part->args[0]) && !reads_data(part->args[1]) &&
                       ir::free_dims(builder_.kernel(), part->args) == std::vector<std::string>{loop};
            });
            if (is_asked && builder_.size(loop).value_or(few_steps + 1) <= few_steps) {
                loops.push_back(loop);
            }
        }
        return loops;
    }

    // One term for each step of these loops, added where the value stands; a sum over the other loops.
    void write_out(const Ref& value, const std::vector<std::string>& told) {
        std::vector<std::pair<Ref, std::vector<Ref>>> terms{{value, inner_}};
        for (const std::string& loop : told) {
            std::erase(inverse_.open, loop);
            std::erase(loops_, loop);
            std::vector<std::pair<Ref, std::vector<Ref>>> steps;
            for (const auto& [term, conditions] : terms) {
                for (std::int64_t step = 0; step < *builder_.size(loop); ++step) {
                    Substitution at_step(builder_, {{loop, ir::index_constant(step)}}, loops_);
                    auto& [there, left] = steps.emplace_back(folded(at_step(term)), std::vector<Ref>());
                    for (const Ref& condition : conditions) {
                        const Ref here = folded(simplified(at_step(condition)));
                        const bool holds = here->kind == Kind::constant && here->integer != 0;
                        if (!holds && (reads_data(here) || !builder_.holds(here, loops_))) {
                            left.push_back(here);
                        }
                    }
                }
            }
            terms = std::move(steps);
        }
        Ref total;
        for (auto& [term, conditions] : terms) {
            total = sum_of(total, masked(all(conditions), term));
        }
        if (inverse_.open.empty()) {
            result_.value = masked(all(outer_), total);
        } else {
            sum_over(total, all(outer_));
        }
    }

    [[nodiscard]] std::string why() const {
        std::vector<std::string> reasons = inverse_.why;
        std::vector<std::string> turned;
        for (std::size_t i = 0; i < access_->dims.size(); ++i) {
            turned.push_back(fmt::format("{} = {}", access_->dims[i], print(access_->args[i])));
        }
        if (!turned.empty()) {
            reasons.insert(reasons.begin(), fmt::format("`{}` is solved for the loops", fmt::join(turned, ", ")));
        }
        return reasons.empty() ? "all dims are bound by name" : fmt::format("{}", fmt::join(reasons, "; "));
    }

    // Only loops that no index uses are open, under their own names.
    [[nodiscard]] bool all_free() const { return inverse_.open.size() == inverse_.free.size(); }

    // A scatter adds in memory. What it adds at one place in several loops is summed before: that is a reduction like
    // all others, and the scatter takes a step for each sum.
    void scatter(const Ref& value) {
        const std::vector<std::string> summed = loops_beside_places();
        if (summed.empty()) {
            sum_over(value, both(all(outer_), all(inner_)));
            return;
        }
        Ref of_sums = every_access_is_inside(value) ? nullptr : all(outer_);
        Ref of_places = all(outer_);
        for (const Ref& condition : inner_) {
            const auto used = ir::free_dims(builder_.kernel(), {condition});
            const bool is_summed =
                std::any_of(used.begin(), used.end(), [&](const auto& dim) { return contains(summed, dim); });
            Ref& to = is_summed ? of_sums : of_places;
            to = both(to, condition);
            if (!is_summed && of_sums) {
                of_sums = both(of_sums, condition);
            }
        }
        std::vector<std::string> dims = loops_;
        std::erase_if(dims, [&](const std::string& loop) { return contains(summed, loop); });
        const Ref read = read_of_helper(sum_definition(name_ + ".sum", dims, value, summed, of_sums));
        std::erase_if(inverse_.open, [&](const std::string& loop) { return contains(summed, loop); });
        sum_over(read, of_places);
    }

    /// Open loops that neither a place nor a condition on data depends on; none where they are few steps, for which
    /// the sums would be no fewer than what they are made of.
    [[nodiscard]] std::vector<std::string> loops_beside_places() const {
        constexpr std::int64_t few_steps = 16;
        std::vector<Ref> asked;
        for (const ir::Into& into : inverse_.into) {
            asked.push_back(into.index);
        }
        std::copy_if(inner_.begin(), inner_.end(), std::back_inserter(asked), reads_data);
        const std::vector<std::string> used = ir::free_dims(builder_.kernel(), asked);
        std::vector<std::string> loops;
        std::int64_t steps = 1;
        for (const std::string& loop : inverse_.open) {
            if (!contains(used, loop)) {
                loops.push_back(loop);
                steps = std::min(steps * std::min(builder_.size(loop).value_or(few_steps + 1), few_steps + 1),
                                 few_steps + 1);
            }
        }
        return steps > few_steps ? loops : std::vector<std::string>();
    }

    /// Whether each access can be made at every step of the loops, whatever the conditions are.
    [[nodiscard]] bool every_access_is_inside(const Ref& value) {
        const auto parts = ir::postorder({value});
        return std::all_of(parts.begin(), parts.end(), [&](const ir::Node* part) {
            if (part->kind != Kind::access || part->boundary != ir::Boundary::checked) {
                return true;
            }
            for (std::size_t i = 0; i < part->dims.size(); ++i) {
                if (reads_data(part->args[i]) || !builder_.inside(part->args[i], part->dims[i], loops_)) {
                    return false;
                }
            }
            return true;
        });
    }

    [[nodiscard]] ir::Definition sum_definition(const std::string& name, const std::vector<std::string>& dims,
                                                const Ref& value, const std::vector<std::string>& over,
                                                const Ref& where) const {
        ir::Definition definition;
        definition.name = name;
        definition.dims = dims;
        definition.types = {value->type};
        definition.values = {value};
        definition.span = reader_.span;
        ir::Reduction& reduction = definition.reduction.emplace();
        reduction.op = ir::ReduceOp::sum;
        reduction.dims = over;
        reduction.where = where;
        return definition;
    }

    /// Adds a helper. \returns a read of it. It is no part of the kernel yet: `substitute` finds it as one.
    Ref read_of_helper(ir::Definition sum, Substitution* substitute = nullptr) {
        builder_.add(sum);
        Ref read = builder_.read(sum.name);
        if (substitute != nullptr) {
            read = (*substitute)(read);
        }
        builder_.kernel().definitions.pop_back();
        result_.helpers.push_back(std::move(sum));
        return read;
    }

    void sum_over(const Ref& value, const Ref& where) {
        ir::Definition definition = sum_definition("", builder_.dims_of(access_->name), value, inverse_.open, where);
        definition.reduction->into = inverse_.into;
        result_.definition = std::move(definition);
    }

    // An element of which several loops read, each a dim of the reader, and loops that no index uses beside them: each
    // step of the window reads elements of the adjoint of its own, so that they can be summed before the window is.
    // Where the reader reduces the window, its sums are as many as its steps, and the adjoint has fewer elements.
    [[nodiscard]] bool is_window_of_kept_loops() const {
        if (inverse_.free.empty() || all_free()) {
            return false;
        }
        for (std::size_t i = 0; i < access_->dims.size(); ++i) {
            const std::vector<std::string> used = ir::free_dims(builder_.kernel(), {access_->args[i]});
            const bool is_kept = std::none_of(used.begin(), used.end(),
                                              [&](const auto& loop) { return contains(reader_.reduced, loop); });
            if (used.size() > 1 && !is_kept) {
                return false;
            }
        }
        return true;
    }

    // Conditions that no loop of the sums takes part in stay outside: first the sums, in the reader's own loops, then
    // each element chooses, or adds those of its window.
    void sum_first(Substitution& substitute) {
        std::vector<std::string> dims = reader_.loops;
        std::erase_if(dims, [&](const std::string& loop) { return contains(inverse_.free, loop); });
        std::vector<Ref> outside;
        for (const Ref& part : inverse_.conditions) {
            if (reads_data(part) || !builder_.holds(part, loops_)) {
                outside.push_back(part);
            }
        }
        const Ref read =
            read_of_helper(sum_definition(name_ + ".sum", dims, value_, inverse_.free, where_), &substitute);
        for (const std::string& loop : inverse_.free) {
            std::erase(inverse_.open,
                       inverse_.indices.at(loop)->name); // another one where the tensor has a dim of its name
        }
        result_.report.reduced = inverse_.free;
        result_.report.reduced.insert(result_.report.reduced.end(), inverse_.open.begin(), inverse_.open.end());
        if (inverse_.open.empty()) {
            result_.value = masked(all(outside), read);
        } else {
            sum_over(read, all(outside));
        }
    }

    Builder& builder_;
    const Reader& reader_;
    Ref access_;
    const std::string& name_;
    Ref value_;
    Ref where_;
    Inverse inverse_;
    std::vector<std::string> loops_;
    std::vector<Ref> outer_;
    std::vector<Ref> inner_;
    Contribution result_;
};

} // namespace

Contribution contribute(Builder& builder, const Reader& reader, const Ref& access, const Flow& flow,
                        const std::string& name) {
    return Contributor(builder, reader, access, flow, name).run();
}

} // namespace coulter::gradient
