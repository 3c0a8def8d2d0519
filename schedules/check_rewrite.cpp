// pack, copy, accumulate, rfactor, and `vectorize` over a reduced loop: statements that change the kernel.

#include "check_model.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule::detail {
namespace {

constexpr std::int64_t lane_limit = 1024;
constexpr std::int64_t unrolled_combine = 64;

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
}

std::vector<std::string> tensors(const ir::Kernel& kernel) {
    std::vector<std::string> names;
    for (const ir::Input& input : kernel.inputs) {
        names.push_back(input.name);
    }
    for (const ir::Const& each : kernel.consts) {
        names.push_back(each.name);
    }
    for (const ir::Definition& each : kernel.definitions) {
        names.push_back(each.name);
    }
    return names;
}

std::vector<std::string> displayed(const std::vector<std::string>& dims) {
    std::vector<std::string> names;
    for (const std::string& dim : dims) {
        names.push_back(display_name(dim));
    }
    return names;
}

} // namespace

bool Model::free_name(const Name& name) {
    if (contains(tensors(kernel_), name.text) || failed_.contains(name.text)) {
        return error("S024", name.span, fmt::format("kernel `{}` has a tensor `{}` already", kernel_.name, name.text),
                     "choose another name for the new stage");
    }
    if (name.text == "init" || name.text.ends_with(".init")) {
        return error("S024", name.span, fmt::format("`{}` would be taken for an initialisation", name.text),
                     "choose a name that does not end in `.init`");
    }
    return true;
}

bool Model::keeps_numerics(const ir::Definition& stage, std::string_view what, const Span& span) {
    if (numerics != Numerics::exact || !order_matters(stage)) {
        return true;
    }
    const std::string_view kind = stage.scan ? "scan" : ir::name(stage.reduction->op);
    return error("S041", span,
                 fmt::format("{} of `{}` changes the order of a {} over floats, which `numerics exact` forbids", what,
                             stage.name, kind),
                 "leave this directive out, or write `numerics reassociate`");
}

bool Model::pack(const Statement& s) {
    const std::vector<std::string> known = tensors(kernel_);
    bool good = free_name(s.stage);
    if (!contains(known, s.source.text)) {
        return failed_.contains(s.source.text)
                   ? false
                   : error("S020", s.source.span, fmt::format("kernel `{}` has no tensor `{}`", kernel_.name,
                                                              s.source.text),
                           choices(s.source.text, known, "the tensors are"));
    }
    for (const auto& [source, span] : packs_) {
        if (source == s.source.text) {
            return error("S052", s.source.span, fmt::format("`{}` is packed already", source),
                         "a tensor has one packed form per kernel", {{span, "packed here"}});
        }
    }
    if (kernel_.types_of(s.source.text).size() != 1) {
        return error("S052", s.source.span, fmt::format("`{}` holds a tuple, which cannot be packed", s.source.text),
                     "`layout` orders the dims of a stage");
    }
    const std::vector<std::string>& dims = kernel_.dims_of(s.source.text);
    std::vector<PackTile> tiles;
    for (const PackBy& by : s.by) {
        good = factor(by.factor, by.dim) && good;
        const std::vector<std::string> shown = displayed(dims);
        const auto at = std::ranges::find(shown, by.dim.text);
        if (at == shown.end()) {
            good = error("S052", by.dim.span, fmt::format("`{}` has no dim `{}`", s.source.text, by.dim.text),
                         choices(by.dim.text, shown, "its dims are"));
            continue;
        }
        const std::string& dim = dims[static_cast<std::size_t>(at - shown.begin())];
        if (std::ranges::find(tiles, dim, &PackTile::dim) != tiles.end()) {
            good = error("S052", by.dim.span, fmt::format("`{}` is listed twice", by.dim.text), "a dim is tiled once");
        }
        tiles.push_back({dim, by.factor.value});
    }
    const ir::Input* input = kernel_.find_input(s.source.text);
    if (s.once && kernel_.find_const(s.source.text) == nullptr && (input == nullptr || !input->frozen)) {
        good = error("S053", s.source.span,
                     input != nullptr
                         ? fmt::format("`{}` may change from call to call, so it cannot be packed once", s.source.text)
                         : fmt::format("`{}` is computed in every call, so it cannot be packed once", s.source.text),
                     input != nullptr ? fmt::format("declare it `{}.frozen()` in the algorithm, or write `per call`",
                                                    s.source.text)
                                      : "write `per call`");
    }
    const bool read = std::ranges::any_of(kernel_.definitions, [&](const ir::Definition& each) {
        return contains(ir::reads(each), s.source.text);
    });
    if (!read) {
        good = error("S026", s.source.span, fmt::format("no stage reads `{}`", s.source.text),
                     "pack a tensor that the kernel reads");
    }
    if (!good) {
        return false;
    }
    const auto stage = stages_.find(s.source.text);
    const std::string origin = stage == stages_.end() ? "" : stage->second.origin;
    rewritten(schedule::pack(kernel_, s.source.text, tiles, s.stage.text));
    made(s.stage.text, origin, s.span);
    stages_.at(s.stage.text).pack_once = s.once;
    packs_.emplace_back(s.source.text, s.span);
    if (stage == stages_.end()) {
        plan_packs_.push_back({s.stage.text, s.source.text, s.once});
    }
    return true;
}

