// Directives of random schedules on the loops of a stage, with the loops that they leave.

#include "random_schedule_draft.hpp"

#include <algorithm>

namespace coulter::test {
namespace {

std::vector<std::size_t> unmarked(ScheduleDraft& draft, const Nest& nest) {
    std::vector<std::size_t> found;
    for (std::size_t i = 0; i < nest.loops.size(); ++i) {
        if (nest.loops[i].mark.empty() || draft.careless()) {
            found.push_back(i);
        }
    }
    return found;
}

void split_at(Nest& nest, std::size_t at, std::int64_t by) {
    Loop outer = nest.loops[at];
    outer.whole = false;
    Loop inner = outer;
    outer.name += ".o";
    inner.name += ".i";
    outer.extent = outer.extent ? std::optional((*outer.extent + by - 1) / by) : std::nullopt;
    inner.extent = by;
    nest.loops[at] = outer;
    nest.loops.insert(nest.loops.begin() + static_cast<std::ptrdiff_t>(at) + 1, inner);
}

void split(ScheduleDraft& draft, const ir::Definition& definition, Nest& nest, std::string& lines, bool init) {
    const std::vector<std::size_t> legal = unmarked(draft, nest);
    if (legal.empty()) {
        return;
    }
    const std::size_t at = draft.pick(legal);
    const Loop& loop = nest.loops[at];
    const std::int64_t by = draft.factor();
    std::string tail;
    const bool is_map = !definition.reduction && !definition.scan && !init;
    if (draft.chance(15)) {
        tail = " tail guard";
    } else if (draft.chance(25)) {
        tail = " tail predicate";
    } else if (loop.whole && loop.extent && *loop.extent % by == 0 && draft.chance(50)) {
        tail = " tail round_up";
    } else if (loop.whole && is_map && loop.extent && *loop.extent >= by && draft.kernel.is_output(definition.name) &&
               draft.chance(70)) {
        tail = " tail shift";
    } else if (draft.careless()) {
        tail = " tail " + draft.pick<std::string>({"round_up", "shift"});
    }
    lines += "  split " + loop.name + " by " + std::to_string(by) + tail + "\n";
    split_at(nest, at, by);
}

void tile(ScheduleDraft& draft, Nest& nest, std::string& lines) {
    std::vector<std::size_t> legal = unmarked(draft, nest);
    if (legal.size() < 2) {
        return;
    }
    const auto first = static_cast<std::size_t>(draft.below(static_cast<int>(legal.size()) - 1));
    const std::size_t a = legal[first];
    const std::size_t b = legal[first + 1];
    if (nest.loops[a].reduced || nest.loops[b].reduced) {
        return;
    }
    const std::int64_t by_a = draft.factor();
    const std::int64_t by_b = draft.factor();
    lines += "  tile " + nest.loops[a].name + " " + nest.loops[b].name + " by " + std::to_string(by_a) + " " +
             std::to_string(by_b) + "\n";
    split_at(nest, b, by_b);
    split_at(nest, a, by_a);
    // Places of the four, outermost first, hold b.o a.o b.i a.i: the listed order is innermost first.
    const std::vector<std::size_t> places{a, a + 1, b + 1, b + 2};
    const std::vector<Loop> made{nest.loops[b + 1], nest.loops[a], nest.loops[b + 2], nest.loops[a + 1]};
    for (std::size_t i = 0; i < places.size(); ++i) {
        nest.loops[places[i]] = made[i];
    }
}

void fuse(ScheduleDraft& draft, Nest& nest, std::string& lines) {
    std::vector<std::size_t> legal;
    for (std::size_t i = 0; i + 1 < nest.loops.size(); ++i) {
        const Loop& outer = nest.loops[i];
        const Loop& inner = nest.loops[i + 1];
        if (!outer.reduced && !inner.reduced && outer.mark.empty() && inner.mark.empty()) {
            legal.push_back(i);
        }
    }
    const auto is_fused = [&](std::size_t i) { return nest.loops[i].fuses > 0 || nest.loops[i + 1].fuses > 0; };
    if (draft.options.nested_fuses && std::any_of(legal.begin(), legal.end(), is_fused)) {
        std::erase_if(legal, [&](std::size_t i) { return !is_fused(i); });
    }
    if (legal.empty()) {
        return;
    }
    const std::size_t at = draft.pick(legal);
    Loop& outer = nest.loops[at];
    const Loop inner = nest.loops[at + 1];
    const std::string name = "fused" + std::to_string(++draft.made);
    lines += "  fuse " + inner.name + " " + outer.name + " as " + name + "\n";
    outer.name = name;
    outer.whole = false;
    outer.fuses = std::max(outer.fuses, inner.fuses) + 1;
    outer.extent = outer.extent && inner.extent ? std::optional(*outer.extent * *inner.extent) : std::nullopt;
    nest.loops.erase(nest.loops.begin() + static_cast<std::ptrdiff_t>(at) + 1);
}

void reorder(ScheduleDraft& draft, const ir::Definition& definition, Nest& nest, std::string& lines) {
    if (nest.loops.size() < 2) {
        return;
    }
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < nest.loops.size(); ++i) {
        // The order of reduced loops is part of some results.
        const bool keeps = nest.loops[i].reduced && !draft.reorders(definition);
        if ((!keeps && draft.chance(70)) || draft.careless()) {
            places.push_back(i);
        }
    }
    if (places.size() < 2) {
        return;
    }
    std::vector<Loop> listed; // innermost first
    for (const std::size_t at : places) {
        listed.push_back(nest.loops[at]);
    }
    for (std::size_t i = listed.size(); i > 1; --i) {
        std::swap(listed[i - 1], listed[static_cast<std::size_t>(draft.below(static_cast<int>(i)))]);
    }
    lines += "  reorder";
    for (std::size_t i = 0; i < listed.size(); ++i) {
        lines += " " + listed[i].name;
        nest.loops[places[places.size() - 1 - i]] = listed[i];
    }
    lines += "\n";
}

void mark(ScheduleDraft& draft, Nest& nest, std::string& lines) {
    const std::vector<std::size_t> legal = unmarked(draft, nest);
    if (legal.empty()) {
        return;
    }
    std::size_t at = draft.pick(legal);
    const bool has_vector =
        std::any_of(nest.loops.begin(), nest.loops.end(), [](const Loop& loop) { return loop.mark == "vectorize"; });
    const auto word = draft.pick<std::string>({"vectorize", "vectorize", "unroll", "parallel"});
    if (word == "parallel") {
        if (draft.options.parallel && (!nest.loops[at].reduced || draft.careless())) {
            lines += "  parallel " + nest.loops[at].name + "\n";
            nest.loops[at].mark = word;
        }
        return;
    }
    if (word == "vectorize" && (has_vector || nest.loops[at].reduced) && !draft.careless()) {
        return; // draw_lanes vectorizes reduced loops
    }
    const Loop& loop = nest.loops[at];
    std::string by;
    if (!loop.extent || *loop.extent > 32 || draft.chance(30)) {
        const std::int64_t width = draft.pick<std::int64_t>({2, 3, 4, 8});
        by = " by " + std::to_string(width);
    }
    lines += "  " + word + " " + loop.name + by + "\n";
    if (!by.empty()) {
        split_at(nest, at, std::stoll(by.substr(4)));
        ++at;
    }
    nest.loops[at].mark = word;
}

} // namespace

