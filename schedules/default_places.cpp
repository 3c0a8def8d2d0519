#include "default_costs.hpp"

#include "default_blocks.hpp"
#include "default_held.hpp"
#include "default_layouts.hpp"
#include "default_order.hpp"
#include "default_steps.hpp"

#include <algorithm>
#include <fmt/core.h>
#include <limits>

namespace coulter::schedule {
namespace {

class Placer {
public:
    Placer(const Analysis& analysis, std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), machine_(analysis.options().machine), shapes_(shapes),
          costs_(analysis, shapes), has_large_inputs_(has_large_inputs()) {}

    void run() {
        for (const ir::Definition& stage : kernel_.definitions) {
            if (has_nest(shapes_.at(stage.name)) || is_placed_scan(stage)) {
                total_ += costs_.arithmetic(costs_.computed_by(stage), Region(analysis_));
            }
        }
        // Readers come first: their loops are the places of what they read.
        for (auto stage = kernel_.definitions.rbegin(); stage != kernel_.definitions.rend(); ++stage) {
            if (has_nest(shapes_.at(stage->name)) || is_placed_scan(*stage)) {
                place(*stage);
            } else if (shapes_.at(stage->name).strategy == Strategy::stepwise) {
                arrange_steps(analysis_, *stage, shapes_.at(stage->name));
            }
        }
    }

private:
    /// Whether a stage is a scan whose place is to be chosen. Scatters stay at root.
    [[nodiscard]] bool is_placed_scan(const ir::Definition& stage) const {
        return stage.scan && shapes_.at(stage.name).strategy == Strategy::sequential;
    }

    void place(const ir::Definition& stage) {
        StageShape& shape = shapes_.at(stage.name);
        const std::vector<PlaceLoop> path = path_of(stage);
        std::size_t depth = 0;
        double least = std::numeric_limits<double>::max();
        for (std::size_t candidate = path.size() + 1; candidate-- > 0;) {
            const std::vector<PlaceLoop> around(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(candidate));
            const double cycles = costs_.estimate(stage, around) + lost_by_host(around);
            // From the inside: the further outside, the more memory, which must bring something; most where all of the
            // stage is kept.
            const double enough = candidate == 0 ? 0.8 : 0.95;
            if (cycles < enough * least - 0.005 * total_) {
                least = cycles;
                depth = candidate;
            }
        }
        if (analysis_.is_held(stage.name)) {
            const HeldPlace place = place_of_held(analysis_, costs_, stage, path);
            depth = place.depth;
            shape.kept = place.kept;
        } else {
            depth = decided_depth(stage, path).value_or(depth);
        }
        const std::vector<PlaceLoop> chosen(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth));
        const Region region = costs_.region_in(stage, chosen);
        if (depth > 0) {
            shape.host = chosen.back().nest;
            shape.depth = chosen.back().depth;
            if (shape.strategy == Strategy::reduction && is_one_value(stage, region)) {
                shape.strategy = Strategy::total;
            }
        }
        if (is_placed_scan(stage)) {
            if (depth > 0) {
                shape.region = region;
            }
            return;
        }
        finish(stage, shape, region);
        costs_.remember(stage.name, region);
        if (depth > 0) {
            shape.fixed = read_in_place(stage.name, shape) && fixes_all(chosen);
            shape.one_value = shape.fixed && is_one_value(stage, region);
        }
    }

    /// Cycles by which the nest around a stage takes longer, as no more loops than those of `path` can be tasks.
    [[nodiscard]] double lost_by_host(const std::vector<PlaceLoop>& path) const {
        const auto host = path.empty() ? shapes_.end() : shapes_.find(path.front().nest);
        return host == shapes_.end() ? 0 : costs_.lost(costs_.computed_by(*kernel_.find_definition(host->first)), path);
    }

    /// The loops that a stage can be computed in.
    [[nodiscard]] std::vector<PlaceLoop> path_of(const ir::Definition& stage) const {
        if (kernel_.is_output(stage.name)) {
            return {};
        }
        const std::vector<std::string> readers = analysis_.readers(stage.name);
        return analysis_.is_held(stage.name) ? costs_.shared_loops(readers) : costs_.common_path(stage, readers);
    }

