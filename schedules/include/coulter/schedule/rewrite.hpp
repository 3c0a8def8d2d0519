#pragma once
/// Schedule steps that are rewrites of the IR: each returns a kernel that computes the same outputs.
///
/// Dims that a rewrite introduces are named after their stage, `<stage>:<dim>.o`, so that two stages may split one dim
/// differently; a schedule calls them `<dim>.o` inside that stage (see display_name).
///
/// The checks of sizes stay those of the kernel before: extents that its accesses implied become expressions, and what
/// a rewrite reads under a `where` may lie outside a tensor elsewhere.

#include "coulter/ir.hpp"

namespace coulter::schedule {

/// Moves the reduction of `stage` to a new definition `name`; `stage` becomes the map that reads it.
/// \pre `stage` is a reduction without `into`.
[[nodiscard]] ir::Kernel accumulate(const ir::Kernel& kernel, const std::string& stage, const std::string& name);

/// Adds `name`, a map that copies `producer`, and lets the definition `consumer` read it instead.
/// \pre `consumer` reads `producer`.
[[nodiscard]] ir::Kernel copy(const ir::Kernel& kernel, const std::string& producer, const std::string& consumer,
                              const std::string& name);

/// Adds `name`, the definition of `producer` once more, and lets the definitions `consumers` read it instead.
/// \pre `producer` is a definition, and each consumer reads it.
[[nodiscard]] ir::Kernel clone(const ir::Kernel& kernel, const std::string& producer,
                               const std::vector<std::string>& consumers, const std::string& name);

/// Whether two maps or plain reductions have the same results, to the last bit, since they are written alike.
[[nodiscard]] bool compute_the_same(const ir::Definition& a, const ir::Definition& b);

/// Why `stages` cannot be joined, or an empty text: they are maps, or reductions of which each component is combined by
/// itself, over the same dims under the same condition, or all of them compute the same; they have the same dims; and
/// none needs another's result.
[[nodiscard]] std::string join_obstacle(const ir::Kernel& kernel, const std::vector<std::string>& stages);

/// Adds `name`, a tuple of what the `stages` compute, in one loop nest; each of them becomes the map that reads its part.
/// What several of them compute is one component.
/// \pre join_obstacle has nothing to say.
[[nodiscard]] ir::Kernel join(const ir::Kernel& kernel, const std::vector<std::string>& stages, const std::string& name);

struct PackTile {
    std::string dim;
    std::int64_t factor = 1;
};

/// Adds `name`, a map that holds `source` with each tiled dim d split in `d.o` (outermost, in the order given) and `d.i`
/// (innermost, in the order given), zero beyond the extent, and lets every consumer read it instead.
/// \pre `source` is an Input, Const or single-valued definition, and the dims are its own.
[[nodiscard]] ir::Kernel pack(const ir::Kernel& kernel, const std::string& source, const std::vector<PackTile>& tiles,
                              const std::string& name);

enum class RfactorPart : std::uint8_t { whole, outer, inner };

/// Splits the reduced `dim` of `stage` by `factor` (unless `part` is whole) and moves the reduction over the *other*
/// part, and over all other reduced dims, to a new definition `name` that keeps `part` as a dim of its own; `stage`
/// reduces `name` over that dim only. Where no reduced dim is left for `name` it is a map, and `stage` keeps `where`.
/// Of a split argmin or argmax, `stage` becomes a custom reduction, which compares indices of the whole dim.
/// The parts of a scatter are scatters, each to places of its own.
/// \pre `stage` is a reduction, and no scatter of which the only dim is kept whole; `combine` commutes, but where the outer
/// or whole part of its first dim is kept.
[[nodiscard]] ir::Kernel rfactor(const ir::Kernel& kernel, const std::string& stage, const std::string& dim,
                                 std::int64_t factor, RfactorPart part, const std::string& name);

/// What follows the name of the scans of chunks in that of the scan that their ends meet in.
inline constexpr const char* carry_suffix = ".carry";

/// Splits the dim d of an associative scan into chunks of `factor`: the scan `name` of each chunk, over d.i, the scan
/// `name.carry` of what the chunks end with, over d.o, and `stage`, now a map that puts the two together.
/// \pre `stage` is an associative scan, and the names are free.
[[nodiscard]] ir::Kernel chunk(const ir::Kernel& kernel, const std::string& stage, std::int64_t factor,
                               const std::string& name);

/// `out.o` for the dim `weight.packed:out.o` of stage `weight.packed`; every other dim is its own name.
[[nodiscard]] std::string display_name(const std::string& dim);

} // namespace coulter::schedule
