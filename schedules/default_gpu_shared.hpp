#pragma once
/// Reductions that several threads of a device share, each with a part of the steps.

#include "default_gpu_loops.hpp"

namespace coulter::schedule {

class SharedReductions {
public:
    explicit SharedReductions(const Analysis& analysis) : analysis_(analysis) {}

    /// Whether the threads of a block share a reduction.
    [[nodiscard]] bool is_shared(const ir::Definition& stage) const;

    /// The reduced dim of which each thread has a part: the one decided (`lanes of STAGE`), else the one with the
    /// fewest transactions. \pre the stage is a reduction.
    [[nodiscard]] std::string lanes_of(const ir::Definition& stage) const;

    /// Threads that share a reduction (`threads of STAGE`): one of them combines what they have, which takes as many
    /// steps. \pre is_shared().
    [[nodiscard]] std::int64_t threads_of(const ir::Definition& stage) const;

    /// Parts that the device makes of a large reduction to one value (`parts of STAGE`): a dim, and how many; 0: none.
    [[nodiscard]] std::pair<std::string, std::int64_t> parts_of(const ir::Definition& stage) const;

private:
    const Analysis& analysis_;
};

} // namespace coulter::schedule
