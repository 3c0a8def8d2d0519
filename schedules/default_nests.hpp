#pragma once
/// The shape of the default schedule before it is text: how each stage is computed, and inside which other.

#include "default_tile.hpp"

namespace coulter::schedule {

/// How a stage is computed.
enum class Strategy : std::uint8_t {
    given,       ///< by the schedule at hand
    inlined,     ///< where it is read
    sequential,  ///< a scan or a scatter, as written
    map,         ///< elements, the innermost loop vectorized
    write_out,   ///< a map that finishes what the reduction `accumulator` keeps in registers
    accumulated, ///< a reduction in registers below its only reader
    reduction,   ///< a reduction that gets a stage of accumulators
    total        ///< a reduction to one value, or to one per iteration of the loop it is placed in
};

struct StageShape {
    Strategy strategy = Strategy::map;
    VectorChoice vector;
    RegisterTile tile;              ///< meaningful where the vectorized dim is pure
    std::vector<std::string> outer; ///< dims outside the tile, outermost first
    std::string accumulator;        ///< write_out: the reduction
    std::string owner;              ///< accumulated: the map that writes it out
    std::string host;               ///< the stage in whose loops it is computed; empty: root
    std::size_t depth = 0;          ///< with a host: inside the first `depth` of the host's outer dims
    bool fixed = false;             ///< with a host: its readers say that an iteration takes one index of those dims
    bool one_value = false;         ///< fixed, and there are no other dims: it fits a register

    [[nodiscard]] bool has_tile() const { return !vector.dim.empty() && !vector.reduced; }
};

/// A shape for every definition. A stage has a host where all its readers sit in the host's loops and read, for each
/// of the outer dims, exactly the element of the loop: nothing is computed twice and a slice stays in the cache.
[[nodiscard]] std::map<std::string, StageShape> choose_shapes(const Analysis& analysis);

/// Simple operations of all points of a stage.
[[nodiscard]] double work_of(const Analysis& analysis, const std::string& stage);

/// Work below which threads cost more than they bring.
inline constexpr double worth_threads = 50000;

} // namespace coulter::schedule
