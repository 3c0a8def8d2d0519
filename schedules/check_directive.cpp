// Loop directives: names resolve, and what no finished nest could make legal is refused at once.

#include "check_model.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

constexpr std::size_t step_limit = 256;

std::string_view done(LoopStep::Kind kind) {
    switch (kind) {
    case LoopStep::Kind::vectorize: return "vectorized";
    case LoopStep::Kind::unroll: return "unrolled";
    case LoopStep::Kind::parallel: return "parallel";
    case LoopStep::Kind::gpu_block: return "spread over blocks";
    case LoopStep::Kind::gpu_thread: return "spread over threads";
    case LoopStep::Kind::gpu_lane: return "spread over lanes";
    default: return "serial";
    }
}

} // namespace

const LiveLoop* Model::loop(const Subject& subject, const Name& name) {
    Nest& here = nest(subject);
    const auto alias = here.aliases.find(name.text);
    const std::string& text = alias == here.aliases.end() ? name.text : alias->second;
    if (const LiveLoop* found = here.find(text)) {
        return found;
    }
    if (here.phantoms.contains(text)) {
        return nullptr; // the directive that would have made it was refused
    }
    const std::string shown = subject.stage + (subject.init ? ".init" : "");
    std::vector<Note> notes;
    if (const LoopStep* step = here.consumer(text)) {
        notes.push_back({step->span, step->kind == LoopStep::Kind::split
                                         ? fmt::format("`{}` became `{}` and `{}` here", text, step->outer, step->inner)
                                         : fmt::format("`{}` became part of `{}` here", text, step->inner)});
    } else if (const auto moved = here.moved.find(text); moved != here.moved.end()) {
        notes.push_back({{}, fmt::format("`{}` is a loop of `{}` now", text, moved->second)});
    } else if (subject.init && stages_.at(subject.stage).main.find(text) != nullptr) {
        notes.push_back({{},
                         fmt::format("`{}` is a loop of `{}`; an initialisation has loops of its own, and no "
                                     "reduced ones",
                                     text, subject.stage)});
    } else if (kernel_.find_dim(text) != nullptr) {
        notes.push_back({{}, fmt::format("`{}` is a dim of the kernel that `{}` does not run over", text, shown)});
    }
    error("S021", name.span, fmt::format("`{}` has no loop `{}` here", shown, name.text),
          here.names().empty() ? fmt::format("`{}` has no loops", shown)
                               : choices(name.text, here.names(), "its loops, outermost first, are"),
          std::move(notes));
    return nullptr;
}

bool Model::new_name(const Subject& subject, const Name& name, std::string_view help) {
    if (!nest(subject).was_used(name.text)) {
        return true;
    }
    return error("S022", name.span, fmt::format("`{}` has or had a loop `{}` already", subject.stage, name.text),
                 std::string(help));
}

bool Model::unmarked(const Subject& subject, const LiveLoop& live, const Name& name, std::string_view verb) {
    if (live.kind == LoopStep::Kind::serial) {
        return true;
    }
    return error(
        "S033", name.span,
        fmt::format("cannot {} `{}` of `{}`: it is {} already", verb, name.text, subject.stage, done(live.kind)),
        fmt::format("{} it before, or write `serial {}` first", verb, name.text), {{live.marked, "said here"}});
}

bool Model::factor(const Number& number, const Name& loop_name) {
    if (number.value >= 1) {
        return true;
    }
    return error("S030", number.span, fmt::format("a factor of {} for `{}`", number.value, loop_name.text),
                 "a factor is at least 1");
}

