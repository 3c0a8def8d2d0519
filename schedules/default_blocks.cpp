#include "default_blocks.hpp"

#include "default_layouts.hpp"

#include <algorithm>
#include <numeric>

namespace coulter::schedule {
namespace {

class Blocks {
public:
    Blocks(const Analysis& analysis, const Costs& costs, const std::map<std::string, StageShape>& shapes,
           const std::set<std::string>& before)
        : analysis_(analysis), kernel_(analysis.kernel()), machine_(analysis.options().machine), costs_(costs),
          shapes_(shapes), before_(before) {}

    void block(const ir::Definition& stage, StageShape& shape) const {
        if (!shape.has_tile() ||
            std::any_of(shape.outer.begin(), shape.outer.end(), [](const OuterLoop& loop) { return loop.block > 1; })) {
            return;
        }
        for (const TileDim& tile : shape.tile.unrolled) {
            const std::int64_t size = tile.whole ? 0 : block_of(stage, shape, tile);
            if (size == 0) {
                continue;
            }
            const std::optional<std::string> decided = analysis_.decided("slices", stage.name, {"blocked", "whole"});
            if (decided && *decided == "whole") {
                return;
            }
            shape.outer.push_back({tile.dim, size});
            if (!shape.tile.vector.whole) {
                shape.outer.push_back({shape.tile.vector.dim, shape.tile.vector.size, true});
            }
            for (const TileDim& each : shape.tile.unrolled) {
                if (!each.whole) {
                    shape.outer.push_back({each.dim, each.size, true});
                }
            }
            return;
        }
    }

private:
    /// How many indices of the dim of a tile a block has, so that it is worth it; else 0. Whole tiles, and whole
    /// vectors of what lies along the dim.
    [[nodiscard]] std::int64_t block_of(const ir::Definition& nest, const StageShape& shape,
                                        const TileDim& tile) const {
        constexpr std::int64_t most = 64;
        std::set<std::string> shared; // dims whose loops lie outside of the tiles
        for (const OuterLoop& loop : shape.outer) {
            shared.insert(loop.dim);
        }
        Region around(analysis_);
        for (const std::string& dim : shared) {
            around.limit(dim, 1);
        }
        std::map<std::string, std::string> producers; // with a reader of each
        for (const std::string& reader : {nest.name, costs_.computed_by(nest).name}) {
            for (const ir::Ref& access : analysis_.reads(reader)) {
                const ir::Definition* stage = kernel_.find_definition(access->name);
                if (stage != nullptr && has_nest(shapes_.at(stage->name)) && !kernel_.is_output(stage->name) &&
                    stage->name != shape.accumulator && has(stage->dims, tile.dim) &&
                    reads_by_name(analysis_, reader, stage->name, {tile.dim})) {
                    producers.emplace(stage->name, reader);
                }
            }
        }
        double largest = 0;
        for (const auto& [name, reader] : producers) {
            largest = std::max(largest, slice_in(*kernel_.find_definition(name), around));
        }
        if (largest <= machine_.l2_bytes / 2 || !lie_along(tile.dim, around)) {
            return 0;
        }
        const std::int64_t unit = std::lcm(tile.size, shape.tile.lanes);
        const std::int64_t extent = analysis_.extent(tile.dim);
        const auto slice = [&](std::int64_t size) {
            return largest * static_cast<double>(size) / static_cast<double>(extent);
        };
        std::int64_t size = unit;
        while (size + unit <= most && slice(size + unit) <= machine_.l2_bytes / 2) {
            size += unit;
        }
        if (slice(size) > machine_.l2_bytes || 2 * size > extent) {
            return 0;
        }
        return saved_by_blocks(nest, producers, around, tile.dim, size) > 0 ? size : 0;
    }

    [[nodiscard]] static double slice_in(const ir::Definition& stage, const Region& region) {
        return region.points(stage.dims) * Costs::element_bytes(stage);
    }

    /// Whether the lanes of all that a nest reads of other stages, and that no cache holds, are along a dim: their rows
    /// lie as far apart as the dim is long, each on a page of its own, and side by side in a block.
    [[nodiscard]] bool lie_along(const std::string& dim, const Region& around) const {
        return std::all_of(before_.begin(), before_.end(), [&](const std::string& name) {
            const ir::Definition& stage = *kernel_.find_definition(name);
            return !has_nest(shapes_.at(name)) || !has(stage.dims, dim) ||
                   slice_in(stage, around) <= machine_.l2_bytes / 2 ||
                   choose_vector(analysis_, costs_.computed_by(stage), around).dim == dim;
        });
    }

    /// Cycles that slices in a cache save, without those of reading anew for each block what does not depend on its
    /// dim.
    [[nodiscard]] double saved_by_blocks(const ir::Definition& nest,
                                         const std::map<std::string, std::string>& producers, const Region& around,
                                         const std::string& dim, std::int64_t size) const {
        const double part = static_cast<double>(size) / static_cast<double>(analysis_.extent(dim));
        double saved = 0;
        for (const auto& [name, reader] : producers) {
            const ir::Definition& stage = *kernel_.find_definition(name);
            const double slice = slice_in(stage, around);
            const double passes = 1 + static_cast<double>(analysis_.readers(name).size());
            saved += analysis_.points(stage.dims) * Costs::element_bytes(stage) * passes *
                     (1 / costs_.rate(slice) - 1 / costs_.rate(slice * part));
        }
        const ir::Definition& computed = costs_.computed_by(nest);
        const double blocks = analysis_.points(nest.dims) / around.points(nest.dims) / part;
        for (const ir::Ref& access : analysis_.reads(computed.name)) {
            if (!producers.contains(access->name) && analysis_.stride(*access, dim) == 0) {
                const double bytes = costs_.footprint(*access, computed, around);
                saved -= bytes <= machine_.l2_bytes / 4 ? 0 : blocks * bytes / costs_.rate(bytes);
            }
        }
        return saved;
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const Machine& machine_;
    const Costs& costs_;
    const std::map<std::string, StageShape>& shapes_;
    const std::set<std::string>& before_;
};

} // namespace

void block_for_slices(const Analysis& analysis, const Costs& costs, const std::map<std::string, StageShape>& shapes,
                      const ir::Definition& stage, const std::set<std::string>& before, StageShape& shape) {
    Blocks(analysis, costs, shapes, before).block(stage, shape);
}

} // namespace coulter::schedule
