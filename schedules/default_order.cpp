#include "default_order.hpp"

#include <algorithm>

namespace coulter::schedule {
namespace {

/// Dims whose loops lie outside the tile, those over tiles last.
std::vector<OuterLoop> all_outer(const StageShape& shape) {
    std::vector<OuterLoop> loops = shape.outer;
    std::vector<TileDim> tiles = shape.tile.unrolled;
    if (shape.has_tile()) {
        tiles.insert(tiles.begin(), shape.tile.vector);
    }
    for (const TileDim& tile : tiles) {
        const bool is_there = std::any_of(loops.begin(), loops.end(),
                                          [&](const OuterLoop& loop) { return loop.dim == tile.dim && loop.tiled; });
        if (!tile.whole && !is_there) {
            loops.push_back({tile.dim, tile.size, true});
        }
    }
    return loops;
}

std::vector<std::string> dims_of(const std::vector<OuterLoop>& loops) {
    std::vector<std::string> dims;
    for (const OuterLoop& loop : loops) {
        if (std::find(dims.begin(), dims.end(), loop.dim) == dims.end()) {
            dims.push_back(loop.dim);
        }
    }
    return dims;
}

bool is_blocked(const std::vector<OuterLoop>& loops, const std::string& dim) {
    return std::count_if(loops.begin(), loops.end(), [&](const OuterLoop& loop) { return loop.dim == dim; }) > 1;
}

} // namespace

void arrange_as_decided(const Analysis& analysis, const ir::Definition& stage, StageShape& shape) {
    std::vector<OuterLoop> loops = all_outer(shape);
    if (loops.empty()) {
        return;
    }
    const std::vector<std::string> dims = dims_of(loops);
    bool changed = false;
    const auto of_dim = [](const std::string& dim) { return [dim](const OuterLoop& loop) { return loop.dim == dim; }; };
    if (const auto first = analysis.decided("first", stage.name, dims)) {
        std::stable_partition(loops.begin(), loops.end(), of_dim(*first));
        changed = true;
    }
    const std::string front = loops.front().dim;
    // Only of a nest at root: around another one, what is computed in a block must be a slice of what its readers ask.
    if (shape.host.empty() && !is_blocked(loops, front)) {
        const std::int64_t unit = loops.front().block;
        if (const auto size = analysis.decided("block", stage.name, {"2", "4", "8", "16", "32", "64"}, true)) {
            loops.insert(loops.begin(), {front, unit * std::stoll(*size), false});
            changed = true;
        }
    }
    if (const auto last = analysis.decided("last", stage.name, dims)) {
        // The innermost of its loops alone: one over blocks stays where it is.
        const auto at = std::find_if(loops.rbegin(), loops.rend(), of_dim(*last));
        std::rotate(at.base() - 1, at.base(), loops.end());
        changed = true;
    }
    if (changed) {
        shape.outer = loops;
    }
}

} // namespace coulter::schedule
