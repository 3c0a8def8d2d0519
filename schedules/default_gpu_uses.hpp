#pragma once
/// Who reads what by name, which is what places inside a launch depend on, and what a device cannot compute.

#include "default_tile.hpp"

namespace coulter::schedule {

/// One that reads a stage, directly or through inlined ones.
struct NamedUse {
    std::string reader;
    std::set<std::string> dims; ///< of the stage, which every such read binds to the reader's loops of these names
};

/// The readers of each definition that is not inlined.
using NamedUses = std::map<std::string, std::vector<NamedUse>>;

/// As the checker sees it: a dim counts where each stage on the way binds it by name.
[[nodiscard]] NamedUses named_uses(const Analysis& analysis);

/// Whether all readers of a stage are among `names` and read it by name.
[[nodiscard]] bool is_read_by(const NamedUses& uses, const ir::Definition& stage, const std::set<std::string>& names);

/// Whether something that reads a stage, be it through what reads it by name, reads it at one index of `dim` alone. All
/// that is computed of it then may be one element along that dim, which no tile of several fits: Halide would have to
/// check that on the device.
[[nodiscard]] bool is_read_at_one(const Analysis& analysis, const ir::Definition& stage, const std::string& dim);

/// Whether a reduction can be computed inside of a launch. Where a part of its condition holds for all reduced indices
/// or for none, Halide takes it for a limit of the results, cannot prove that they are as many as the launch needs, and
/// a device cannot check it.
[[nodiscard]] bool can_be_inside(const Analysis& analysis, const ir::Definition& stage);

/// Why the processor has to compute a stage; empty where a device can.
[[nodiscard]] std::string host_reason(const Analysis& analysis, const ir::Definition& stage);

} // namespace coulter::schedule
