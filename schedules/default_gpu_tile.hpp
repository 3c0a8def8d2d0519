#pragma once
/// The tile that a thread of a device keeps in its registers.

#include "default_tile.hpp"

namespace coulter::schedule {

/// What a thread computes at once.
struct ThreadTile {
    std::vector<TileDim> dims;
    std::string vector; ///< the one of them that is moved in vectors; empty: none
    [[nodiscard]] std::int64_t size(const std::string& dim) const;
};

/// The tile with the fewest loads per operation that leaves enough threads, of those that follow what is decided
/// (`tile i of sums`, `vector of sums`). \pre `reduction` is one.
[[nodiscard]] ThreadTile choose_thread_tile(const Analysis& analysis, const ir::Definition& reduction,
                                            bool may_vectorize);

/// The elements of a map that a thread has, where that is decided; else one. \pre `map` is one.
[[nodiscard]] ThreadTile decided_map_tile(const Analysis& analysis, const ir::Definition& map);

/// Whether each operation of a reduction has the same form for a vector: sums of products of f32 that are read where
/// they are, without conditions.
[[nodiscard]] bool is_vectorizable(const Analysis& analysis, const ir::Definition& stage);

} // namespace coulter::schedule
