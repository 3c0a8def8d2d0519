// pack, copy and accumulate: statements that change the kernel.

#include "check_model.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
    return std::ranges::find(names, name) != names.end();
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
    if (contains(tensor_names(kernel_), name.text)) {
        return error("S024", name.span, fmt::format("kernel `{}` has a tensor `{}` already", kernel_.name, name.text),
                     "choose another name for the new stage");
    }
    if (name.text == "init" || name.text.ends_with(".init")) {
        return error("S024", name.span, fmt::format("`{}` would be taken for an initialisation", name.text),
                     "choose a name that does not end in `.init`");
    }
    return true;
}

// The clauses `at` and `in` of a statement that makes a stage.
void Model::place_as_said(Stage& fresh, const Statement& s) {
    if (s.at) {
        fresh.where = s.at->is_root() ? Stage::Where::root : Stage::Where::at;
        fresh.place = *s.at;
        fresh.where_span = s.at->span;
    }
    if (s.memory) {
        fresh.memory = s.memory;
        fresh.memory_span = s.span;
    }
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
    const std::vector<std::string> known = tensor_names(kernel_);
    bool good = free_name(s.stage);
    if (!contains(known, s.source.text)) {
        return failed_.contains(s.source.text)
                   ? false
                   : error("S020", s.source.span,
                           fmt::format("kernel `{}` has no tensor `{}`", kernel_.name, s.source.text),
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
                     input != nullptr
                         ? fmt::format("declare it `{}.frozen()` in the algorithm, or write `per call`", s.source.text)
                         : "write `per call`");
    }
    const bool read = std::ranges::any_of(
        kernel_.definitions, [&](const ir::Definition& each) { return contains(ir::reads(each), s.source.text); });
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
    const std::vector<std::string> known = tensor_names(kernel_);
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
    place_as_said(fresh, s);
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
                   : error("S020", s.source.span,
                           fmt::format("kernel `{}` has no stage `{}`", kernel_.name, s.source.text),
                           choices(s.source.text, reductions, "its reductions are"));
    }
    if (!stage->reduction) {
        return error("S050", s.source.span,
                     fmt::format("`{}` is a {}, not a reduction", s.source.text, stage->scan ? "scan" : "map"),
                     "`accumulate` keeps the partial results of a reduction in a stage of their own");
    }
    if (!stage->reduction->into.empty()) {
        return error("S050", s.source.span, fmt::format("`{}` scatters its results", s.source.text),
                     "the elements that it writes are known at run time only; compute it as it stands");
    }
    Stage& before = stages_.at(s.source.text);
    if (before.has_loop_steps() || before.block.line != 0 || before.init_block.line != 0) {
        const Span& span = before.block.line != 0 ? before.block : before.init_block;
        return error("S055", s.span,
                     fmt::format("`{}` has directives already, and `accumulate` moves its loops to `{}`", s.source.text,
                                 s.stage.text),
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
    out.where_via = old.where_via;
    for (const BaseLoop& base : main_loops(definition(s.stage.text))) {
        if (base.reduced) {
            out.main.moved[base.name] = s.stage.text;
        }
    }
    made(s.stage.text, origin, s.span);
    Stage& fresh = stages_.at(s.stage.text);
    fresh.memory = old.memory;
    fresh.memory_span = old.memory_span;
    place_as_said(fresh, s);
    return true;
}

} // namespace coulter::schedule::detail