bool Model::copy(const Statement& s) {
    const std::vector<std::string> known = tensors(kernel_);
    bool good = free_name(s.stage);
    if (!contains(known, s.source.text) && !failed_.contains(s.source.text)) {
        good = error("S020", s.source.span, fmt::format("kernel `{}` has no tensor `{}`", kernel_.name, s.source.text),
                     choices(s.source.text, known, "the tensors are"));
    }
    const ir::Definition* consumer = kernel_.find_definition(s.target.text);
    if (consumer == nullptr && !failed_.contains(s.target.text)) {
        std::vector<std::string> names;
        for (const ir::Definition& each : kernel_.definitions) {
            names.push_back(each.name);
        }
        good = error("S020", s.target.span, fmt::format("kernel `{}` has no stage `{}`", kernel_.name, s.target.text),
                     choices(s.target.text, names, "the stages are"));
    }
    if (!good || consumer == nullptr || !contains(known, s.source.text)) {
        return false;
    }
    if (!contains(ir::reads(*consumer), s.source.text)) {
        return error("S051", s.source.span, fmt::format("`{}` does not read `{}`", s.target.text, s.source.text),
                     fmt::format("it reads {}", quoted_list(ir::reads(*consumer))));
    }
    const auto stage = stages_.find(s.source.text);
    const std::string origin = stage == stages_.end() ? "" : stage->second.origin;
    rewritten(schedule::copy(kernel_, s.source.text, s.target.text, s.stage.text));
    made(s.stage.text, origin, s.span);
    Stage& fresh = stages_.at(s.stage.text);
    if (s.at) {
        fresh.where = s.at->is_root() ? Stage::Where::root : Stage::Where::at;
        fresh.place = *s.at;
        fresh.where_span = s.at->span;
    }
    if (s.memory) {
        fresh.memory = s.memory;
        fresh.memory_span = s.span;
    }
    return true;
}

