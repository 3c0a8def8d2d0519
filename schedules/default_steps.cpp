#include "default_steps.hpp"

#include "coulter/schedule/rewrite.hpp"
#include "default_costs.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/core.h>

namespace coulter::schedule {
namespace {

/// Steps of a dim from which on it is worth a loop of its own, and those of all others that one result then adds in
/// registers.
constexpr std::int64_t many_steps = 8;
constexpr double worth_registers = 32;
/// How many times shorter the estimate must be: it is rough.
constexpr double worth_stepping = 1.5;
/// Parts of what is read that results of the tasks' own may be.
constexpr double share_of_parts = 0.25;
/// Tasks of a loop over segments: each goes through all steps.
constexpr std::int64_t segment_tasks_per_thread = 4;

bool reads_data(const ir::Ref& index) {
    const std::vector<const ir::Node*> nodes = ir::postorder({index});
    return std::any_of(nodes.begin(), nodes.end(), [](const ir::Node* node) { return node->kind == ir::Kind::access; });
}

} // namespace

std::vector<std::string> dims_limited_by_steps(const ir::Kernel& kernel, const ir::Definition& stage) {
    std::vector<std::string> limited;
    if (!stage.reduction || !stage.reduction->where || !stage.reduction->into.empty()) {
        return limited;
    }
    const auto is_result = [&](const std::string& dim) { return has(stage.dims, dim); };
    for (const ir::Node* node : ir::postorder({stage.reduction->where})) {
        if (node->kind != ir::Kind::binary || node->type != Type::boolean || node->args[0]->type != Type::index) {
            continue;
        }
        for (std::size_t side = 0; side < 2; ++side) {
            const std::vector<std::string> of_limit = ir::free_dims(kernel, {node->args[side]});
            const ir::Ref& index = node->args[1 - side];
            if (!reads_data(node->args[side]) || reads_data(index) || of_limit.empty() ||
                std::any_of(of_limit.begin(), of_limit.end(), is_result)) {
                continue;
            }
            for (const std::string& dim : ir::free_dims(kernel, {index})) {
                if (is_result(dim) && !has(limited, dim)) {
                    limited.push_back(dim);
                }
            }
        }
    }
    return limited;
}

namespace {

class Chooser {
public:
    Chooser(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), shapes_(shapes), costs_(analysis, shapes) {}

    [[nodiscard]] std::optional<Steps> run() const {
        for (const ir::Definition& stage : kernel_.definitions) {
            const Strategy strategy = shapes_.at(stage.name).strategy;
            const bool is_open =
                strategy == Strategy::reduction || strategy == Strategy::accumulated || strategy == Strategy::stepwise;
            if (!stage.reduction || stage.reduction->dims.size() < 2 || !is_open || analysis_.is_stepped(stage.name) ||
                !may_reassociate(analysis_, stage)) {
                continue;
            }
            const bool has_segments = strategy == Strategy::stepwise;
            const std::optional<Steps> steps = has_segments ? segments(stage) : in_cache(stage);
            if (steps && analysis_.decided("steps", stage.name, {"no", "first"}) != "no") {
                return steps;
            }
        }
        return std::nullopt;
    }

private:
    /// Where the results are the segments alone, what each step adds to one of them is a sum in registers.
    [[nodiscard]] std::optional<Steps> segments(const ir::Definition& stage) const {
        if (stage.dims.size() != 1) {
            return std::nullopt;
        }
        const std::vector<std::string> asked = ir::free_dims(kernel_, {stage.reduction->where});
        std::vector<std::string> steps;
        for (const std::string& dim : stage.reduction->dims) {
            if (has(asked, dim)) {
                steps.push_back(dim);
            }
        }
        return steps.size() != 1 ? std::nullopt
                                 : std::optional(Steps{
                                       stage.name,
                                       {},
                                       steps.front(),
                                       fmt::format("each {} has a segment of {}", steps.front(), stage.dims.front())});
    }

