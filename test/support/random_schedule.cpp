// The generator of random schedules: the blocks of all stages, readers first, and where each is computed and kept.

#include "random_schedule_draft.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "coulter/schedule/syntax.hpp"

#include <algorithm>

namespace coulter::test {
namespace {

using schedule::display_name;

/// The pattern of a fast reduction: constant tiles of some dims, kept in registers (or on the stack) and unrolled.
void register_tile(ScheduleDraft& draft, const ir::Definition& write_out, const ir::Definition& reduction) {
    Nest nest;
    std::string splits;
    std::string inner; // innermost first
    std::string outer;
    std::string tiled;
    int copies = 1;
    for (std::size_t i = write_out.dims.size(); i-- > 0;) {
        const std::string loop = display_name(write_out.dims[i]);
        const auto by = draft.pick<std::int64_t>({1, 2, 3, 4, 8});
        const bool split = copies * by <= 32 && (draft.chance(60) || i == 0);
        outer += " " + loop + (split ? ".o" : "");
        nest.loops.insert(nest.loops.begin(), {loop + (split ? ".o" : ""), false, std::nullopt, !split, ""});
        if (split) {
            copies *= static_cast<int>(by);
            splits += "  split " + loop + " by " + std::to_string(by) + (draft.chance(20) ? " tail predicate\n" : "\n");
            inner += " " + loop + ".i";
            tiled += " " + loop;
        }
    }
    const std::string place = nest.loops.back().name;
    const std::string first = inner.empty() ? "" : inner.substr(1, inner.find(' ', 1) - 1);
    const bool vector = !inner.empty() && draft.chance(60);
    const std::string rest = vector ? inner.substr(1 + first.size()) : inner;
    draft.text +=
        "stage " + write_out.name + " {\n" + (draft.kernel.is_output(write_out.name) ? "" : "  compute root\n");
    draft.text += splits + (inner.empty() ? "" : "  reorder" + inner + outer + "\n");
    draft.text += (vector ? "  vectorize " + first + "\n" : "") + (rest.empty() ? "" : "  unroll" + rest + "\n");
    if (draft.options.parallel && draft.chance(40)) {
        draft.text += "  parallel " + nest.loops.front().name + "\n";
    }
    draft.text += "}\n";
    nest.placeable = false;
    draft.nests[write_out.name] = nest;

    Nest sums = nest_of(draft, reduction, false);
    const std::string lane = tiled.empty() ? "" : tiled.substr(1, tiled.find(' ', 1) - 1);
    draft.text += "stage " + reduction.name + " {\n  compute at " + write_out.name + "/" + place + "\n";
    draft.text += draft.chance(80) ? "  store in registers\n" : "  store in stack\n";
    if (!tiled.empty() && !reduction.reduction->dims.empty()) {
        std::string reduced;
        for (auto dim = reduction.reduction->dims.rbegin(); dim != reduction.reduction->dims.rend(); ++dim) {
            reduced += " " + display_name(*dim);
        }
        draft.text += "  reorder" + tiled + reduced + "\n";
    }
    const std::string others = vector ? tiled.substr(1 + lane.size()) : tiled;
    draft.text += (vector ? "  vectorize " + lane + "\n" : "") + (others.empty() ? "" : "  unroll" + others + "\n");
    draft.text += "}\n";
    sums.placeable = false;
    draft.nests[reduction.name] = sums;
}

/// Where the stage is computed; true when inline.
bool placement(ScheduleDraft& draft, const ir::Definition& definition, std::string& lines) {
    if (draft.kernel.is_output(definition.name) && !draft.careless()) {
        if (draft.chance(30)) {
            lines += "  compute root\n";
        }
        return false;
    }
    const bool is_map = !definition.reduction && !definition.scan;
    if (is_map && draft.chance(25)) {
        lines += "  compute inline\n";
        return true;
    }
    std::vector<std::string> readers;
    for (const ir::Definition& reader : draft.kernel.definitions) {
        const std::vector<std::string> reads = ir::reads(reader);
        if (std::find(reads.begin(), reads.end(), definition.name) != reads.end()) {
            readers.push_back(reader.name);
        }
    }
    if (readers.size() == 1 && draft.nests.count(readers.front()) != 0 && draft.nests.at(readers.front()).placeable &&
        draft.chance(75)) {
        const std::vector<Loop>& loops = draft.nests.at(readers.front()).loops;
        std::size_t legal = 0; // not inside a vectorized loop
        while (legal < loops.size() && loops[legal].mark != "vectorize") {
            ++legal;
        }
        if (legal > 0) {
            std::size_t first = 0;
            const auto end = loops.begin() + static_cast<std::ptrdiff_t>(legal);
            const auto nested = std::find_if(loops.begin(), end, [](const Loop& loop) { return loop.fuses > 1; });
            if (draft.options.nested_fuses && nested != end) {
                first = static_cast<std::size_t>(nested - loops.begin());
            }
            const std::size_t at = first + static_cast<std::size_t>(draft.below(static_cast<int>(legal - first)));
            lines += "  compute at " + readers.front() + "/" + loops[at].name + "\n";
            if (draft.chance(20)) {
                const auto store = static_cast<std::size_t>(draft.below(static_cast<int>(at) + 1));
                const bool crosses = std::any_of(loops.begin() + static_cast<std::ptrdiff_t>(store),
                                                 loops.begin() + static_cast<std::ptrdiff_t>(at) + 1,
                                                 [](const Loop& loop) { return loop.mark == "parallel"; });
                if (!crosses) {
                    lines += "  store at " + readers.front() + "/" + loops[store].name + "\n";
                }
            }
            return false;
        }
    }
    lines += "  compute root\n";
    return false;
}

void memory(ScheduleDraft& draft, const ir::Definition& definition, std::string& lines) {
    if (draft.kernel.is_output(definition.name)) {
        return;
    }
    const bool placed = lines.find("compute at") != std::string::npos;
    if (draft.chance(15)) {
        lines += "  store in heap\n";
    } else if (placed && lines.find("store") == std::string::npos && draft.chance(15)) {
        lines += "  store in stack\n";
    }
    if (definition.dims.size() > 1 && draft.chance(25)) {
        std::vector<std::string> dims = definition.dims;
        for (std::size_t i = dims.size(); i > 1; --i) {
            std::swap(dims[i - 1], dims[static_cast<std::size_t>(draft.below(static_cast<int>(i)))]);
        }
        lines += "  layout";
        for (const std::string& dim : dims) {
            lines += " " + display_name(dim);
        }
        lines += "\n";
    }
}

void draw_stage(ScheduleDraft& draft, const std::string& name) {
    const ir::Definition& definition = *draft.kernel.find_definition(name);
    Nest nest = nest_of(draft, definition, false);
    if (draft.fixed.count(name) != 0 || draft.nests.count(name) != 0) {
        return;
    }
    const auto accumulator = draft.accumulators.find(name);
    if (accumulator != draft.accumulators.end() && !definition.dims.empty() && !definition.reduction) {
        const ir::Definition& reduction = *draft.kernel.find_definition(accumulator->second);
        if (reduction.reduction && draft.chance(60)) {
            register_tile(draft, definition, reduction);
            return;
        }
    }
    if (draft.chance(20)) { // the default schedule, whose loops are unknown here
        nest.placeable = false;
        draft.nests[name] = nest;
        return;
    }
    std::string lines;
    const bool inlined = placement(draft, definition, lines);
    if (!inlined) {
        memory(draft, definition, lines);
        for (int i = draft.below(draft.options.directives + 1); i > 0; --i) {
            draw_loop_directive(draft, definition, nest, lines, false);
        }
        draw_lanes(draft, definition, nest, lines);
    }
    nest.placeable = nest.placeable && !inlined;
    if (!lines.empty()) {
        draft.text += "stage " + name + " {\n" + lines + "}\n";
    }
    draft.nests[name] = nest;
    if (!inlined && definition.reduction && draft.chance(30)) {
        Nest init = nest_of(draft, definition, true);
        lines.clear();
        for (int i = 1 + draft.below(2); i > 0; --i) {
            draw_loop_directive(draft, definition, init, lines, true);
        }
        if (!lines.empty()) {
            draft.text += "stage " + name + ".init {\n" + lines + "}\n";
        }
    }
}

} // namespace

Nest nest_of(const ScheduleDraft& draft, const ir::Definition& definition, bool init) {
    Nest nest;
    const auto add = [&](const std::string& dim, bool reduced) {
        nest.loops.push_back({display_name(dim), reduced, draft.kernel.find_dim(dim)->size, true, ""});
    };
    for (const std::string& dim : definition.dims) {
        const bool is_bound =
            definition.reduction && std::any_of(definition.reduction->into.begin(), definition.reduction->into.end(),
                                                [&](const ir::Into& into) { return into.dim == dim; });
        const bool is_scanned = definition.scan && definition.scan->dim == dim;
        if (init || (!is_bound && !is_scanned)) {
            add(dim, false);
        }
    }
    if (!init && definition.reduction) {
        for (const std::string& dim : definition.reduction->dims) {
            add(dim, true);
        }
    } else if (!init && definition.scan) {
        add(definition.scan->dim, true);
    }
    return nest;
}

bool ScheduleDraft::reorders(const ir::Definition& stage) const {
    if (!stage.reduction || !stage.reduction->into.empty() || stage.reduction->op == ir::ReduceOp::custom) {
        return false; // `combine` need not commute
    }
    const bool sums = stage.reduction->op == ir::ReduceOp::sum || stage.reduction->op == ir::ReduceOp::product;
    return options.numerics != schedule::Numerics::exact || !sums || !is_float(stage.types.front());
}

std::string random_schedule(const ir::Kernel& kernel, std::uint64_t seed, const RandomScheduleOptions& options) {
    ScheduleDraft draft(kernel, seed, options);
    draft.text = "schedule " + kernel.name + "\nnumerics " + std::string(schedule::name(options.numerics)) + "\n";
    for (int i = draft.below(options.rewrites + 1); i > 0; --i) {
        draw_rewrite(draft);
    }
    // Consumers first, so that their loops are known where a producer is placed.
    std::vector<std::string> order;
    for (auto at = draft.kernel.definitions.rbegin(); at != draft.kernel.definitions.rend(); ++at) {
        order.push_back(at->name);
    }
    for (const std::string& name : order) {
        draw_stage(draft, name);
    }
    return draft.text;
}

} // namespace coulter::test
