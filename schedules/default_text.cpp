// Shapes as text.

#include "default_text.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "default_dots.hpp"
#include "default_lines.hpp"
#include "default_ordered.hpp"
#include "default_reduced.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace coulter::schedule {
namespace {

/// A loop outside the tile of a stage, which may be a task.
struct TaskLoop {
    std::string name;
    std::int64_t extent = 1;
};

/// Work, in simple operations, below which a task costs more to hand out than it brings; and tasks that each thread
/// should have at least, so that none waits long for the last one.
constexpr double worth_a_task = 400000;
constexpr std::int64_t tasks_per_thread = 8;

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

class Writer : private DefaultLines {
public:
    Writer(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : DefaultLines(analysis.kernel()), kernel_(analysis.kernel()), analysis_(analysis), shapes_(shapes) {
        for (const ir::Definition& definition : kernel_.definitions) {
            const StageShape& shape = shapes_.at(definition.name);
            if (!shape.host.empty()) {
                std::size_t& most = fusable_.emplace(shape.host, shape.depth).first->second;
                most = std::min(most, shape.kept > 0 ? shape.kept : shape.depth);
            }
        }
    }

    DefaultText run() {
        // Hosts come first: what is computed in them asks for the names of their loops.
        for (auto at = kernel_.definitions.rbegin(); at != kernel_.definitions.rend(); ++at) {
            stage(*at);
        }
        return {text(), packs_made_};
    }

private:
    void stage(const ir::Definition& definition) {
        const StageShape& shape = shapes_.at(definition.name);
        const std::string& name = definition.name;
        switch (shape.strategy) {
        case Strategy::given:
        case Strategy::accumulated: break; // with its owner
        case Strategy::inlined:
            line(fmt::format("stage {} {{ compute inline }}", name), "cheaper to compute again than to store");
            break;
        case Strategy::sequential:
            open(name);
            placement(definition, shape);
            ordered(definition, shape);
            close();
            break;
        case Strategy::stepwise:
            if (!shape.accumulator.empty()) {
                accumulate(definition, shape, *kernel_.find_definition(shape.accumulator), shape.accumulator);
                break;
            }
            open(name);
            placement(definition, shape);
            outer_nest(definition, shape, work_of(analysis_, name), false);
            close();
            break;
        case Strategy::map:
            open(name);
            placement(definition, shape);
            outer_nest(definition, shape, work_of(analysis_, name), false);
            close();
            break;
        case Strategy::total:
            open(name);
            placement(definition, shape);
            if (shape.one_value) {
                step("store in registers", "one value at a time");
            }
            if (shape.vector.reduced) {
                steps(partial_sum_steps(analysis_, definition, shape.vector));
            }
            close();
            break;
        case Strategy::write_out:
            packs(shape, *kernel_.find_definition(shape.accumulator));
            accumulate(definition, shape, *kernel_.find_definition(shape.accumulator), shape.accumulator);
            break;
        case Strategy::reduction: {
            packs(shape, definition);
            const std::string accumulator = free_name(name + ".acc");
            line(fmt::format("stage {} = accumulate {}", accumulator, name), "results stay in registers until final");
            accumulate(definition, shape, definition, accumulator);
            break;
        }
        }
    }

    void placement(const ir::Definition& definition, const StageShape& shape) {
        if (!shape.host.empty()) {
            step(fmt::format("compute at {}/{}", shape.host, loops_.at(shape.host).at(shape.depth - 1)),
                 "a slice that stays in the cache");
            if (shape.kept > 0) {
                step(fmt::format("store at {}/{}", shape.host, loops_.at(shape.host).at(shape.kept - 1)),
                     "what the next step reads too is kept");
            }
        } else {
            step("compute root", kernel_.is_output(definition.name) ? "an output"
                                 : Analysis::is_packed(definition)  ? "made once, for all tasks"
                                                                    : "read more often than it is cheap");
        }
        // The vector of a copy lies along one of its tiles, and would be innermost.
        const std::size_t rank = definition.dims.size();
        const bool has_tiles = Analysis::is_packed(definition) && rank > 1 &&
                               definition.dims[rank - 2].starts_with(definition.name + ":") &&
                               definition.dims[rank - 2].ends_with(".i");
        if ((has_tiles || analysis_.layout(definition.name) != definition.dims) &&
            !kernel_.is_output(definition.name) && !shape.one_value) {
            std::vector<std::string> dims;
            for (const std::string& dim : analysis_.layout(definition.name)) {
                dims.push_back(display_name(dim));
            }
            step("layout " + joined(dims), "contiguous for most that read or write it");
        }
    }

    void ordered(const ir::Definition& definition, const StageShape& shape) {
        const OrderedNest nest = ordered_nest(analysis_, definition, shape.region.value_or(Region(analysis_)));
        steps(nest.steps);
        steps(nest.marks);
        std::vector<TaskLoop> outer;
        for (const auto& [name, extent] : nest.outer) {
            outer.push_back({name, extent});
        }
        if (!outer.empty()) {
            parallel(definition, shape, std::move(outer), work_of(analysis_, definition.name), false);
        }
    }

    /// The nest that writes results out, and that of the accumulators below it.
    void accumulate(const ir::Definition& write_out, const StageShape& shape, const ir::Definition& reduction,
                    const std::string& accumulator) {
        open(write_out.name);
        placement(write_out, shape);
        double total = work_of(analysis_, reduction.name);
        total += write_out.name == reduction.name ? 0 : work_of(analysis_, write_out.name);
        const std::string place = outer_nest(write_out, shape, total, true);
        close();

        open(accumulator);
        step(fmt::format("compute at {}/{}", write_out.name, place), "one tile at a time");
        step("store in registers", "a tile is small enough");
        if (shape.has_tile()) {
            steps(tile_steps(analysis_, reduction, shape.tile));
        } else if (shape.vector.reduced) {
            steps(partial_sum_steps(analysis_, reduction, shape.vector));
        }
        close();
        if (shape.has_tile()) {
            open(accumulator + ".init");
            steps(start_steps(shape.tile));
            close();
        }
    }

    /// Copies of frozen tensors in which the vectorized dim is contiguous.
    void packs(const StageShape& shape, const ir::Definition& definition) {
        if (!shape.has_tile()) {
            return;
        }
        const TileDim& vector = shape.tile.vector;
        if (pack_for_dot(shape, definition)) {
            return;
        }
        for (const ir::Ref& access : analysis_.reads(definition.name)) {
            const std::optional<std::int64_t> stride = analysis_.stride(*access, vector.dim);
            if (stride != 0 && stride != 1 && is_packable(analysis_, *access, vector.dim) &&
                analysis_.decided("pack", definition.name, {"once", "no"}) != "no" &&
                packed_.insert(access->name).second) {
                pack(access->name, {{vector.dim, vector.size}},
                     fmt::format("contiguous along {}", display_name(vector.dim)));
            }
        }
    }

    /// Whether the tile of the definition is one of dot products; its frozen factor is packed.
    bool pack_for_dot(const StageShape& shape, const ir::Definition& definition) {
        const TileDim& vector = shape.tile.vector;
        const std::optional<DotChoice> dot = choose_dot(analysis_, definition, vector.dim);
        if (dot && packed_.insert(dot->packed).second) {
            pack(dot->packed, {{vector.dim, vector.size}, {dot->dim, dot->factor}},
                 fmt::format("lanes along {}, and in each what is added at once", display_name(vector.dim)));
        }
        return dot.has_value();
    }

    void pack(const std::string& source, const std::vector<PackTile>& tiles, const std::string& reason) {
        const std::string name = free_name(source + ".packed");
        std::string by;
        for (const PackTile& tile : tiles) {
            by += fmt::format(" {} {}", display_name(tile.dim), tile.factor);
        }
        packs_made_.push_back({name, source, tiles});
        line(fmt::format("stage {} = pack {} by{} once", name, source, by), reason);
    }

    /// Loops of a map or of the write-out of a reduction; returns the innermost loop outside the tile. `keep_outer`:
    /// there must be one.
    std::string outer_nest(const ir::Definition& definition, const StageShape& shape, double total, bool keep_outer) {
        std::vector<TileDim> tiled;
        if (shape.has_tile()) {
            tiled.push_back(shape.tile.vector);
        }
        tiled.insert(tiled.end(), shape.tile.unrolled.begin(), shape.tile.unrolled.end());
        std::vector<TaskLoop> outer;   // outermost first
        std::set<std::string> ordered; // dims whose tiles have their place in the order already
        std::map<std::string, std::int64_t> blocks;
        for (const OuterLoop& loop : shape.outer) {
            const std::string name = display_name(loop.dim);
            const std::int64_t steps = (analysis_.extent(loop.dim) + loop.block - 1) / loop.block;
            if (loop.tiled) {
                ordered.insert(loop.dim);
                const auto block = blocks.find(loop.dim);
                const bool blocked = block != blocks.end();
                outer.push_back({name + (blocked ? ".i.o" : ".o"), blocked ? block->second / loop.block : steps});
            } else if (loop.block > 1) {
                const bool has_indices =
                    std::any_of(shape.outer.begin(), shape.outer.end(), [&](const OuterLoop& other) {
                        return other.dim == loop.dim && other.block == 1 && !other.tiled;
                    });
                step(fmt::format("split {} by {}", name, loop.block),
                     has_indices ? "what is read in a task serves several indices"
                                 : "what its tiles read of other stages stays in the cache");
                blocks[loop.dim] = loop.block;
                outer.push_back({name + ".o", steps});
            } else if (const auto block = blocks.find(loop.dim); block != blocks.end()) {
                outer.push_back({name + ".i", block->second});
            } else {
                outer.push_back({name, analysis_.extent(loop.dim)});
            }
        }
        const bool splits = std::any_of(tiled.begin(), tiled.end(), [](const TileDim& tile) { return !tile.whole; });
        if (keep_outer && outer.empty() && !splits && !tiled.empty()) {
            tiled.front().whole = false; // a loop of one step, to compute the tile in
        }
        std::vector<std::string> inner; // innermost first
        for (const TileDim& tile : tiled) {
            const std::string loop = display_name(tile.dim) + (blocks.count(tile.dim) != 0 ? ".i" : "");
            if (tile.whole) {
                inner.push_back(loop);
                continue;
            }
            const bool is_vector = tile.dim == shape.tile.vector.dim;
            step(fmt::format("split {} by {}", loop, tile.size),
                 !is_vector                      ? "what is loaded once serves several results"
                 : tile.size == shape.tile.lanes ? fmt::format("a vector of {} lanes", tile.size)
                                                 : fmt::format("vectors of {} lanes", shape.tile.lanes));
            inner.push_back(loop + ".i");
            if (ordered.count(tile.dim) == 0) {
                outer.push_back({loop + ".o", (analysis_.extent(tile.dim) + tile.size - 1) / tile.size});
            }
        }
        std::vector<std::string> order = inner;
        for (auto loop = outer.rbegin(); loop != outer.rend(); ++loop) {
            order.push_back(loop->name);
        }
        std::vector<std::string> stepped;
        for (const std::string& dim : shape.stepped) {
            stepped.push_back(display_name(dim));
        }
        order.insert(order.end() - (outer.empty() ? 0 : 1), stepped.rbegin(), stepped.rend());
        if (!stepped.empty()) {
            step("reorder " + joined(order), "all results of a step, then those of the next");
        } else if (order.size() > 1 && !inner.empty()) {
            step("reorder " + joined(order), "the tile innermost");
        } else if (!is_in_order(definition.dims, shape.outer)) {
            step("reorder " + joined(order), "as it was decided");
        }
        if (shape.has_tile()) {
            step("vectorize " + inner.front(), "contiguous, or the same for all lanes");
        }
        if (inner.size() > 1) {
            step("unroll " + joined({inner.begin() + 1, inner.end()}), "so that each result is a register");
        }
        const bool is_inside_steps = outer.size() > 1;
        const std::string place = parallel(definition, shape, std::move(outer), total, keep_outer);
        return stepped.empty() || is_inside_steps ? place : stepped.back();
    }

    /// Whether loops stand as a nest has them before any directive.
    static bool is_in_order(const std::vector<std::string>& dims, const std::vector<OuterLoop>& loops) {
        const auto position = [&](const OuterLoop& loop) { return std::find(dims.begin(), dims.end(), loop.dim); };
        return std::is_sorted(loops.begin(), loops.end(),
                              [&](const OuterLoop& a, const OuterLoop& b) { return position(a) < position(b); });
    }

    /// How many iterations of a parallel loop of `steps` make a task.
    [[nodiscard]] std::int64_t grain_of(double total, std::int64_t steps) const {
        const std::int64_t most = steps / (tasks_per_thread * analysis_.options().threads);
        std::int64_t grain = 1;
        while (2 * grain <= most && total / static_cast<double>(steps) * static_cast<double>(grain) < worth_a_task) {
            grain *= 2;
        }
        return grain;
    }

    /// Makes the outer loops tasks, and remembers their names for what is computed in them.
    std::string parallel(const ir::Definition& definition, const StageShape& shape, std::vector<TaskLoop> outer,
                         double total, bool has_accumulators) {
        std::vector<std::string>& names = loops_[definition.name];
        for (const TaskLoop& loop : outer) {
            names.push_back(loop.name);
        }
        if (!shape.host.empty() || total < worth_threads || outer.empty()) {
            if (outer.empty()) {
                // Only loops of the host are left outside: each has one iteration here.
                const auto& own = definition.dims;
                return own.empty() ? std::string() : display_name(own.back());
            }
            return outer.back().name;
        }
        const auto hosted = fusable_.find(definition.name);
        std::size_t most = hosted == fusable_.end() ? outer.size() : hosted->second;
        if (hosted != fusable_.end() || has_accumulators) {
            // Inside a loop fused of three, Halide no longer knows that the middle one takes a single step: what is
            // computed there, or further inside, would cover all of it.
            most = std::min<std::size_t>(most, 2);
        }
        if (!shape.stepped.empty()) {
            most = 1; // the steps lie between the loops
        }
        const std::int64_t wanted = std::int64_t{2} * analysis_.options().threads;
        const auto grain_decided =
            analysis_.decided("grain", definition.name, {"serial", "1", "2", "4", "8", "16", "32", "64"});
        if (grain_decided && *grain_decided == "serial") {
            return outer.back().name;
        }
        std::vector<std::string> counts;
        for (std::size_t count = 1; count <= std::min<std::size_t>(most, 3); ++count) {
            counts.push_back(std::to_string(count));
        }
        const auto fuse_decided = analysis_.decided("fuse", definition.name, counts, true);
        std::size_t fused_loops = 1;
        std::int64_t tasks = outer.front().extent;
        while (fuse_decided ? fused_loops < std::stoul(*fuse_decided) : fused_loops < most && tasks < wanted) {
            tasks *= outer[fused_loops++].extent;
        }
        // From the inside: fused the other way round, the index of a middle loop is computed inside the loops below.
        std::string task = outer[fused_loops - 1].name;
        for (std::size_t i = fused_loops - 1; i-- > 0;) {
            const std::string fused = fmt::format("{}.{}", outer[i].name, task);
            step(fmt::format("fuse {} {} as {}", task, outer[i].name, fused), "enough tasks for all threads");
            task = fused;
        }
        outer.erase(outer.begin(), outer.begin() + static_cast<std::ptrdiff_t>(fused_loops - 1));
        outer.front() = {task, tasks};
        for (std::size_t i = 0; i < fused_loops; ++i) {
            names[i] = outer.front().name;
        }
        if (outer.front().extent > 1) {
            std::string loop = outer.front().name;
            const std::int64_t grain = grain_decided      ? std::stoll(*grain_decided)
                                       : fused_loops == 1 ? grain_of(total, outer.front().extent)
                                                          : 1;
            if (grain > 1) {
                step(fmt::format("split {} by {}", loop, grain), "a task that is worth handing out");
                if (outer.size() == 1) {
                    outer.front().name = loop + ".i";
                }
                names.front() = loop + ".i";
                loop += ".o";
            }
            step("parallel " + loop, "tasks of the threads");
        }
        return outer.back().name;
    }

    const ir::Kernel& kernel_;
    const Analysis& analysis_;
    const std::map<std::string, StageShape>& shapes_;
    std::map<std::string, std::vector<std::string>> loops_; ///< of hosts, by depth; fused ones share a name
    std::map<std::string, std::size_t> fusable_;            ///< outer loops of a host that may become one
    std::set<std::string> packed_;
    std::vector<PackMade> packs_made_;
};

} // namespace

DefaultText text_of(const Analysis& analysis, const std::map<std::string, StageShape>& shapes) {
    return Writer(analysis, shapes).run();
}

} // namespace coulter::schedule