    [[nodiscard]] std::optional<Steps> in_cache(const ir::Definition& stage) const {
        const Region all(analysis_);
        const VectorChoice vector = choose_vector(analysis_, stage, all);
        if (vector.dim.empty() || vector.reduced || stage.types.size() != 1) {
            return std::nullopt;
        }
        const RegisterTile tile = choose_tile(analysis_, stage, vector, all);
        Region of_tile(analysis_);
        double tiles = 1;
        for (const std::string& dim : stage.dims) {
            const std::int64_t size = size_in(tile, dim);
            of_tile.limit(dim, size);
            tiles *= std::ceil(static_cast<double>(analysis_.extent(dim)) / static_cast<double>(size));
        }
        const double everything = read_in(stage, all);
        const double per_tile = read_in(stage, of_tile);
        const double now = tiles * per_tile * lines_touched(stage, tile) / costs_.rate(per_tile);
        const double operations = analysis_.points(ir::loop_dims(stage)) / static_cast<double>(vector.lanes) *
                                  std::max(tile.cycles, 0.25 * analysis_.operations(stage.name));
        const double results = analysis_.points(stage.dims) * Costs::element_bytes(stage);
        const double threads = analysis_.options().threads;
        std::optional<Steps> best;
        double least = std::max(now, operations) / worth_stepping;
        for (const std::string& dim : stage.reduction->dims) {
            const auto steps = static_cast<double>(analysis_.extent(dim));
            const double others = analysis_.points(stage.reduction->dims) / steps;
            if (analysis_.extent(dim) < many_steps || others < worth_registers) {
                continue;
            }
            const std::string tasks = own_tasks(stage, vector, tile, dim, everything, results);
            Region step(analysis_);
            Region tile_of_step = of_tile;
            step.limit(dim, 1);
            tile_of_step.limit(dim, 1);
            if (!tasks.empty()) {
                step.limit(tasks, 1);
                tile_of_step.limit(tasks, 1);
            }
            // What two steps have in common is still there for the second.
            Region task(analysis_);
            if (!tasks.empty()) {
                task.limit(tasks, 1);
            }
            const double task_count = tasks.empty() ? 1 : static_cast<double>(analysis_.extent(tasks));
            const double slab = read_in(stage, step);
            const double moves =
                task_count * read_in(stage, task) / costs_.rate(everything) +
                steps * task_count *
                    (tiles * read_in(stage, tile_of_step) / costs_.rate(slab) + 2 * results / costs_.rate(results));
            if (const double cycles = std::max(moves, operations); cycles < least && cycles > threads * worth_threads) {
                least = cycles;
                best = Steps{stage.name, tasks, dim, "what a step reads stays in the cache for all results"};
            }
        }
        return best;
    }

    /// A reduced dim for tasks with results of their own, where loops over the results are too few or would share lines
    /// of the cache.
    [[nodiscard]] std::string own_tasks(const ir::Definition& stage, const VectorChoice& vector,
                                        const RegisterTile& tile, const std::string& steps, double everything,
                                        double results) const {
        const std::int64_t wanted = std::int64_t{2} * analysis_.options().threads;
        for (const std::string& dim : stage.dims) {
            if (dim != vector.dim && analysis_.extent(dim) / size_in(tile, dim) >= wanted) {
                return {};
            }
        }
        for (const std::string& dim : stage.reduction->dims) {
            if (dim != steps && stage.reduction->dims.size() > 2 && analysis_.extent(dim) >= wanted &&
                static_cast<double>(analysis_.extent(dim)) * results <= share_of_parts * everything) {
                return dim;
            }
        }
        return {};
    }

    [[nodiscard]] static std::int64_t size_in(const RegisterTile& tile, const std::string& dim) {
        if (dim == tile.vector.dim) {
            return tile.vector.size;
        }
        const auto at = std::find_if(tile.unrolled.begin(), tile.unrolled.end(),
                                     [&](const TileDim& each) { return each.dim == dim; });
        return at == tile.unrolled.end() ? 1 : at->size;
    }

    /// How many times the bytes of a tile are those of the lines of the cache that it touches, where its vectors are
    /// less than a line.
    [[nodiscard]] double lines_touched(const ir::Definition& stage, const RegisterTile& tile) const {
        constexpr double line = 64;
        const double vector = static_cast<double>(tile.vector.size) * Costs::element_bytes(stage);
        return tile.vector.size < analysis_.extent(tile.vector.dim) ? std::max(1.0, line / vector) : 1;
    }