bool Model::split(const Subject& subject, const Name& name, const Number& by, Name outer, Name inner, Tail tail,
                  const Span& tail_span, const Span& span) {
    Nest& here = nest(subject);
    const bool named = !outer.text.empty();
    if (!named) {
        outer = {name.text + ".o", name.span};
        inner = {name.text + ".i", name.span};
    }
    bool good = factor(by, name);
    const LiveLoop* live = loop(subject, name);
    if (live == nullptr) {
        good = false;
    } else {
        good = unmarked(subject, *live, name, "split") && good;
        const std::string_view help = named ? "choose names that this stage has not used"
                                            : "name the new loops: `split LOOP by FACTOR as OUTER INNER`";
        good = new_name(subject, outer, help) && new_name(subject, inner, help) && good;
        if (outer.text == inner.text) {
            good = error("S022", inner.span, fmt::format("both loops of the split are called `{}`", inner.text),
                         "the outer and the inner loop need names of their own");
        }
        if (live->from_shift) {
            good = error("S032", name.span,
                         fmt::format("cannot split `{}`: it comes from a split with the tail `shift`", name.text),
                         "a shifted tile starts earlier than its index says; use the tail `guard` or `predicate` in "
                         "the first split");
        } else if (tail == Tail::shift && live->from_split) {
            good = error("S032", tail_span, fmt::format("`shift` on `{}`, which a split has made", name.text),
                         "only a loop over a whole dim can be shifted; use `guard` or `predicate`");
        } else if (tail == Tail::shift && (live->reduced || subject.init || !is_map(definition(subject.stage)))) {
            good = error("S032", tail_span,
                         fmt::format("`shift` on `{}` of `{}`, which is no map", name.text, subject.stage),
                         "elements of the last tile would be combined twice; use `guard` or `predicate`");
        } else if (tail == Tail::shift && live->fused >= 0) {
            good = error("S032", tail_span, fmt::format("`shift` on the fused loop `{}`", name.text),
                         "use `guard` or `predicate`");
        }
    }
    if (!good) {
        here.phantoms.insert({outer.text, inner.text});
        return false;
    }
    LoopStep step;
    step.kind = LoopStep::Kind::split;
    step.loop = live->name;
    step.outer = outer.text;
    step.inner = inner.text;
    step.factor = by.value;
    step.tail = tail;
    step.span = span;
    here.apply(step);
    return true;
}

bool Model::tile(const Subject& subject, const Directive& d) {
    const std::size_t count = d.loops.size();
    bool good = true;
    for (std::size_t i = 0; i < count; ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            if (d.loops[i].text == d.loops[j].text) {
                return error("S022", d.loops[i].span, fmt::format("`{}` is listed twice", d.loops[i].text));
            }
        }
    }
    std::vector<Name> order;
    for (std::size_t half : {std::size_t(1), std::size_t(0)}) {
        for (std::size_t i = 0; i < count; ++i) {
            order.push_back(d.as.empty() ? Name{d.loops[i].text + (half == 1 ? ".i" : ".o"), d.loops[i].span}
                                         : d.as[half * count + i]);
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        good = split(subject, d.loops[i], d.factors[i], order[count + i], order[i], Tail::guard, {}, d.span) && good;
    }
    return good && reorder(subject, order, d.span);
}

bool Model::fuse(const Subject& subject, const Directive& d) {
    Nest& here = nest(subject);
    const LiveLoop* inner = loop(subject, d.loops[0]);
    const LiveLoop* outer = loop(subject, d.loops[1]);
    bool good = inner != nullptr && outer != nullptr;
    if (good && inner == outer) {
        good = error("S038", d.loops[1].span, fmt::format("cannot fuse `{}` with itself", inner->name));
    } else if (good && (inner->reduced || outer->reduced)) {
        const Name& which = d.loops[inner->reduced ? 0 : 1];
        good = error("S038", which.span,
                     fmt::format("cannot fuse the reduced loop `{}` of `{}`", which.text, subject.stage),
                     "only pure loops fuse; `rfactor` makes a pure loop of a reduced one");
    } else if (good) {
        good = unmarked(subject, *inner, d.loops[0], "fuse") && unmarked(subject, *outer, d.loops[1], "fuse") &&
               new_name(subject, d.as[0], "choose a name that this stage has not used");
        if (here.position(inner->name) != here.position(outer->name) + 1) {
            const bool swapped = here.position(outer->name) == here.position(inner->name) + 1;
            good =
                error("S038", d.span,
                      swapped ? fmt::format("`{}` is not inside `{}` but directly outside it", inner->name, outer->name)
                              : fmt::format("`{}` is not directly inside `{}`", inner->name, outer->name),
                      swapped ? fmt::format("the inner loop comes first: `fuse {} {} as {}`", outer->name, inner->name,
                                            d.as[0].text)
                              : fmt::format("bring them together with `reorder`; the loops, outermost first, are {}",
                                            quoted_list(here.names())));
        }
    }
    if (!good) {
        here.phantoms.insert(d.as[0].text);
        return false;
    }
    LoopStep step;
    step.kind = LoopStep::Kind::fuse;
    step.loop = inner->name;
    step.outer = outer->name;
    step.inner = d.as[0].text;
    step.span = d.span;
    here.apply(step);
    return true;
}

