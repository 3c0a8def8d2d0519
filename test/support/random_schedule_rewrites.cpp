// Statements of random schedules that make stages: copies, packed sources, accumulators, factored reductions, clones,
// joins.

#include "random_schedule_draft.hpp"

#include "coulter/schedule/rewrite.hpp"

#include <algorithm>

namespace coulter::test {
namespace {

using schedule::display_name;

void copy(ScheduleDraft& draft) {
    const ir::Definition& consumer = draft.pick(draft.kernel.definitions);
    const std::vector<std::string> reads = ir::reads(consumer);
    const std::string name = "copy" + std::to_string(++draft.made);
    if (reads.empty() || consumer.name.rfind("copy", 0) == 0) {
        return;
    }
    const std::string producer = draft.pick(reads);
    draft.text += "stage " + name + " = copy " + producer + " for " + consumer.name + "\n";
    draft.kernel = schedule::copy(draft.kernel, producer, consumer.name, name);
}

void clone(ScheduleDraft& draft) {
    const ir::Definition& consumer = draft.pick(draft.kernel.definitions);
    std::vector<std::string> reads = ir::reads(consumer);
    std::erase_if(reads, [&](const std::string& read) { return draft.kernel.find_definition(read) == nullptr; });
    if (reads.empty()) {
        return;
    }
    const std::string source = draft.pick(reads);
    const std::string name = "clone" + std::to_string(++draft.made);
    draft.text += "clone " + source + " for " + consumer.name + " as " + name + "\n";
    draft.kernel = schedule::clone(draft.kernel, source, {consumer.name}, name);
}

void join(ScheduleDraft& draft) {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const ir::Definition& a : draft.kernel.definitions) {
        for (const ir::Definition& b : draft.kernel.definitions) {
            if (a.name < b.name && schedule::join_obstacle(draft.kernel, {a.name, b.name}).empty()) {
                pairs.emplace_back(a.name, b.name);
            }
        }
    }
    if (pairs.empty()) {
        return;
    }
    const auto [a, b] = draft.pick(pairs);
    const std::string name = "join" + std::to_string(++draft.made);
    draft.text += "stage " + name + " = join " + a + " " + b + "\n";
    draft.kernel = schedule::join(draft.kernel, {a, b}, name);
}

void pack(ScheduleDraft& draft) {
    std::vector<std::string> sources;
    for (const ir::Input& input : draft.kernel.inputs) {
        sources.push_back(input.name);
    }
    for (const ir::Definition& definition : draft.kernel.definitions) {
        if (definition.types.size() == 1) {
            sources.push_back(definition.name);
        }
    }
    if (sources.empty()) {
        return;
    }
    const std::string source = draft.pick(sources);
    std::vector<std::string> dims = draft.kernel.dims_of(source);
    const bool is_read = std::any_of(draft.kernel.definitions.begin(), draft.kernel.definitions.end(),
                                     [&](const ir::Definition& definition) {
                                         const std::vector<std::string> reads = ir::reads(definition);
                                         return std::find(reads.begin(), reads.end(), source) != reads.end();
                                     });
    if (dims.empty() || !is_read || !draft.packed.insert(source).second) {
        return;
    }
    std::vector<schedule::PackTile> tiles;
    std::string by;
    for (int i = 1 + draft.below(2); i > 0 && !dims.empty(); --i) {
        const auto at = dims.begin() + draft.below(static_cast<int>(dims.size()));
        tiles.push_back({*at, draft.factor()});
        by += " " + display_name(*at) + " " + std::to_string(tiles.back().factor);
        dims.erase(at);
    }
    const ir::Input* input = draft.kernel.find_input(source);
    const bool once = input != nullptr && input->frozen && draft.chance(50);
    const std::string name = "packed" + std::to_string(++draft.made);
    draft.text += "stage " + name + " = pack " + source + " by" + by + (once ? " once" : " per call") + "\n";
    draft.kernel = schedule::pack(draft.kernel, source, tiles, name);
    if (once) {
        draft.fixed.insert(name);
    }
}

std::vector<std::string> reductions(const ScheduleDraft& draft) {
    std::vector<std::string> names;
    for (const ir::Definition& definition : draft.kernel.definitions) {
        if (definition.reduction && definition.reduction->into.empty() && draft.fixed.count(definition.name) == 0) {
            names.push_back(definition.name);
        }
    }
    return names;
}

void accumulate(ScheduleDraft& draft) {
    const std::vector<std::string> stages = reductions(draft);
    if (stages.empty()) {
        return;
    }
    const std::string stage = draft.pick(stages);
    const std::string name = stage + ".acc" + std::to_string(++draft.made);
    draft.text += "stage " + name + " = accumulate " + stage + "\n";
    draft.kernel = schedule::accumulate(draft.kernel, stage, name);
    draft.accumulators[stage] = name;
}

// Of a whole dim: no loop is split before the blocks are drawn.
void rfactor(ScheduleDraft& draft) {
    const std::vector<std::string> stages = reductions(draft);
    if (stages.empty()) {
        return;
    }
    const std::string stage = draft.pick(stages);
    const ir::Definition& definition = *draft.kernel.find_definition(stage);
    if (!draft.reorders(definition)) {
        return;
    }
    const std::string dim = draft.pick(definition.reduction->dims);
    const std::string name = stage + ".part" + std::to_string(++draft.made);
    draft.text += "rfactor " + stage + ": " + display_name(dim) + " as " + name + "\n";
    draft.kernel = schedule::rfactor(draft.kernel, stage, dim, 1, schedule::RfactorPart::whole, name);
}

bool is_exact_float(const ScheduleDraft& draft, const ir::Definition& definition) {
    return draft.options.numerics == schedule::Numerics::exact &&
           std::any_of(definition.types.begin(), definition.types.end(), is_float);
}

// Of a scatter, parts that are scatters of their own.
void privatise(ScheduleDraft& draft, const ir::Definition& definition) {
    if (is_exact_float(draft, definition)) {
        return;
    }
    const std::string stage = definition.name;
    const std::string dim = draft.pick(definition.reduction->dims);
    const std::string name = stage + ".part" + std::to_string(++draft.made);
    const std::int64_t factor = draft.factor();
    const bool outer = draft.chance(50);
    const std::string half = display_name(dim) + (outer ? ".o" : ".i");
    draft.text += "stage " + stage + " { split " + display_name(dim) + " by " + std::to_string(factor) + " }\n";
    draft.text += "rfactor " + stage + ": " + half + " as " + name + "\n";
    draft.fixed.insert(stage); // it has a block
    draft.kernel = schedule::rfactor(draft.kernel, stage, dim, factor,
                                     outer ? schedule::RfactorPart::outer : schedule::RfactorPart::inner, name);
}

void chunk(ScheduleDraft& draft, const ir::Definition& definition) {
    if (is_exact_float(draft, definition)) {
        return;
    }
    const std::string stage = definition.name;
    const std::string name = stage + ".chunk" + std::to_string(++draft.made);
    const std::int64_t factor = draft.factor();
    draft.text += "stage " + name + " = chunk " + stage + " by " + display_name(definition.scan->dim) + " " +
                  std::to_string(factor) + "\n";
    draft.kernel = schedule::chunk(draft.kernel, stage, factor, name);
}

/// Splits one stage of those that run in an order; whether there is one.
bool split_ordered(ScheduleDraft& draft) {
    std::vector<const ir::Definition*> stages;
    for (const ir::Definition& each : draft.kernel.definitions) {
        const bool scatters = each.reduction && !each.reduction->into.empty();
        const bool scans = each.scan && each.scan->associative;
        if ((scatters || scans) && draft.fixed.count(each.name) == 0) {
            stages.push_back(&each);
        }
    }
    if (stages.empty()) {
        return false;
    }
    const ir::Definition definition = *draft.pick(stages);
    definition.scan ? chunk(draft, definition) : privatise(draft, definition);
    return true;
}

} // namespace

void draw_rewrite(ScheduleDraft& draft) {
    if (std::any_of(draft.kernel.definitions.begin(), draft.kernel.definitions.end(),
                    [](const ir::Definition& each) {
                        return each.scan || (each.reduction && !each.reduction->into.empty());
                    }) &&
        draft.chance(30) && split_ordered(draft)) {
        return;
    }
    switch (draft.below(6)) {
    case 4: clone(draft); break;
    case 5: join(draft); break;
    case 0: copy(draft); break;
    case 1: pack(draft); break;
    case 2: accumulate(draft); break;
    default: rfactor(draft); break;
    }
}

} // namespace coulter::test