    /// How many loops of the path a search computes the stage in.
    [[nodiscard]] std::optional<std::size_t> decided_depth(const ir::Definition& stage,
                                                           const std::vector<PlaceLoop>& path) const {
        if (path.empty()) {
            return std::nullopt;
        }
        std::vector<std::string> words{"root"};
        for (const PlaceLoop& loop : path) {
            const std::string word = fmt::format("{}/{}", loop.nest, loop.dim);
            words.push_back(has(words, word) ? word + ".i" : word); // a loop over a block, and the one inside of it
        }
        const std::optional<std::string> word = analysis_.decided("place", stage.name, words);
        const auto at = word ? std::find(words.begin(), words.end(), *word) : words.end();
        return word ? std::optional<std::size_t>(at - words.begin()) : std::nullopt;
    }

    [[nodiscard]] static bool fixes_all(const std::vector<PlaceLoop>& places) {
        return std::all_of(places.begin(), places.end(), [&](const PlaceLoop& place) {
            return std::any_of(places.begin(), places.end(),
                               [&](const PlaceLoop& other) { return other.dim == place.dim && other.block == 1; });
        });
    }

    [[nodiscard]] static bool is_one_value(const ir::Definition& stage, const Region& region) {
        return std::all_of(stage.dims.begin(), stage.dims.end(),
                           [&](const std::string& dim) { return region.is_fixed(dim); });
    }

    /// Vector, tile and outer loops in a region.
    void finish(const ir::Definition& stage, StageShape& shape, const Region& region) const {
        const ir::Definition& computed = costs_.computed_by(stage);
        shape.vector = choose_vector(analysis_, computed, region);
        shape.tile = {};
        if (shape.has_tile() && computed.reduction) {
            shape.tile = choose_tile(analysis_, computed, shape.vector, region);
        } else if (shape.has_tile()) {
            shape.tile.lanes = shape.vector.lanes;
            const std::int64_t size = shape.vector.lanes * vectors_of_map(analysis_, stage, shape.vector, region);
            shape.tile.vector = {shape.vector.dim, size, region.constant(shape.vector.dim) == size};
        }
        shape.outer.clear();
        for (const std::string& dim : stage.dims) {
            const bool unrolled = std::any_of(shape.tile.unrolled.begin(), shape.tile.unrolled.end(),
                                              [&](const TileDim& tile) { return tile.dim == dim; });
            if ((!shape.has_tile() || dim != shape.tile.vector.dim) && !unrolled && !region.is_fixed(dim)) {
                shape.outer.push_back({dim});
            }
        }
        if (shape.host.empty()) {
            block(stage, shape);
            if (shape.has_tile() && shape.tile.vector.dim == analysis_.lanes_everywhere() && !shape.tile.vector.whole &&
                has_producers(stage)) {
                // What is made for a vector of results is made inside the loop over vectors, and what is made for all
                // of them inside the loops over the dims before.
                const auto inside = std::find(stage.dims.begin(), stage.dims.end(), shape.tile.vector.dim);
                const auto at = std::find_if(shape.outer.begin(), shape.outer.end(), [&](const OuterLoop& each) {
                    return std::find(inside, stage.dims.end(), each.dim) != stage.dims.end();
                });
                shape.outer.insert(at, {shape.tile.vector.dim, shape.tile.vector.size, true});
            } else if (shape.has_tile() && computed.reduction && reads_panel(analysis_, computed, shape.tile)) {
                shape.outer.insert(shape.outer.begin(), {shape.tile.vector.dim, shape.tile.vector.size, true});
            }
            if (const std::vector<std::string> scanned = scanned_dims(stage); !scanned.empty()) {
                put_inside(stage, scanned, shape);
            } else {
                block_for_slices(analysis_, costs_, shapes_, stage, ancestors(stage.name), shape);
            }
        }
        if (shape.strategy != Strategy::total) {
            arrange_as_decided(analysis_, stage, shape);
        }
    }

