// rfactor, and `vectorize` over a reduced loop, which is the same rewrite with a schedule for the partial results.

#include "check_model.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

using Kind = LoopStep::Kind;

constexpr std::int64_t lane_limit = 1024;
constexpr std::int64_t unrolled_combine = 64;

bool is_structure(const LoopStep& step) {
    return step.kind == Kind::split || step.kind == Kind::fuse || step.kind == Kind::reorder;
}

} // namespace

/// A reduced loop that can become a dim of a new stage.
struct Model::Factored {
    std::string loop;                 ///< its name now
    BaseLoop dim;                     ///< the reduced dim that it runs over
    std::optional<std::size_t> split; ///< the step that made it of the dim
    RfactorPart part = RfactorPart::whole;
    std::int64_t factor = 0;
    std::optional<std::int64_t> extent;
    std::string kept;                           ///< its name in both stages afterwards
    std::map<std::string, std::string> renamed; ///< the halves of the split are called `d.o` and `d.i` afterwards
};

bool Model::rfactor(const Statement& s) {
    const bool good = free_name(s.target);
    if (kernel_.find_definition(s.stage.text) == nullptr) {
        return failed_.contains(s.stage.text)
                   ? false
                   : error("S020", s.stage.span,
                           fmt::format("kernel `{}` has no stage `{}`", kernel_.name, s.stage.text),
                           choices(s.stage.text, stage_names(), "the stages are"));
    }
    const std::optional<Factored> what = factorable(s.stage.text, s.source, false, s.span);
    if (!what || !good) {
        return false;
    }
    factor_out(s.stage.text, *what, s.target.text, false, s.span);
    return true;
}

bool Model::lanes(const Subject& subject, const Name& loop_name, const Span& span) {
    const std::string part = subject.stage + ".lanes";
    const std::optional<Factored> what = factorable(subject.stage, loop_name, true, span);
    if (!what || !lanes_fit(subject.stage, loop_name, *what)) {
        return false;
    }
    if (std::ranges::count(tensor_names(kernel_), part) > 0) {
        return error("S024", loop_name.span, fmt::format("kernel `{}` has a tensor `{}` already", kernel_.name, part),
                     "a stage has one vectorized reduced loop; `rfactor` another one under a name of your own");
    }
    factor_out(subject.stage, *what, part, true, span);
    into_lanes(subject.stage, *what, part, span);
    return true;
}

std::optional<Model::Factored> Model::factorable(const std::string& name, const Name& loop_name, bool as_lanes,
                                                 const Span& span) {
    const ir::Definition& before = definition(name);
    const Stage& stage = stages_.at(name);
    const std::string_view word = as_lanes ? "vectorize" : "rfactor";
    const std::string code = as_lanes ? "S042" : "S054";
    const LiveLoop* live = loop({name, false}, loop_name);
    if (live == nullptr) {
        return std::nullopt;
    }
    if (!live->reduced) {
        std::vector<std::string> reduced;
        for (const LiveLoop& each : stage.main.loops()) {
            if (each.reduced) {
                reduced.push_back(each.name);
            }
        }
        error(code, loop_name.span, fmt::format("`{}` is a pure loop of `{}`", loop_name.text, name),
              fmt::format("`rfactor` takes a reduced loop, of which `{}` has {}", name, quoted_list(reduced)));
        return std::nullopt;
    }
    const bool scatters = before.reduction && !before.reduction->into.empty();
    if (!before.reduction || (scatters && as_lanes)) {
        error(code, loop_name.span,
              fmt::format("cannot {} the loop `{}` of `{}`: it is a {}", word, loop_name.text, name,
                          before.scan ? "scan" : "scatter"),
              as_lanes      ? "vectorize a pure loop"
              : before.scan ? "a scan is split by `stage NEW = chunk STAGE by DIM FACTOR`"
                            : "only a reduction has partial results");
        return std::nullopt;
    }
    if (!keeps_numerics(before, fmt::format("`{} {}`", word, loop_name.text), span)) {
        return std::nullopt;
    }
    Factored what;
    what.loop = live->name;
    const std::vector<LoopStep>& steps = stage.main.steps();
    for (std::size_t i = 0; i < steps.size(); ++i) {
        if (steps[i].kind == Kind::split && (steps[i].outer == what.loop || steps[i].inner == what.loop)) {
            what.split = i;
        }
    }
    const std::string dim = what.split ? steps[*what.split].loop : what.loop;
    const auto base = std::ranges::find(stage.main.base(), dim, &BaseLoop::name);
    if (base == stage.main.base().end()) {
        error(code, loop_name.span, fmt::format("`{}` of `{}` is a part of a part of a dim", loop_name.text, name),
              fmt::format("`{}` takes a whole reduced dim or one half of a single split", word),
              {{steps[*what.split].span, fmt::format("`{}` was a part already", dim)}});
        return std::nullopt;
    }
    what.dim = *base;
    what.kept = dim;
    const auto constant = constants().find(base->dim);
    if (constant != constants().end()) {
        what.extent = constant->second;
    }
    if (what.split) {
        const LoopStep& split = steps[*what.split];
        what.factor = split.factor;
        what.part = split.inner == what.loop ? RfactorPart::inner : RfactorPart::outer;
        what.renamed = {{split.outer, dim + ".o"}, {split.inner, dim + ".i"}};
        what.kept = what.renamed.at(what.loop);
        if (what.part == RfactorPart::inner) {
            what.extent = split.factor;
        } else if (what.extent) {
            what.extent = ceil_div(*what.extent, split.factor);
        }
    }
    if (scatters && what.part == RfactorPart::whole && before.reduction->dims.size() == 1) {
        error(
            code, loop_name.span,
            fmt::format("`{}` of `{}` is all that it scatters over: a part would be one element", loop_name.text, name),
            fmt::format("split it first: `split {0} by 16`, and `rfactor {1}: {0}.i as NEW`", loop_name.text, name));
        return std::nullopt;
    }
    return what;
}

