#pragma once
/// Which loop of a stage is vectorized, and which tile of it stays in registers.

#include "default_analysis.hpp"

namespace coulter::schedule {

struct VectorChoice {
    std::string dim;      ///< empty: none is worth it
    bool reduced = false; ///< a reduced dim: partial sums
    std::int64_t lanes = 1;
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
};

/// Whether a read would be contiguous along `dim` from a packed copy that is made once, and nobody else reads the
/// tensor.
[[nodiscard]] bool is_packable(const Analysis& analysis, const ir::Node& access, const std::string& dim);

/// The loop along which reads are contiguous or alike.
[[nodiscard]] VectorChoice choose_vector(const Analysis& analysis, const ir::Definition& stage);

/// The tile of `stage` with the fewest loads per operation that fits the registers. \pre a choice of a pure dim.
[[nodiscard]] RegisterTile choose_tile(const Analysis& analysis, const ir::Definition& stage,
                                       const VectorChoice& vector);

} // namespace coulter::schedule
