#include "default_held.hpp"

#include "coulter/schedule/padding.hpp"

#include <cmath>
#include <limits>

namespace coulter::schedule {
namespace {

/// What questions about the ends cost, in parts of the arithmetic of a tile.
constexpr double questions = 0.8;
/// How many times its cost a copy must save, and what part of the arithmetic: the estimates are rough.
constexpr double worth_holding = 2;
constexpr double worth_saving = 0.25;
/// Cycles for a line of the cache from memory that no prefetcher foresees, while others are on their way.
constexpr double lone_line = 40;
constexpr double line_bytes = 64;
/// Rows on pages of their own that no translation buffer of the first level holds.
constexpr std::int64_t many_pages = 128;
/// Tiles that read a panel, from which on copying it is a small part of their work.
constexpr double many_tiles = 16;

bool is_padded_input(const ir::Kernel& kernel, const ir::Node& access) {
    return access.kind == ir::Kind::access && access.boundary == ir::Boundary::padded &&
           access.pad()->kind == ir::Kind::constant && kernel.find_definition(access.name) == nullptr &&
           kernel.dims_of(access.name).size() > 1;
}

/// Whether a reduced dim runs over rows of an input that lie on pages of their own, and that is no input that could be
/// packed once.
bool has_far_rows(const Analysis& analysis, const ir::Definition& stage, const ir::Node& access) {
    const ir::Input* input = analysis.kernel().find_input(access.name);
    if (access.kind != ir::Kind::access || access.boundary != ir::Boundary::checked || input == nullptr ||
        input->frozen) {
        return false;
    }
    return std::any_of(stage.reduction->dims.begin(), stage.reduction->dims.end(), [&](const std::string& dim) {
        const std::optional<std::int64_t> stride = analysis.stride(access, dim);
        return stride && std::abs(*stride) * bytes(access.type) >= page_bytes && analysis.extent(dim) >= many_pages;
    });
}

/// The share of what an iteration of the innermost loop of a path reads through an access that the one before did not
/// read; nothing where these are no windows that slide by the same step. Only a loop over single indices of a dim that
/// no other loop around it has part of slides.
std::optional<double> share_of_new(const Analysis& analysis, const ir::Definition& stage, const ir::Node& access,
                                   const std::vector<PlaceLoop>& path) {
    if (path.size() < 2 || path.back().block != 1 || path.back().nest != path[path.size() - 2].nest) {
        return std::nullopt;
    }
    const std::string& dim = path.back().dim;
    const auto others = std::count_if(path.begin(), path.end(), [&](const PlaceLoop& loop) { return loop.dim == dim; });
    std::optional<double> share;
    const std::vector<std::optional<std::int64_t>>& steps = analysis.steps(access, dim);
    for (std::size_t i = 0; i < steps.size() && others == 1; ++i) {
        if (steps[i] == 0) {
            continue;
        }
        if (share || !steps[i] || *steps[i] < 0) {
            return std::nullopt;
        }
        double window = 1;
        for (const std::string& reduced : stage.reduction->dims) {
            const std::optional<std::int64_t> step = analysis.steps(access, reduced)[i];
            if (!step) {
                return std::nullopt;
            }
            window += static_cast<double>(std::abs(*step) * (analysis.extent(reduced) - 1));
        }
        if (static_cast<double>(*steps[i]) >= window) {
            return std::nullopt;
        }
        // The first window is new as a whole.
        const double part = static_cast<double>(*steps[i]) / window;
        share = part + (1 - part) / static_cast<double>(analysis.extent(dim));
    }
    return share;
}

/// The cheapest place for a copy of what some accesses of a stage read.
HeldPlace cheapest(const Analysis& analysis, const Costs& costs, const ir::Definition& stage,
                   const std::vector<const ir::Node*>& accesses, const std::vector<PlaceLoop>& path) {
    HeldPlace best;
    best.cycles = std::numeric_limits<double>::max();
    for (const ir::Node* access : accesses) {
        for (std::size_t depth = 1; depth <= path.size(); ++depth) {
            const std::vector<PlaceLoop> around(path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth));
            const double anew = costs.passes(*access, stage, around) + costs.lost(stage, around);
            if (anew < best.cycles) {
                best = {depth, 0, anew};
            }
            std::optional<double> share = share_of_new(analysis, stage, *access, around);
            for (const ir::Node* other : accesses) {
                share = share_of_new(analysis, stage, *other, around) == share ? share : std::nullopt;
            }
            const std::vector<PlaceLoop> outside(around.begin(), around.end() - 1);
            // What is kept is a task's own: the loops outside of it are all that can be tasks.
            if (share && costs.lost(stage, outside) == 0) {
                const double kept = costs.passes(*access, stage, around, *share);
                best = kept < best.cycles ? HeldPlace{depth, depth - 1, kept} : best;
            }
        }
    }
    return best;
}

class Chooser {
public:
    Chooser(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), shapes_(shapes), costs_(analysis, shapes) {}