bool Model::accumulate(const Statement& s) {
    const bool good = free_name(s.stage);
    const ir::Definition* stage = kernel_.find_definition(s.source.text);
    if (stage == nullptr) {
        std::vector<std::string> reductions;
        for (const ir::Definition& each : kernel_.definitions) {
            if (each.reduction) {
                reductions.push_back(each.name);
            }
        }
        return failed_.contains(s.source.text)
                   ? false
                   : error("S020", s.source.span, fmt::format("kernel `{}` has no stage `{}`", kernel_.name,
                                                              s.source.text),
                           choices(s.source.text, reductions, "its reductions are"));
    }
    if (!stage->reduction) {
        return error("S050", s.source.span, fmt::format("`{}` is a {}, not a reduction", s.source.text,
                                                        stage->scan ? "scan" : "map"),
                     "`accumulate` keeps the partial results of a reduction in a stage of their own");
    }
    if (!stage->reduction->into.empty()) {
        return error("S050", s.source.span, fmt::format("`{}` scatters its results", s.source.text),
                     "the elements that it writes are known at run time only; compute it as it stands");
    }
    Stage& before = stages_.at(s.source.text);
    if (before.has_loop_steps() || before.block.line != 0 || before.init_block.line != 0) {
        const Span& span = before.block.line != 0 ? before.block : before.init_block;
        return error("S055", s.span, fmt::format("`{}` has directives already, and `accumulate` moves its loops to `{}`",
                                                 s.source.text, s.stage.text),
                     fmt::format("write `stage {} = accumulate {} ...` above the block of `{}`", s.stage.text,
                                 s.source.text, s.source.text),
                     {{span, "the directives"}});
    }
    if (!good) {
        return false;
    }
    const std::string origin = before.origin;
    rewritten(schedule::accumulate(kernel_, s.source.text, s.stage.text));
    const Stage old = std::move(stages_.at(s.source.text));
    made(s.source.text, origin, old.span);
    Stage& out = stages_.at(s.source.text);
    out.where = old.where; // a copy or another accumulate may have placed it
    out.place = old.place;
    out.where_span = old.where_span;
    for (const BaseLoop& base : main_loops(definition(s.stage.text))) {
        if (base.reduced) {
            out.main.moved[base.name] = s.stage.text;
        }
    }
    made(s.stage.text, origin, s.span);
    Stage& fresh = stages_.at(s.stage.text);
    fresh.memory = old.memory;
    fresh.memory_span = old.memory_span;
    if (s.at) {
        fresh.where = s.at->is_root() ? Stage::Where::root : Stage::Where::at;
        fresh.place = *s.at;
        fresh.where_span = s.at->span;
    }
    if (s.memory) {
        fresh.memory = s.memory;
        fresh.memory_span = s.span;
    }
    return true;
}

bool Model::rfactor(const Statement& s) {
    const bool good = free_name(s.target);
    const ir::Definition* stage = kernel_.find_definition(s.stage.text);
    if (stage == nullptr) {
        return failed_.contains(s.stage.text)
                   ? false
                   : error("S020", s.stage.span, fmt::format("kernel `{}` has no stage `{}`", kernel_.name,
                                                             s.stage.text),
                           choices(s.stage.text, stage_names(), "the stages are"));
    }
    return factor_loop(s.stage.text, s.source, s.target, false, s.span) && good;
}

bool Model::lanes(const Subject& subject, const Name& loop_name, const Span& span) {
    return factor_loop(subject.stage, loop_name, {subject.stage + ".lanes", loop_name.span}, true, span);
}

