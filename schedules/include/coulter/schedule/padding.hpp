#pragma once
/// Which stages hold the padding that their readers ask for.

#include "coulter/schedule/plan.hpp"

#include <set>

namespace coulter::schedule {

struct HeldPadding {
    ir::Ref value;              ///< a constant
    std::set<std::string> dims; ///< along which readers go beyond the ends
};

/// Maps that are stored, and that every reader reads padded with one constant at affine indices, by name: they are
/// computed beyond their ends, so that the readers' inner loops ask no questions.
[[nodiscard]] std::map<std::string, HeldPadding> held_padding(const Plan& plan);

/// What a tensor has to hold so that it serves all these reads of it; nothing where it cannot, or none is padded.
[[nodiscard]] std::optional<HeldPadding> padding_for(const std::vector<const ir::Node*>& reads);

} // namespace coulter::schedule