void draw_loop_directive(ScheduleDraft& draft, const ir::Definition& definition, Nest& nest, std::string& lines,
                         bool init) {
    if (nest.loops.empty()) {
        return;
    }
    const int kind = draft.options.nested_fuses && draft.chance(40) ? 4 : draft.below(10);
    if (kind < 3) {
        split(draft, definition, nest, lines, init);
    } else if (kind == 3) {
        tile(draft, nest, lines);
    } else if (kind == 4) {
        fuse(draft, nest, lines);
    } else if (kind < 7) {
        reorder(draft, definition, nest, lines);
    } else {
        mark(draft, nest, lines);
    }
}

void draw_lanes(ScheduleDraft& draft, const ir::Definition& definition, Nest& nest, std::string& lines) {
    if (!draft.reorders(definition) || !draft.chance(30)) {
        return;
    }
    std::vector<std::size_t> legal;
    for (std::size_t i = 0; i < nest.loops.size(); ++i) {
        if (nest.loops[i].mark == "vectorize") {
            return;
        }
        if (nest.loops[i].reduced && nest.loops[i].mark.empty() && nest.loops[i].whole) {
            legal.push_back(i);
        }
    }
    if (legal.empty()) {
        return;
    }
    const Loop& loop = nest.loops[draft.pick(legal)];
    const bool whole = loop.extent && *loop.extent <= 16 && draft.chance(50);
    lines += "  vectorize " + loop.name;
    lines += whole ? std::string("\n") : " by " + std::to_string(draft.pick<std::int64_t>({2, 3, 4, 8})) + "\n";
    nest.placeable = false;
}

} // namespace coulter::test