    [[nodiscard]] std::optional<HeldCopy> run() const {
        for (const ir::Definition& stage : kernel_.definitions) {
            if (!stage.reduction || analysis_.is_scheduled(stage.name)) {
                continue;
            }
            const StageShape& shape = shapes_.at(stage.name);
            const StageShape& nest = shape.strategy == Strategy::accumulated ? shapes_.at(shape.owner) : shape;
            if (!nest.has_tile()) {
                continue;
            }
            for (const ir::Node* node : ir::postorder(stage.values)) {
                if (is_padded_input(kernel_, *node) && is_held(stage, nest, *node)) {
                    const bool is_narrow = lone_lines(stage, nest, *node, costs_.loops_around(stage.name)) > 0;
                    return HeldCopy{node->name, stage.name, "held",
                                    is_narrow ? "whole rows, of which a tile would read a line here and there"
                                              : "holds the padding: few tiles lie inside"};
                }
                if (nest.host.empty() && is_panel_of(stage, nest.tile, *node)) {
                    return HeldCopy{node->name, stage.name, "panel", "columns whose rows lie far apart, put together"};
                }
            }
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] bool is_panel_of(const ir::Definition& stage, const RegisterTile& tile,
                                   const ir::Node& access) const {
        if (!has_far_rows(analysis_, stage, access) || tile.vector.whole || reads_of(stage, access.name).size() != 1 ||
            analysis_.stride(access, tile.vector.dim) != 1) {
            return false;
        }
        const std::optional<std::string> decided = analysis_.decided("panel", stage.name, {"copied", "read"});
        return decided ? *decided == "copied" : is_worth_a_panel(stage, tile, access);
    }

    [[nodiscard]] bool is_worth_a_panel(const ir::Definition& stage, const RegisterTile& tile,
                                        const ir::Node& access) const {
        Region region(analysis_);
        region.limit(tile.vector.dim, tile.vector.size);
        double tiles = 1; // that read the same columns
        for (const std::string& dim : stage.dims) {
            tiles *= analysis_.stride(access, dim) == 0 ? static_cast<double>(analysis_.extent(dim)) : 1;
        }
        for (const TileDim& dim : tile.unrolled) {
            tiles /= analysis_.stride(access, dim.dim) == 0 ? static_cast<double>(dim.size) : 1;
        }
        const std::int64_t panels = (analysis_.extent(tile.vector.dim) + tile.vector.size - 1) / tile.vector.size;
        return tiles >= many_tiles && panels >= analysis_.options().threads &&
               costs_.footprint(access, stage, region) <= analysis_.options().machine.l2_bytes / 2;
    }

    /// Reads of a tensor by a definition, all of which read the copy.
    [[nodiscard]] static std::vector<const ir::Node*> reads_of(const ir::Definition& stage, const std::string& tensor) {
        std::vector<const ir::Node*> reads = ir::postorder(ir::roots(stage));
        std::erase_if(reads,
                      [&](const ir::Node* node) { return node->kind != ir::Kind::access || node->name != tensor; });
        return reads;
    }

    /// Whether a copy would hold the padding for all reads of it. Its vectors count on the constant extent of the dim
    /// that they lie along, the last one where that is long enough.
    [[nodiscard]] bool can_hold(const ir::Definition& stage, const std::string& tensor) const {
        const std::optional<HeldPadding> held = padding_for(reads_of(stage, tensor));
        const std::string& last = kernel_.dims_of(tensor).back();
        const bool vector_is_apart = held && held->dims.count(last) == 0 && analysis_.extent(last) >= 8;
        return held &&
               (vector_is_apart || std::none_of(held->dims.begin(), held->dims.end(),
                                                [&](const std::string& dim) { return analysis_.constant(dim); }));
    }

    [[nodiscard]] bool is_held(const ir::Definition& stage, const StageShape& nest, const ir::Node& access) const {
        if (nest.outer.empty() || share_at_ends(nest, access) == 0 || !can_hold(stage, access.name)) {
            return false;
        }
        const std::optional<std::string> decided = analysis_.decided("padding", stage.name, {"asked", "held"});
        return decided ? *decided == "held" : is_worth_it(stage, nest, access);
    }

    /// Tiles that may reach beyond an end, of all.
    [[nodiscard]] double share_at_ends(const StageShape& nest, const ir::Node& access) const {
        double inside = 1;
        const auto tiles = [&](const TileDim& tile) {
            const bool reads_beyond =
                std::any_of(access.args.begin(), access.args.end() - 1,
                            [&](const ir::Ref& index) { return index_step(kernel_, index, tile.dim) != 0; });
            if (tile.size > 1 && reads_beyond) {
                const double count =
                    std::ceil(static_cast<double>(analysis_.extent(tile.dim)) / static_cast<double>(tile.size));
                inside *= std::max(0.0, 1 - 2 / count);
            }
        };
        tiles(nest.tile.vector);
        std::for_each(nest.tile.unrolled.begin(), nest.tile.unrolled.end(), tiles);
        return 1 - inside;
    }

    [[nodiscard]] bool is_worth_it(const ir::Definition& stage, const StageShape& nest, const ir::Node& access) const {
        const double arithmetic = costs_.arithmetic(stage, Region(analysis_));
        const std::vector<PlaceLoop> path = costs_.loops_around(stage.name);
        const double saved =
            arithmetic * share_at_ends(nest, access) * questions + lone_lines(stage, nest, access, path);
        double least = cheapest(analysis_, costs_, stage, {&access}, path).cycles;
        for (std::size_t depth = 1; depth <= path.size(); ++depth) {
            const auto end = path.begin() + static_cast<std::ptrdiff_t>(depth);
            least = std::min(least, costs_.passes(access, stage, {path.begin(), end}));
        }
        return saved > worth_holding * least && saved > worth_saving * arithmetic;
    }

    /// Cycles that tiles wait for lines of the cache from memory, where they are narrower than the rows that they read:
    /// each of their rows has a line or two, and the next one lies elsewhere.
    [[nodiscard]] double lone_lines(const ir::Definition& stage, const StageShape& nest, const ir::Node& access,
                                    const std::vector<PlaceLoop>& path) const {
        const TileDim& vector = nest.tile.vector;
        const double width = static_cast<double>(vector.size) * bytes(access.type);
        const double threads = analysis_.options().threads;
        const double rate = costs_.rate(costs_.footprint(access, stage, Region(analysis_)) / threads);
        if (analysis_.stride(access, vector.dim) != 1 || vector.size >= analysis_.extent(vector.dim) ||
            width > 2 * line_bytes || rate > analysis_.options().machine.memory_rate) {
            return 0;
        }
        Region region(analysis_);
        for (const PlaceLoop& loop : path) {
            region.limit(loop.dim, loop.block);
        }
        const double share = share_of_new(analysis_, stage, access, path).value_or(1);
        const double far = costs_.iterations(path) * costs_.footprint(access, stage, region) * share;
        return far * std::max(0.0, lone_line / line_bytes - 1 / rate);
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const std::map<std::string, StageShape>& shapes_;
    Costs costs_;
};

} // namespace

bool may_hold(const Analysis& analysis) {
    const std::vector<ir::Definition>& all = analysis.kernel().definitions;
    return std::any_of(all.begin(), all.end(), [&](const ir::Definition& stage) {
        if (!stage.reduction || analysis.is_scheduled(stage.name)) {
            return false;
        }
        const std::vector<const ir::Node*> nodes = ir::postorder(stage.values);
        return std::any_of(nodes.begin(), nodes.end(), [&](const ir::Node* node) {
            return is_padded_input(analysis.kernel(), *node) || has_far_rows(analysis, stage, *node);
        });
    });
}

std::optional<HeldCopy> choose_held(const Analysis& analysis, const std::map<std::string, StageShape>& shapes) {
    return Chooser(analysis, shapes).run();
}

HeldPlace place_of_held(const Analysis& analysis, const Costs& costs, const ir::Definition& copy,
                        const std::vector<PlaceLoop>& path) {
    HeldPlace best;
    best.cycles = std::numeric_limits<double>::max();
    const std::vector<std::string> readers = analysis.readers(copy.name);
    for (const std::string& reader : readers) {
        const ir::Definition& stage = *analysis.kernel().find_definition(reader);
        std::vector<const ir::Node*> accesses;
        for (const ir::Ref& access : analysis.reads(reader)) {
            if (access->name == copy.name) {
                accesses.push_back(access.get());
            }
        }
        const HeldPlace place = cheapest(analysis, costs, stage, accesses, path);
        best = place.cycles < best.cycles ? place : best;
    }
    best.kept = readers.size() == 1 ? best.kept : 0;
    return best;
}

bool reads_panel(const Analysis& analysis, const ir::Definition& reduction, const RegisterTile& tile) {
    const std::vector<ir::Ref>& reads = analysis.reads(reduction.name);
    return !tile.vector.whole && std::any_of(reads.begin(), reads.end(), [&](const ir::Ref& access) {
        return analysis.is_held(access->name) && access->boundary != ir::Boundary::padded &&
               analysis.stride(*access, tile.vector.dim) == 1;
    });
}

} // namespace coulter::schedule