    /// Dims of a nest along which scans that it reads run, where these take more memory in its loops before them than a
    /// cache holds, or the loops are too few for the threads: all of such a dim is scanned for an iteration.
    [[nodiscard]] std::vector<std::string> scanned_dims(const ir::Definition& nest) const {
        std::vector<std::string> found;
        for (const std::string& name : ancestors(nest.name)) {
            const ir::Definition& stage = *kernel_.find_definition(name);
            if (!is_placed_scan(stage)) {
                continue;
            }
            const std::vector<std::string> whole = ir::whole_dims(stage);
            const auto first = std::find_if(nest.dims.begin(), nest.dims.end(),
                                            [&](const std::string& dim) { return has(whole, dim); });
            const std::vector<std::string> before(nest.dims.begin(), first);
            const double iterations = analysis_.points(before);
            const double slice = analysis_.points(stage.dims) * Costs::element_bytes(stage) / iterations;
            if (slice > machine_.l2_bytes / 2 || iterations < analysis_.options().threads) {
                std::copy_if(first, nest.dims.end(), std::back_inserter(found),
                             [&](const std::string& dim) { return has(whole, dim) && !has(found, dim); });
            }
        }
        return found;
    }

    /// Puts the loops over some dims inside of all others of a nest, those over tiles included. A tile is no wider than
    /// a cache line: all of the dims is kept for it.
    void put_inside(const ir::Definition& nest, const std::vector<std::string>& dims, StageShape& shape) const {
        constexpr std::int64_t cache_line = 64;
        if (TileDim& vector = shape.tile.vector; shape.has_tile() && !has(dims, vector.dim) && !vector.whole) {
            const std::int64_t most = std::max(shape.tile.lanes, cache_line / bytes(nest.types.front()));
            const bool is_free = !analysis_.constant(vector.dim) || *analysis_.constant(vector.dim) % most == 0;
            vector.size = is_free ? std::min(vector.size, most) : vector.size;
        }
        std::vector<TileDim> tiles = shape.tile.unrolled;
        if (shape.has_tile()) {
            tiles.push_back(shape.tile.vector);
        }
        const auto is_inside = [&](const std::string& dim) { return has(dims, dim); };
        for (const TileDim& tile : tiles) {
            const bool is_there = std::any_of(shape.outer.begin(), shape.outer.end(), [&](const OuterLoop& loop) {
                return loop.dim == tile.dim && loop.tiled;
            });
            if (!tile.whole && !is_inside(tile.dim) && !is_there) {
                shape.outer.push_back({tile.dim, tile.size, true});
            }
        }
        std::stable_partition(shape.outer.begin(), shape.outer.end(),
                              [&](const OuterLoop& loop) { return !is_inside(loop.dim); });
    }

    /// Makes an iteration of a nest at root cover several indices of its first dim where stages that can be computed in
    /// it read large inputs that do not depend on the dim, or where its own tile does: not if it reads such inputs
    /// itself, of which a part should stay in the cache for all of the dim.
    void block(const ir::Definition& stage, StageShape& shape) const {
        if (stage.dims.empty()) {
            return;
        }
        const std::string& dim = stage.dims.front();
        const bool large = has_large_invariant(stage, dim);
        const auto tile = std::find_if(shape.tile.unrolled.begin(), shape.tile.unrolled.end(),
                                       [&](const TileDim& each) { return each.dim == dim; });
        if (tile != shape.tile.unrolled.end()) {
            if (tile->whole) {
                return; // no loop is left of it
            }
            if (large || (has_producers(stage) && !reads_large_invariant(costs_.computed_by(stage), dim))) {
                shape.outer.insert(shape.outer.begin(), {dim, tile->size, true});
            }
            return;
        }
        if (!large) {
            return;
        }
        std::int64_t size = 8;
        while (size > 1 && analysis_.extent(dim) < size * analysis_.options().threads) {
            size /= 2;
        }
        const auto outer = std::find_if(shape.outer.begin(), shape.outer.end(),
                                        [&](const OuterLoop& each) { return each.dim == dim; });
        if (outer != shape.outer.end() && !analysis_.constant(dim) && size > 1) {
            shape.outer.erase(outer);
            shape.outer.insert(shape.outer.begin(), {{dim, size}, {dim, 1}});
        }
    }