bool Model::factor_loop(const std::string& name, const Name& loop_name, const Name& part, bool as_lanes,
                        const Span& span) {
    using Kind = LoopStep::Kind;
    const ir::Definition& before = definition(name);
    Stage& stage = stages_.at(name);
    const std::string_view word = as_lanes ? "vectorize" : "rfactor";
    const std::string code = as_lanes ? "S042" : "S054";
    const LiveLoop* live = loop({name, false}, loop_name);
    if (live == nullptr) {
        return false;
    }
    if (!live->reduced) {
        std::vector<std::string> reduced;
        for (const LiveLoop& each : stage.main.loops()) {
            if (each.reduced) {
                reduced.push_back(each.name);
            }
        }
        return error(code, loop_name.span, fmt::format("`{}` is a pure loop of `{}`", loop_name.text, name),
                     fmt::format("`rfactor` takes a reduced loop, of which `{}` has {}", name, quoted_list(reduced)));
    }
    if (!before.reduction || !before.reduction->into.empty()) {
        return error(code, loop_name.span, fmt::format("cannot {} the loop `{}` of `{}`: it is a {}", word,
                                                       loop_name.text, name, before.scan ? "scan" : "scatter"),
                     as_lanes ? "vectorize a pure loop" : "only a plain reduction has partial results");
    }
    const ir::Reduction& reduction = *before.reduction;
    if (reduction.op == ir::ReduceOp::argmin || reduction.op == ir::ReduceOp::argmax) {
        return error(code, loop_name.span, fmt::format("cannot {} the loop `{}` of the {} `{}`", word, loop_name.text,
                                                       ir::name(reduction.op), name),
                     "the smallest index wins, so its elements are compared in order; vectorize a pure loop");
    }
    if (!keeps_numerics(before, fmt::format("`{} {}`", word, loop_name.text), span)) {
        return false;
    }
    // The loop is a whole dim, or a half of a split of one.
    const std::string loop_now = live->name;
    const BaseLoop* dim = nullptr;
    std::optional<std::size_t> split;
    for (std::size_t i = 0; i < stage.main.steps().size(); ++i) {
        const LoopStep& step = stage.main.steps()[i];
        if (step.kind == Kind::split && (step.outer == loop_now || step.inner == loop_now)) {
            split = i;
        }
    }
    const std::string dim_name = split ? stage.main.steps()[*split].loop : loop_now;
    for (const BaseLoop& base : stage.main.base()) {
        if (base.name == dim_name) {
            dim = &base;
        }
    }
    if (dim == nullptr) {
        return error(code, loop_name.span, fmt::format("`{}` of `{}` is a part of a part of a dim", loop_name.text,
                                                       name),
                     fmt::format("`{}` takes a whole reduced dim or one half of a single split", word),
                     {{stage.main.steps()[*split].span, fmt::format("`{}` was a part already", dim_name)}});
    }
    const LoopStep split_step = split ? stage.main.steps()[*split] : LoopStep{};
    const bool inner = split && split_step.inner == loop_now;
    std::optional<std::int64_t> extent;
    if (const auto at = constants().find(dim->dim); at != constants().end()) {
        extent = split ? ceil_div(at->second, split_step.factor) : at->second;
    }
    extent = inner ? split_step.factor : extent;
    if (as_lanes && !extent) {
        return error("S034", loop_name.span, fmt::format("the extent of `{}` of `{}` is not constant", loop_name.text,
                                                         name),
                     fmt::format("vectorize a part of it: `vectorize {} by 16`", loop_name.text));
    }
    if (as_lanes && *extent > lane_limit) {
        return error("S036", loop_name.span, fmt::format("a vector of {} lanes", *extent),
                     fmt::format("at most {}; split the loop first", lane_limit));
    }
    if (as_lanes) {
        for (const LiveLoop& other : stage.main.loops()) {
            if (other.kind == Kind::vectorize) {
                return error("S035", loop_name.span, fmt::format("`{}` has a vectorized loop already, `{}`", name,
                                                                 other.name),
                             "one vectorized loop per nest", {{other.marked, "said here"}});
            }
        }
    }
    if (contains(tensors(kernel_), part.text) && as_lanes) {
        return error("S024", part.span, fmt::format("kernel `{}` has a tensor `{}` already", kernel_.name, part.text),
                     "a stage has one vectorized reduced loop; `rfactor` it under a name of your own for another");
    }
    if (contains(tensors(kernel_), part.text)) {
        return false; // reported by the caller
    }

    // Names change where the split had names of its own: the kept and the other part are `d.o` and `d.i` now.
    std::map<std::string, std::string> renamed;
    std::string kept = dim->name;
    if (split) {
        renamed[split_step.outer] = dim->name + ".o";
        renamed[split_step.inner] = dim->name + ".i";
        kept = renamed[loop_now];
    }
    const Nest old = stage.main;
    const RfactorPart which = !split ? RfactorPart::whole : inner ? RfactorPart::inner : RfactorPart::outer;
    const std::string origin = stage.origin;
    rewritten(schedule::rfactor(kernel_, name, dim->dim, split ? split_step.factor : 0, which, part.text));
    made(part.text, origin, span);
    Stage& made_part = stages_.at(part.text);
    Nest rest(main_loops(definition(name)));

    const auto pure_before = [&](const std::string& text) {
        return std::ranges::any_of(main_loops(definition(name)),
                                   [&](const BaseLoop& base) { return !base.reduced && base.name == text; });
    };
    std::set<std::string> pure; // loops over pure dims, at the step at hand
    for (const BaseLoop& base : old.base()) {
        if (pure_before(base.name)) {
            pure.insert(base.name);
        }
    }
    const auto rename = [&](std::string& text) {
        if (const auto at = renamed.find(text); at != renamed.end()) {
            text = at->second;
        }
    };
    const auto put = [](Nest& nest, LoopStep step) {
        if (step.kind == Kind::reorder) {
            std::erase_if(step.order, [&](const std::string& each) { return nest.find(each) == nullptr; });
            if (step.order.size() >= 2) {
                nest.apply(step);
            }
        } else if (nest.find(step.loop) != nullptr && (step.kind != Kind::fuse || nest.find(step.outer) != nullptr)) {
            nest.apply(step);
        }
    };
    for (std::size_t i = 0; i < old.steps().size(); ++i) {
        if (split && i == *split) {
            continue;
        }
        LoopStep step = old.steps()[i];
        const bool is_pure = step.kind != Kind::reorder && pure.contains(step.loop);
        if (is_pure && step.kind == Kind::split) {
            pure.insert({step.outer, step.inner});
        } else if (is_pure && step.kind == Kind::fuse) {
            pure.insert(step.inner);
        }
        if (step.kind != Kind::reorder && step.loop == loop_now) {
            continue; // marks of the loop itself: it has a new meaning on both sides
        }
        rename(step.loop);
        for (std::string& each : step.order) {
            rename(each);
        }
        if (step.kind == Kind::reorder || is_pure) {
            put(rest, step);
        }
        const bool structure = step.kind == Kind::split || step.kind == Kind::fuse || step.kind == Kind::reorder;
        if (step.kind == Kind::reorder || !is_pure || (as_lanes && (structure || step.kind == Kind::unroll))) {
            put(made_part.main, step);
        }
    }
    for (const LiveLoop& each : old.loops()) {
        std::string text = each.name;
        rename(text);
        if (rest.find(text) == nullptr) {
            rest.moved[each.name] = part.text;
        }
    }
    rest.aliases = old.aliases;
    for (const auto& [from, to] : renamed) {
        if (from != to) {
            rest.aliases[from] = to;
            made_part.main.aliases[from] = to;
            made_part.init.aliases[from] = to;
        }
    }
    rest.moved.insert(old.moved.begin(), old.moved.end());
    stages_.at(name).main = std::move(rest);
    if (!as_lanes) {
        return true;
    }
    made_part.lanes_of = name;
    made_part.lanes_span = span;
    mentioned_.insert(part.text);
    Nest& lane_nest = made_part.main;
    LoopStep innermost;
    innermost.kind = Kind::reorder;
    innermost.order = {kept};
    for (std::size_t i = lane_nest.loops().size(); i-- > lane_nest.position(kept) + 1;) {
        innermost.order.push_back(lane_nest.loops()[i].name);
    }
    innermost.span = span;
    if (innermost.order.size() >= 2) {
        lane_nest.apply(innermost);
    }
    LoopStep vector;
    vector.kind = Kind::vectorize;
    vector.loop = kept;
    vector.span = span;
    lane_nest.apply(vector);
    if (*extent <= unrolled_combine) {
        vector.kind = Kind::unroll;
        stages_.at(name).main.apply(vector);
    }
    return true;
}

} // namespace coulter::schedule::detail
