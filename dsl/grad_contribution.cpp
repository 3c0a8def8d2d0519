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
            sum_over(substitute(value_), both(all(outer_), all(inner_)));
            return;
        }
        result_.report.form = inverse_.open.empty() ? Form::pointwise : Form::gather;
        result_.report.why = why();
        if (inverse_.open.empty()) {
            result_.value = masked(all(outer_), substitute(value_));
        } else if ((!outer_.empty() && inner_.empty() && all_free()) || is_window_of_kept_loops()) {
            sum_first(substitute);
        } else {
            sum_over(substitute(value_), both(all(outer_), all(inner_)));
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

    void sum_over(const Ref& value, const Ref& where) {
        ir::Definition definition;
        definition.dims = builder_.dims_of(access_->name);
        definition.types = {value->type};
        definition.values = {value};
        definition.span = reader_.span;
        ir::Reduction& reduction = definition.reduction.emplace();
        reduction.op = ir::ReduceOp::sum;
        reduction.dims = inverse_.open;
        reduction.where = where;
        reduction.into = inverse_.into;
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
        ir::Definition sum;
        sum.name = name_ + ".sum";
        for (const std::string& loop : reader_.loops) {
            if (!contains(inverse_.free, loop)) {
                sum.dims.push_back(loop);
            }
        }
        sum.types = {value_->type};
        sum.values = {value_};
        sum.span = reader_.span;
        ir::Reduction& reduction = sum.reduction.emplace();
        reduction.op = ir::ReduceOp::sum;
        reduction.dims = inverse_.free;
        reduction.where = where_;
        result_.report.reduced = inverse_.open;
        std::vector<Ref> outside;
        for (const Ref& part : inverse_.conditions) {
            if (reads_data(part) || !builder_.holds(part, loops_)) {
                outside.push_back(part);
            }
        }
        // The sum is no part of the kernel yet: the substitution finds it as one.
        builder_.add(sum);
        const Ref read = substitute(builder_.read(sum.name));
        builder_.kernel().definitions.pop_back();
        result_.helpers.push_back(std::move(sum));
        std::erase_if(inverse_.open, [&](const std::string& loop) { return contains(inverse_.free, loop); });
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