bool Model::lanes_fit(const std::string& name, const Name& loop_name, const Factored& what) {
    if (!what.extent) {
        return error("S034", loop_name.span,
                     fmt::format("the extent of `{}` of `{}` is not constant", loop_name.text, name),
                     fmt::format("vectorize a part of it: `vectorize {} by 16`", loop_name.text));
    }
    if (*what.extent > lane_limit) {
        return error("S036", loop_name.span, fmt::format("a vector of {} lanes", *what.extent),
                     fmt::format("at most {}; split the loop first", lane_limit));
    }
    for (const LiveLoop& other : stages_.at(name).main.loops()) {
        if (other.kind == Kind::vectorize) {
            return error("S035", loop_name.span,
                         fmt::format("`{}` has a vectorized loop already, `{}`", name, other.name),
                         "one vectorized loop per nest", {{other.marked, "said here"}});
        }
    }
    return true;
}

// The directives given so far go where their loops go: those on pure loops stay (and shape the lanes as well), those on
// other reduced loops move to the partial results.
void Model::factor_out(const std::string& name, const Factored& what, const std::string& part, bool as_lanes,
                       const Span& span) {
    const Nest old = stages_.at(name).main;
    const std::string origin = stages_.at(name).origin;
    rewritten(schedule::rfactor(kernel_, name, what.dim.dim, what.factor, what.part, part));
    made(part, origin, span);
    Nest& partial = stages_.at(part).main;
    Nest rest(main_loops(definition(name)));

    std::set<std::string> pure; // pure loops at the step at hand
    for (const BaseLoop& base : old.base()) {
        if (!base.reduced) {
            pure.insert(base.name);
        }
    }
    const auto rename = [&](std::string& text) {
        if (const auto at = what.renamed.find(text); at != what.renamed.end()) {
            text = at->second;
        }
    };
    Nest walk(old.base());
    for (std::size_t i = 0; i < old.steps().size(); ++i) {
        LoopStep step = old.steps()[i];
        walk.apply(step);
        const bool mark_of_it = !is_structure(step) && step.loop == what.loop;
        if (what.split == i || mark_of_it) {
            continue;
        }
        const bool is_pure = step.kind != Kind::reorder && pure.contains(step.loop);
        if (is_pure && step.kind == Kind::split) {
            pure.insert({step.outer, step.inner});
        } else if (is_pure && step.kind == Kind::fuse) {
            pure.insert(step.inner);
        }
        rename(step.loop);
        std::vector<std::string> order = walk.names();
        std::ranges::for_each(order, rename);
        if (step.kind == Kind::reorder || is_pure) {
            apply_rest(rest, step, order);
        }
        if (step.kind == Kind::reorder || !is_pure || (as_lanes && (is_structure(step) || step.kind == Kind::unroll))) {
            apply_rest(partial, step, order);
        }
    }
    rest.aliases = old.aliases;
    rest.moved = old.moved;
    for (const LiveLoop& each : old.loops()) {
        std::string text = each.name;
        rename(text);
        if (rest.find(text) == nullptr) {
            rest.moved[each.name] = part;
        }
    }
    for (const auto& [from, to] : what.renamed) {
        if (from != to) {
            for (auto* nest : {&rest, &partial, &stages_.at(part).init}) {
                nest->aliases[from] = to;
            }
        }
    }
    stages_.at(name).main = std::move(rest);
}

// The partial results: one vector, innermost, next to the reduction that combines its lanes.
void Model::into_lanes(const std::string& name, const Factored& what, const std::string& part, const Span& span) {
    Stage& lanes = stages_.at(part);
    lanes.lanes_of = name;
    lanes.lanes_span = span;
    mentioned_.insert(part);
    LoopStep innermost;
    innermost.kind = Kind::reorder;
    innermost.order = {what.kept};
    const std::vector<LiveLoop>& loops = lanes.main.loops();
    for (std::size_t i = loops.size(); i-- > lanes.main.position(what.kept) + 1;) {
        innermost.order.push_back(loops[i].name);
    }
    innermost.span = span;
    if (innermost.order.size() >= 2) {
        lanes.main.apply(innermost);
    }
    LoopStep mark;
    mark.kind = Kind::vectorize;
    mark.loop = what.kept;
    mark.span = span;
    lanes.main.apply(mark);
    if (*what.extent <= unrolled_combine) {
        mark.kind = Kind::unroll;
        stages_.at(name).main.apply(mark);
    }
}

} // namespace coulter::schedule::detail
