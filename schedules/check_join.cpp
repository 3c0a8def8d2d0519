// join and clone: definitions that share a loop nest, or get one of their own.

#include "check_model.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>
#include <fmt/core.h>

namespace coulter::schedule::detail {

// A definition, or null after a message.
const ir::Definition* Model::stage_to_read(const Name& name) {
    const ir::Definition* stage = kernel_.find_definition(name.text);
    if (stage == nullptr && !failed_.contains(name.text)) {
        std::vector<std::string> names;
        for (const ir::Definition& each : kernel_.definitions) {
            names.push_back(each.name);
        }
        error("S020", name.span, fmt::format("kernel `{}` has no stage `{}`", kernel_.name, name.text),
              choices(name.text, names, "the stages are"));
    }
    return stage;
}

bool Model::clone(const Statement& s) {
    bool good = free_name(s.stage);
    const ir::Definition* source = stage_to_read(s.source);
    std::vector<std::string> consumers;
    for (const Name& each : s.names) {
        const ir::Definition* consumer = stage_to_read(each);
        if (source == nullptr || consumer == nullptr) {
            good = false;
            continue;
        }
        const std::vector<std::string> reads = ir::reads(*consumer);
        if (std::ranges::find(reads, s.source.text) == reads.end()) {
            good = error("S051", each.span, fmt::format("`{}` does not read `{}`", each.text, s.source.text),
                         fmt::format("it reads {}", quoted_list(reads)));
        }
        consumers.push_back(each.text);
    }
    if (!good || source == nullptr) {
        return false;
    }
    if (Stage& before = stages_.at(s.source.text); before.broken) {
        return false;
    }
    const std::string origin = stages_.at(s.source.text).origin;
    rewritten(schedule::clone(kernel_, s.source.text, consumers, s.stage.text));
    made(s.stage.text, origin, s.span);
    return true;
}

bool Model::join(const Statement& s) {
    bool good = free_name(s.stage);
    std::vector<std::string> names;
    for (const Name& each : s.names) {
        const ir::Definition* stage = stage_to_read(each);
        good = good && stage != nullptr;
        if (std::ranges::find(names, each.text) != names.end()) {
            good = error("S097", each.span, fmt::format("`{}` is listed twice", each.text),
                         "a stage is joined with others");
        }
        if (stage != nullptr && (stages_.at(each.text).has_loop_steps() || blocks_.contains(each.text))) {
            good = error(
                "S055", s.span,
                fmt::format("`{}` has directives already, and `join` moves its loops to `{}`", each.text, s.stage.text),
                fmt::format("write `stage {} = join ...` above the block of `{}`", s.stage.text, each.text),
                {{stages_.at(each.text).block, "the directives"}});
        }
        names.push_back(each.text);
    }
    if (!good) {
        return false;
    }
    if (const std::string obstacle = join_obstacle(kernel_, names); !obstacle.empty()) {
        return error(
            "S097", s.span, fmt::format("these stages cannot be joined: {}", obstacle),
            "joined are maps, or sums, products, minima and the like over the same reduced dims, or what computes "
            "the same; they have the same dims, and none reads another");
    }
    // The loops are those of the first one.
    const ir::Definition& first = definition(names.front());
    for (const std::string& name : names) {
        const ir::Definition& each = definition(name);
        const bool in_order = !each.reduction || each.reduction->dims == first.reduction->dims;
        if (!in_order && !keeps_numerics(each, "the join", s.span)) {
            return false;
        }
    }
    rewritten(schedule::join(kernel_, names, s.stage.text));
    for (const std::string& name : names) {
        Stage old = std::move(stages_.at(name));
        const std::string origin = old.origin;
        made(name, origin, old.span);
        Stage& fresh = stages_.at(name);
        fresh.where = old.where; // another statement may have placed it
        fresh.place = old.place;
        fresh.where_span = old.where_span;
        fresh.where_via = old.where_via;
    }
    made(s.stage.text, stages_.at(names.front()).origin, s.span);
    Stage& fresh = stages_.at(s.stage.text);
    place_as_said(fresh, s);
    return true;
}

} // namespace coulter::schedule::detail