    /// Whether a nest reads what another one stores, directly or not.
    [[nodiscard]] bool has_producers(const ir::Definition& nest) const {
        const auto is_producer = [&](const std::string& stage) { return has_nest(shapes_.at(stage)); };
        const std::vector<ir::Ref>& reads = analysis_.reads(nest.name);
        if (std::any_of(reads.begin(), reads.end(), [&](const ir::Ref& access) {
                return kernel_.find_definition(access->name) != nullptr && !kernel_.is_output(access->name) &&
                       is_producer(access->name);
            })) {
            return true; // most have one next to them
        }
        const std::set<std::string> before = ancestors(nest.name);
        return std::any_of(before.begin(), before.end(), is_producer);
    }

    [[nodiscard]] bool has_large_invariant(const ir::Definition& nest, const std::string& dim) const {
        if (!has_large_inputs_) {
            return false;
        }
        const std::set<std::string> before = ancestors(nest.name);
        return std::any_of(kernel_.definitions.begin(), kernel_.definitions.end(), [&](const ir::Definition& stage) {
            if (before.count(stage.name) == 0 || !stage.reduction || !has(stage.dims, dim) ||
                analysis_.is_inlined(stage.name) || stage.name == shapes_.at(nest.name).accumulator) {
                return false;
            }
            return reads_large_invariant(stage, dim);
        });
    }

    [[nodiscard]] bool reads_large_invariant(const ir::Definition& stage, const std::string& dim) const {
        if (!has_large_inputs_) {
            return false;
        }
        const std::vector<ir::Ref>& reads = analysis_.reads(stage.name);
        return std::any_of(reads.begin(), reads.end(), [&](const ir::Ref& access) {
            return kernel_.find_definition(access->name) == nullptr && analysis_.stride(*access, dim) == 0 &&
                   is_large(costs_.footprint(*access, stage, Region(analysis_)));
        });
    }

    [[nodiscard]] bool is_large(double bytes) const { return bytes > machine_.l2_bytes / 2; }

    /// Whether there is anything of which a read can be large: most kernels of many stages have no such input.
    [[nodiscard]] bool has_large_inputs() const {
        const auto is_large_tensor = [&](const std::vector<std::string>& dims, Type type) {
            return is_large(analysis_.points(dims) * bytes(type));
        };
        return std::any_of(kernel_.inputs.begin(), kernel_.inputs.end(),
                           [&](const ir::Input& each) { return is_large_tensor(each.dims, each.type); }) ||
               std::any_of(kernel_.consts.begin(), kernel_.consts.end(),
                           [&](const ir::Const& each) { return is_large_tensor(each.dims, each.type); });
    }

    /// What a nest reads, directly or not, outputs and what lies before them left out: those have nests of their own.
    [[nodiscard]] std::set<std::string> ancestors(const std::string& stage) const {
        std::set<std::string> found;
        std::vector<std::string> open{stage};
        while (!open.empty()) {
            const std::string name = open.back();
            open.pop_back();
            for (const ir::Ref& access : analysis_.reads(name)) {
                if (kernel_.find_definition(access->name) != nullptr && !kernel_.is_output(access->name) &&
                    found.insert(access->name).second) {
                    open.push_back(access->name);
                }
            }
        }
        return found;
    }

    /// Whether all readers take the same one index of the host's outer dims, as the checker sees it: the host's own
    /// nest, or fixed stages in the same loop. Accumulators and lanes lie one loop further inside.
    [[nodiscard]] bool read_in_place(const std::string& stage, const StageShape& shape) const {
        const std::vector<std::string> readers = analysis_.readers(stage);
        return std::all_of(readers.begin(), readers.end(), [&](const std::string& reader) {
            const StageShape& other = shapes_.at(reader);
            const bool reads_itself = other.strategy == Strategy::map || other.strategy == Strategy::write_out ||
                                      (other.strategy == Strategy::total && !other.vector.reduced);
            const bool same_loop = other.host == shape.host && other.depth == shape.depth && other.fixed;
            return reads_itself && (reader == shape.host || same_loop);
        });
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const Machine& machine_;
    std::map<std::string, StageShape>& shapes_;
    Costs costs_;
    bool has_large_inputs_ = false;
    double total_ = 0; ///< cycles of all arithmetic
};

} // namespace

void choose_places(const Analysis& analysis, std::map<std::string, StageShape>& shapes) {
    Placer(analysis, shapes).run();
}

} // namespace coulter::schedule