    /// Bytes that a reduction reads in a region, of each tensor once.
    [[nodiscard]] double read_in(const ir::Definition& stage, const Region& region) const {
        std::map<std::string, double> bytes;
        for (const ir::Ref& access : analysis_.reads(stage.name)) {
            double& most = bytes[access->name];
            most = std::max(most, costs_.footprint(*access, stage, region));
        }
        double total = 1;
        for (const auto& [tensor, size] : bytes) {
            total += size;
        }
        return total;
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const std::map<std::string, StageShape>& shapes_;
    Costs costs_;
};

/// Loops over segments: blocks of the results are tasks, of which each goes through all steps.
std::vector<OuterLoop> loops_over_segments(const Analysis& analysis, const std::string& limited) {
    const std::int64_t tasks = segment_tasks_per_thread * analysis.options().threads;
    std::int64_t block = 2; // of one index there would be no loop inside of the steps
    while (block * tasks < analysis.extent(limited)) {
        block *= 2;
    }
    return {{limited, block}, {limited, 1}};
}

/// The loop whose iterations are tasks comes first: over a dim beside the vector where that has enough of them.
void tasks_first(const Analysis& analysis, const ir::Definition& stage, StageShape& shape) {
    std::vector<OuterLoop> loops;
    for (const std::string& dim : stage.dims) {
        const auto tile = std::find_if(shape.tile.unrolled.begin(), shape.tile.unrolled.end(),
                                       [&](const TileDim& each) { return each.dim == dim; });
        if (tile != shape.tile.unrolled.end()) {
            loops.push_back({dim, tile->size, true});
        } else if (shape.has_tile() && dim == shape.tile.vector.dim) {
            loops.push_back({dim, shape.tile.vector.size, true});
        } else {
            loops.push_back({dim});
        }
    }
    const auto tasks = [&](const OuterLoop& loop) { return analysis.extent(loop.dim) / loop.block; };
    const auto is_beside = [&](const OuterLoop& loop) { return loop.dim != shape.vector.dim; };
    const std::int64_t wanted = std::int64_t{2} * analysis.options().threads;
    auto first = std::find_if(loops.begin(), loops.end(),
                              [&](const OuterLoop& loop) { return is_beside(loop) && tasks(loop) >= wanted; });
    if (first == loops.end()) {
        first = std::max_element(loops.begin(), loops.end(),
                                 [&](const OuterLoop& a, const OuterLoop& b) { return tasks(a) < tasks(b); });
    }
    const OuterLoop task = *first;
    shape.outer.clear();
    if (!task.tiled || task.block < analysis.extent(task.dim)) {
        shape.outer.push_back(task);
    }
    for (const OuterLoop& loop : loops) {
        if (!loop.tiled && loop.dim != task.dim) {
            shape.outer.push_back(loop);
        }
    }
}

} // namespace

std::optional<Steps> choose_steps(const Analysis& analysis, const std::map<std::string, StageShape>& shapes) {
    return Chooser(analysis, shapes).run();
}

void arrange_steps(const Analysis& analysis, const ir::Definition& stage, StageShape& shape) {
    const bool has_sums = !shape.accumulator.empty();
    const ir::Definition& computed = has_sums ? *analysis.kernel().find_definition(shape.accumulator) : stage;
    const std::vector<std::string> limited = dims_limited_by_steps(analysis.kernel(), stage);
    Region region(analysis);
    for (const std::vector<std::string>& dims : {stage.reduction->dims, limited}) {
        for (const std::string& dim : dims) {
            region.limit(dim, 1);
            region.bend(dim);
        }
    }
    shape.vector = choose_vector(analysis, computed, region);
    if (!has_sums && shape.vector.reduced) {
        shape.vector = {};
    }
    shape.tile = {};
    if (shape.has_tile() && has_sums) {
        shape.tile = choose_tile(analysis, computed, shape.vector, region);
    } else if (shape.has_tile()) {
        shape.tile.lanes = shape.vector.lanes;
        shape.tile.vector = {shape.vector.dim, shape.vector.lanes,
                             region.constant(shape.vector.dim) == shape.vector.lanes};
    }
    shape.stepped = stage.reduction->dims;
    if (limited.empty()) {
        tasks_first(analysis, stage, shape);
        return;
    }
    shape.outer = loops_over_segments(analysis, limited.front());
    for (const std::string& dim : stage.dims) {
        const bool is_tiled = (shape.has_tile() && dim == shape.tile.vector.dim) ||
                              std::any_of(shape.tile.unrolled.begin(), shape.tile.unrolled.end(),
                                          [&](const TileDim& each) { return each.dim == dim; });
        if (dim != limited.front() && !is_tiled) {
            shape.outer.push_back({dim});
        }
    }
}

} // namespace coulter::schedule
