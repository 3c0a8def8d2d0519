// chunk, and the loops of a scatter that several threads may share.

#include "check_model.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {

bool Model::chunk(const Statement& s) {
    bool good = free_name(s.stage) && free_name({s.stage.text + carry_suffix, s.stage.span});
    const ir::Definition* scan = stage_to_read(s.source);
    if (scan == nullptr) {
        return false;
    }
    const std::string& name = s.source.text;
    if (!scan->scan) {
        return error("S056", s.source.span,
                     fmt::format("`{}` is a {}, not a scan", name, scan->reduction ? "reduction" : "map"),
                     scan->reduction ? fmt::format("a reduction is split by `rfactor {}: LOOP as NEW`", name)
                                     : "`chunk` splits the chain of steps of a scan");
    }
    const PackBy& by = s.by.front();
    const std::string dim = display_name(scan->scan->dim);
    if (by.dim.text != dim) {
        good = error("S056", by.dim.span, fmt::format("`{}` does not scan along `{}`", name, by.dim.text),
                     fmt::format("it scans along `{}`; its other dims can be split at will", dim));
    }
    if (!scan->scan->associative) {
        return error(
            "S056", s.source.span,
            fmt::format("`{}` is a sequential scan, which has no chunks: each step needs the one before", name),
            "where its function is associative and its identities change nothing, say so in the algorithm: "
            "`scan(dim, {identities}, {values}, f, associative)`");
    }
    Stage& before = stages_.at(name);
    if (before.has_loop_steps() || before.block.line != 0) {
        good =
            error("S055", s.span,
                  fmt::format("`{}` has directives already, and `chunk` moves its loops to `{}`", name, s.stage.text),
                  fmt::format("write `stage {} = chunk {} ...` above the block of `{}`", s.stage.text, name, name),
                  {{before.block, "the directives"}});
    }
    good = factor(by.factor, by.dim) && good;
    const bool rounds = std::ranges::any_of(scan->types, is_float);
    if (!good || (rounds && !keeps_numerics(*scan, "`chunk`", s.span))) {
        return false;
    }
    const Stage old = std::move(before);
    rewritten(schedule::chunk(kernel_, name, by.factor.value, s.stage.text));
    made(name, old.origin, old.span);
    Stage& whole = stages_.at(name);
    whole.where = old.where; // another statement may have placed it
    whole.place = old.place;
    whole.where_span = old.where_span;
    whole.where_via = old.where_via;
    made(s.stage.text, old.origin, s.span);
    made(s.stage.text + carry_suffix, old.origin, s.span);
    return true;
}

// Why threads cannot run the iterations of a scatter at once; empty: they add to its elements atomically.
std::string Model::atomic_obstacle(const ir::Definition& stage) const {
    if (stage.reduction->op != ir::ReduceOp::sum) {
        return fmt::format("there is no atomic {}", ir::name(stage.reduction->op));
    }
    if (!is_float(stage.types.front())) {
        return {};
    }
    return stage.reduction->atomic && numerics != Numerics::exact
               ? "a processor has no atomic sum of floats"
               : "sums of floats differ with the order in which threads come";
}

} // namespace coulter::schedule::detail