bool Model::reorder(const Subject& subject, const std::vector<Name>& names, const Span& span) {
    Nest& here = nest(subject);
    LoopStep step;
    step.kind = LoopStep::Kind::reorder;
    step.span = span;
    bool good = true;
    for (const Name& name : names) {
        const LiveLoop* live = loop(subject, name);
        if (live == nullptr) {
            good = false;
        } else if (std::ranges::count(step.order, live->name) > 0) {
            good = error("S022", name.span, fmt::format("`{}` is listed twice", name.text));
        } else {
            step.order.push_back(live->name);
        }
    }
    if (good && names.size() < 2) {
        good = error("S040", span, "`reorder` takes at least two loops",
                     "list the loops that change places, innermost first");
    }
    if (!good) {
        return false;
    }
    const auto reduced_order = [](const Nest& of) {
        std::vector<std::string> reduced;
        for (const LiveLoop& live : of.loops()) {
            if (live.reduced) {
                reduced.push_back(live.name);
            }
        }
        return reduced;
    };
    Nest after = here;
    after.apply(step);
    if (reduced_order(here) != reduced_order(after)) {
        const ir::Definition& stage = definition(subject.stage);
        if (stage.scan) {
            return error("S040", span,
                         fmt::format("the order of the reduced loops of `{}` is part of its result", subject.stage),
                         "keep them in the order " + quoted_list(reduced_order(here)) + ", outermost first");
        }
        if (!keeps_numerics(stage, "reordering the reduced loops", span)) {
            return false;
        }
    }
    here = std::move(after);
    return true;
}

// Whether iterations of a reduced loop may run at the same time: those of a scatter that adds integers.
bool Model::may_meet(const Subject& subject, const Name& name, const LiveLoop& live, LoopStep::Kind kind) {
    const ir::Definition& stage = definition(subject.stage);
    const bool scatters = stage.reduction && !stage.reduction->into.empty();
    std::string why;
    if (scatters && !is_gpu(kind)) {
        why = atomic_obstacle(stage);
        if (why.empty()) {
            return true;
        }
        why = ", and " + why;
    }
    const bool partial = stage.reduction && (scatters || stage.types.size() == 1);
    const std::string_view verb = is_gpu(kind) ? "spread" : "parallelise";
    const bool whole = scatters && !live.from_split;
    return error(
        "S037", name.span,
        fmt::format("`{}` is a {} loop of `{}`: its iterations {}{}", name.text, stage.scan ? "scanned" : "reduced",
                    subject.stage, stage.scan ? "need each other's results" : "write the same elements", why),
        !partial ? fmt::format("{} a pure loop", is_gpu(kind) ? "take" : "parallelise")
        : whole
            ? fmt::format("{} a pure loop, or `split {} by 16` and `rfactor {}: {}.i as NEW`, and {} `{}.i` there",
                          is_gpu(kind) ? "take" : "parallelise", name.text, subject.stage, name.text, verb, name.text)
            : fmt::format("{} a pure loop, or `rfactor {}: {} as NEW` and {} `{}` there",
                          is_gpu(kind) ? "take" : "parallelise", subject.stage, name.text, verb, name.text));
}

