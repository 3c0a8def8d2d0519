#include "default_padding.hpp"

#include <cmath>
#include <limits>

namespace coulter::schedule {
namespace {

/// What questions about the ends cost, in parts of the arithmetic of a tile.
constexpr double questions = 0.8;
/// How many times its cost a copy must save, and what part of the arithmetic: the estimates are rough.
constexpr double worth_holding = 2;
constexpr double worth_saving = 0.25;

bool is_padded_input(const ir::Kernel& kernel, const ir::Node& access) {
    return access.kind == ir::Kind::access && access.boundary == ir::Boundary::padded &&
           access.pad()->kind == ir::Kind::constant && kernel.find_definition(access.name) == nullptr &&
           kernel.dims_of(access.name).size() > 1;
}

class Chooser {
public:
    Chooser(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), shapes_(shapes), costs_(analysis, shapes) {}

    [[nodiscard]] std::optional<HeldPadding> run() const {
        for (const ir::Definition& stage : kernel_.definitions) {
            if (!stage.reduction || analysis_.is_scheduled(stage.name)) {
                continue;
            }
            const StageShape& shape = shapes_.at(stage.name);
            const StageShape& nest = shape.strategy == Strategy::accumulated ? shapes_.at(shape.owner) : shape;
            if (!nest.has_tile() || nest.outer.empty()) {
                continue;
            }
            for (const ir::Node* node : ir::postorder(stage.values)) {
                if (is_padded_input(kernel_, *node) && is_chosen(stage, nest, *node)) {
                    return HeldPadding{node->name, stage.name};
                }
            }
        }
        return std::nullopt;
    }

private:
    [[nodiscard]] bool is_chosen(const ir::Definition& stage, const StageShape& nest, const ir::Node& access) const {
        if (share_at_ends(nest, access) == 0) {
            return false;
        }
        const std::optional<std::string> decided =
            analysis_.decided("padding", stage.name + " " + access.name, {"asked", "held"});
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
        const double saved = arithmetic * share_at_ends(nest, access) * questions;
        double least = std::numeric_limits<double>::max();
        const std::vector<PlaceLoop> path = costs_.loops_around(stage.name);
        for (std::size_t depth = 1; depth <= path.size(); ++depth) {
            const auto end = path.begin() + static_cast<std::ptrdiff_t>(depth);
            least = std::min(least, costs_.passes(access, stage, {path.begin(), end}));
        }
        return saved > worth_holding * least && saved > worth_saving * arithmetic;
    }

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const std::map<std::string, StageShape>& shapes_;
    Costs costs_;
};

} // namespace

std::optional<HeldPadding> choose_held_padding(const Analysis& analysis,
                                               const std::map<std::string, StageShape>& shapes) {
    return Chooser(analysis, shapes).run();
}

std::size_t depth_of_held(const Analysis& analysis, const Costs& costs, const ir::Definition& copy,
                          const std::vector<PlaceLoop>& path) {
    std::size_t best = 0;
    double least = std::numeric_limits<double>::max();
    for (const std::string& reader : analysis.readers(copy.name)) {
        const ir::Definition& stage = *analysis.kernel().find_definition(reader);
        for (const ir::Ref& access : analysis.reads(reader)) {
            for (std::size_t depth = 1; access->name == copy.name && depth <= path.size(); ++depth) {
                const double cycles =
                    costs.passes(*access, stage, {path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth)});
                if (cycles < least) {
                    least = cycles;
                    best = depth;
                }
            }
        }
    }
    return best;
}

} // namespace coulter::schedule
