#pragma once
/// Which loop of a stage is vectorized, and which tile of it stays in registers.

#include "default_analysis.hpp"

#include <algorithm>

namespace coulter::schedule {

struct VectorChoice {
    std::string dim;      ///< empty: none is worth it
    bool reduced = false; ///< a reduced dim: partial sums
    std::int64_t lanes = 1;
    double margin = 0; ///< cycles per element that the best loop of another dim would cost more
    double cost = 0;   ///< cycles per element
};

/// A part of a dim that one realisation of the accumulators covers.
struct TileDim {
    std::string dim;
    std::int64_t size = 1;
    bool whole = false; ///< the dim's constant extent: no split
};

struct RegisterTile {
    TileDim vector; ///< size: lanes * vectors
    std::int64_t lanes = 1;
    std::vector<TileDim> unrolled;
    double cycles = 1; ///< per vector of results and reduced index, estimated
};

/// The extents that a stage sees inside the loops that it is computed in.
class Region {
public:
    explicit Region(const Analysis& analysis) : analysis_(&analysis) {}

    /// The loops outside leave at most `extent` indices of the dim.
    void limit(const std::string& dim, std::int64_t extent) { extents_[dim] = std::min(extent, this->extent(dim)); }
    /// What is needed of the dim is not known when the kernel is compiled, even where its extent is.
    void bend(const std::string& dim) { bent_.insert(dim); }

    /// Whether the loops outside leave one index of the dim, so that the stage has no loop of it.
    [[nodiscard]] bool is_fixed(const std::string& dim) const {
        const auto limited = extents_.find(dim);
        return limited != extents_.end() && limited->second == 1;
    }
    [[nodiscard]] std::int64_t extent(const std::string& dim) const;
    [[nodiscard]] std::optional<std::int64_t> constant(const std::string& dim) const;
    [[nodiscard]] double points(const std::vector<std::string>& dims) const;

private:
    const Analysis* analysis_;
    std::map<std::string, std::int64_t> extents_;
    std::set<std::string> bent_;
};

inline constexpr std::int64_t page_bytes = 4096;

/// Whether a reduction may be made of partial results over parts of its reduced dims.
[[nodiscard]] bool may_reassociate(const Analysis& analysis, const ir::Definition& stage);

/// Whether a read would be contiguous along `dim` from a packed copy that is made once, and nobody else reads the
/// tensor.
[[nodiscard]] bool is_packable(const Analysis& analysis, const ir::Node& access, const std::string& dim);

/// Whether a read by a reduction would be contiguous along `dim` from a copy that is made in each call with that dim
/// innermost, and the copy takes a small part of the reduction's time.
[[nodiscard]] bool is_transposable(const Analysis& analysis, const ir::Definition& stage, const ir::Node& access,
                                   const std::string& dim);

/// Dims for each index of which data limit a reduced loop, as the segments of a sparse matrix do: a loop for several
/// indices at once would have no such limits.
[[nodiscard]] std::vector<std::string> limiting_dims(const Analysis& analysis, const ir::Definition& stage);
/// Those of which data limit it from below and from above: each of its indices counts for about one of theirs.
[[nodiscard]] std::vector<std::string> segmenting_dims(const Analysis& analysis, const ir::Definition& stage);

/// The loop along which reads are contiguous or alike.
[[nodiscard]] VectorChoice choose_vector(const Analysis& analysis, const ir::Definition& stage, const Region& region);

/// How many vectors an iteration of a map computes: one, unless a search decides otherwise.
[[nodiscard]] std::int64_t vectors_of_map(const Analysis& analysis, const ir::Definition& stage,
                                          const VectorChoice& vector, const Region& region);

/// The tile of `stage` with the fewest loads per operation that fits the registers. \pre a choice of a pure dim.
[[nodiscard]] RegisterTile choose_tile(const Analysis& analysis, const ir::Definition& stage,
                                       const VectorChoice& vector, const Region& region);

} // namespace coulter::schedule