bool Model::mark(const Subject& subject, const Name& name, LoopStep::Kind kind, const Span& span) {
    Nest& here = nest(subject);
    const LiveLoop* live = loop(subject, name);
    if (live == nullptr) {
        return false;
    }
    if (kind != LoopStep::Kind::serial) {
        if (live->kind != LoopStep::Kind::serial) {
            return error("S033", name.span,
                         fmt::format("`{}` of `{}` is {} already", name.text, subject.stage, done(live->kind)),
                         fmt::format("one word per loop; `serial {}` takes it back", name.text),
                         {{live->marked, "said here"}});
        }
        if ((kind == LoopStep::Kind::parallel || is_gpu(kind)) && live->reduced &&
            !may_meet(subject, name, *live, kind)) {
            return false;
        }
        if (kind == LoopStep::Kind::vectorize) {
            for (const LiveLoop& other : here.loops()) {
                if (other.kind == LoopStep::Kind::vectorize) {
                    return error("S035", name.span,
                                 fmt::format("`{}` has a vectorized loop already, `{}`", subject.stage, other.name),
                                 fmt::format("unroll one of the two, or fuse them before: `fuse {} {} as NEW`",
                                             name.text, other.name),
                                 {{other.marked, "said here"}});
                }
            }
        }
    }
    LoopStep step;
    step.kind = kind;
    step.loop = live->name;
    step.span = span;
    here.apply(step);
    return true;
}

bool Model::vectorize(const Subject& subject, const Directive& d) {
    Name name = d.loops[0];
    if (!d.factors.empty()) {
        if (!split(subject, name, d.factors[0], {}, {}, Tail::guard, {}, d.span)) {
            return false;
        }
        name.text += ".i";
    }
    const LiveLoop* live = loop(subject, name);
    if (live == nullptr) {
        return false;
    }
    return live->reduced ? lanes(subject, name, d.span) : mark(subject, name, LoopStep::Kind::vectorize, d.span);
}

bool Model::unroll(const Subject& subject, const Directive& d) {
    bool good = true;
    for (Name name : d.loops) {
        if (!d.factors.empty()) {
            if (!split(subject, name, d.factors[0], {}, {}, Tail::guard, {}, d.span)) {
                good = false;
                continue;
            }
            name.text += ".i";
        }
        good = mark(subject, name, LoopStep::Kind::unroll, d.span) && good;
    }
    return good;
}

bool Model::directive(const Subject& subject, const Directive& d) {
    using Kind = Directive::Kind;
    if (nest(subject).steps().size() + d.loops.size() > step_limit) {
        return error("S036", d.keyword, fmt::format("more than {} steps for one nest", step_limit),
                     "no nest has so many loops; remove directives");
    }
    switch (d.kind) {
    case Kind::split: {
        const bool named = d.as.size() == 2;
        return split(subject, d.loops[0], d.factors[0], named ? d.as[0] : Name{}, named ? d.as[1] : Name{},
                     d.tail.value_or(Tail::guard), d.tail_span, d.span);
    }
    case Kind::tile: return tile(subject, d);
    case Kind::fuse: return fuse(subject, d);
    case Kind::reorder: return reorder(subject, d.loops, d.span);
    case Kind::vectorize: return vectorize(subject, d);
    case Kind::unroll: return unroll(subject, d);
    case Kind::gpu_blocks:
    case Kind::gpu_threads:
    case Kind::gpu_lanes: return gpu(subject, d);
    case Kind::parallel:
    case Kind::serial: {
        bool good = true;
        for (const Name& name : d.loops) {
            const auto kind = d.kind == Kind::parallel ? LoopStep::Kind::parallel : LoopStep::Kind::serial;
            good = mark(subject, name, kind, d.span) && good;
        }
        return good;
    }
    default: break;
    }
    Stage& stage = stages_.at(subject.stage);
    if (subject.init) {
        return error("S067", d.keyword, fmt::format("`{}` in the block of an initialisation", name(d.kind)),
                     fmt::format("an initialisation is computed and stored where its stage is: write it in "
                                 "`stage {} {{ ... }}`",
                                 subject.stage));
    }
    if (d.kind == Kind::layout) {
        layout(stage, subject.stage, d);
    } else {
        placement(stage, subject.stage, d);
    }
    return true;
}

} // namespace coulter::schedule::detail
