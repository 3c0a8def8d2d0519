#pragma once
/// Where a stage could be computed, and what it would cost there.

#include "default_nests.hpp"

namespace coulter::schedule {

/// A loop in which a stage can be computed.
struct PlaceLoop {
    std::string nest;
    std::size_t depth = 0; ///< inside the first `depth` outer loops of the nest
    std::string dim;
    std::int64_t block = 1;

    bool operator==(const PlaceLoop& other) const { return nest == other.nest && depth == other.depth; }
};

[[nodiscard]] inline bool has(const std::vector<std::string>& list, const std::string& item) {
    return std::find(list.begin(), list.end(), item) != list.end();
}

/// Whether a stage has loops of its own that others can be computed in.
[[nodiscard]] bool has_nest(const StageShape& shape);

/// Whether a stage has a place of its own: where others can be computed that it reads.
[[nodiscard]] bool is_placed(const StageShape& shape);

/// Estimates over shapes that are being chosen: those of a stage's readers must be final.
class Costs {
public:
    Costs(const Analysis& analysis, const std::map<std::string, StageShape>& shapes)
        : analysis_(analysis), kernel_(analysis.kernel()), machine_(analysis.options().machine), shapes_(shapes) {}

    /// The reduction whose tile a nest keeps, or the stage itself.
    [[nodiscard]] const ir::Definition& computed_by(const ir::Definition& stage) const;
    /// The loops around the nest in which a stage is computed, outermost first, and that nest's own.
    [[nodiscard]] std::vector<PlaceLoop> loops_around(const std::string& stage) const;
    /// The loops around all of some stages.
    [[nodiscard]] std::vector<PlaceLoop> shared_loops(const std::vector<std::string>& stages) const;
    /// The loops around all of some readers of a stage in which each iteration reads its own elements only.
    [[nodiscard]] std::vector<PlaceLoop> common_path(const ir::Definition& stage,
                                                     const std::vector<std::string>& readers) const;
    /// What a stage sees inside the loops of a path.
    [[nodiscard]] Region region_in(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const;
    void remember(const std::string& stage, const Region& region) { regions_.emplace(stage, region); }

    /// Cycles of one core for all of a stage when it is computed inside `path`.
    [[nodiscard]] double estimate(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const;
    /// ... for its operations alone.
    [[nodiscard]] double arithmetic(const ir::Definition& stage, const Region& region) const;
    /// Bytes of the tensor of an access that a stage reads in a region.
    [[nodiscard]] double footprint(const ir::Node& access, const ir::Definition& stage, const Region& region) const;
    /// Cycles of copying what a stage reads through an access, anew in each iteration of the loops of `path`, or the
    /// share of it that the iteration before did not read.
    [[nodiscard]] double passes(const ir::Node& access, const ir::Definition& stage, const std::vector<PlaceLoop>& path,
                                double share = 1) const;
    /// Iterations of the loops of a path, all together.
    [[nodiscard]] double iterations(const std::vector<PlaceLoop>& path) const;
    /// Cycles by which a stage takes longer because the loops of `path`, which cannot be fused with others where
    /// something is computed inside of them, are too few tasks for the threads.
    [[nodiscard]] double lost(const ir::Definition& stage, const std::vector<PlaceLoop>& path) const;
    /// Bytes of an element of all components.
    [[nodiscard]] static double element_bytes(const ir::Definition& stage);
    /// Bytes per cycle from the nearest cache that holds so many bytes beside others.
    [[nodiscard]] double rate(double slice) const;

private:
    [[nodiscard]] std::vector<PlaceLoop> loops_of(const std::string& nest) const;
    [[nodiscard]] double outside(const std::vector<PlaceLoop>& path, const PlaceLoop& loop) const;
    [[nodiscard]] double idle(const std::vector<PlaceLoop>& path, double cycles) const;
    [[nodiscard]] bool is_known(const std::string& nest, const std::string& dim) const;
    [[nodiscard]] bool is_whole(const std::string& stage, const std::string& dim) const;

    const Analysis& analysis_;
    const ir::Kernel& kernel_;
    const Machine& machine_;
    const std::map<std::string, StageShape>& shapes_;
    std::map<std::string, Region> regions_; ///< of the stages that have a place
};

} // namespace coulter::schedule
