#pragma once
/// Which stages are computed in one loop nest: outputs that read the same large tensors, and stages that compute the
/// same.

#include "default_costs.hpp"

namespace coulter::schedule {

/// Stages that `join` makes one of.
struct Join {
    std::vector<std::string> stages;
    std::string tensor; ///< what they read together
};

/// Whether there are outputs to join, whatever the shapes are, which take long to choose.
[[nodiscard]] bool may_join(const ir::Kernel& kernel);

/// The outputs most worth joining; nothing where none are. Reductions among them are to be accumulated first, so that
/// all of them are maps. `shapes` are those of the kernel as it is.
///
/// Outputs have loop nests of their own, and each nest reads its inputs from where they lie. Where an input is larger
/// than the second cache and a step of the loops needs a part that fits it, outputs in one nest read that part once
/// from afar and then from near. That costs storing the results twice.
[[nodiscard]] std::optional<Join> choose_join(const Analysis& analysis,
                                              const std::map<std::string, StageShape>& shapes);

/// Reductions that compute the same, as parts of a kernel do whose author used two functions of one tensor: each is
/// worth computing once, as long as its results are few beside what it reads. Or maps that are stored for the same
/// readers: what is read with equal indices then shares their way out of the lanes. Nothing where there are none.
[[nodiscard]] std::optional<Join> choose_same(const Analysis& analysis);

} // namespace coulter::schedule
