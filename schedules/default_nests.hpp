#pragma once
/// The shape of the default schedule before it is text: how each stage is computed, and inside which other.

#include "default_tile.hpp"

namespace coulter::schedule {

/// How a stage is computed.
enum class Strategy : std::uint8_t {
    given,       ///< by the schedule at hand
    inlined,     ///< where it is read
    sequential,  ///< a scan or a scatter, as written
    stepwise,    ///< a reduction whose partial results lie in memory, see default_steps.hpp
    map,         ///< elements, the innermost loop vectorized
    write_out,   ///< a map that finishes what the reduction `accumulator` keeps in registers
    accumulated, ///< a reduction in registers below its only reader
    reduction,   ///< a reduction that gets a stage of accumulators
    total        ///< a reduction to one value, or to one per iteration of the loop it is placed in
};

/// A loop outside the tile of a stage.
struct OuterLoop {
    std::string dim;
    std::int64_t block = 1; ///< indices of the dim that an iteration covers
    bool tiled = false;     ///< over the tiles of a dim: the block is the tile
};

struct StageShape {
    Strategy strategy = Strategy::map;
    VectorChoice vector;
    RegisterTile tile;                ///< meaningful where the vectorized dim is pure
    std::vector<OuterLoop> outer;     ///< loops outside the tile in which other stages can be computed, outermost first
    std::vector<std::string> stepped; ///< stepwise: reduced loops inside the outermost of these
    std::string accumulator;          ///< write_out: the reduction; stepwise: the sums of each step, if these are apart
    std::string owner;            ///< accumulated: the map that writes it out, or the reduction whose steps it is of
    std::optional<Region> region; ///< sequential, with a host: what of the dims an iteration of its loops leaves
    std::string host;             ///< the stage in whose loops it is computed; empty: root
    std::size_t depth = 0;        ///< with a host: inside the first `depth` of the host's outer loops
    std::size_t kept = 0;   ///< what an iteration computed is kept inside the first `kept` of these; 0: for itself
    bool fixed = false;     ///< with a host: its readers say that an iteration takes one index of those loops
    bool one_value = false; ///< fixed, and there are no other dims: it fits a register

    [[nodiscard]] bool has_tile() const { return !vector.dim.empty() && !vector.reduced; }
};

/// A shape for every definition: a strategy, and a map to write out each reduction that has one. Tiles and places
/// follow.
[[nodiscard]] std::map<std::string, StageShape> choose_strategies(const Analysis& analysis);

/// A tile and a place for every shape.
///
/// A stage may be computed in the loops that surround all its readers, as long as each iteration reads its own elements
/// only: then nothing is computed twice. Of those places it takes the one where an estimate of its time is least: that
/// of its arithmetic with the tile that is left, of moving what it stores from and to the cache that holds a slice, and
/// of reading the inputs of each iteration anew. Where inputs larger than the second cache would be read in each
/// iteration of a loop, an iteration is made to cover several indices.
void choose_places(const Analysis& analysis, std::map<std::string, StageShape>& shapes);

/// Simple operations of all points of a stage, of segments those inside.
[[nodiscard]] double work_of(const Analysis& analysis, const std::string& stage);

/// Work below which threads cost more than they bring.
inline constexpr double worth_threads = 50000;

} // namespace coulter::schedule
