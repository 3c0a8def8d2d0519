#pragma once
/// What a run says while it lasts.

#include "trainer.hpp"

#include <chrono>
#include <ostream>

namespace train {

/// A line that is written over while it goes on, on a terminal; elsewhere a line for each epoch alone.
class Progress {
public:
    Progress(std::ostream& out, std::int64_t steps, std::int64_t per_epoch, std::int64_t held_out);

    /// After a step. \param ends_epoch the state has counted the held-out images just now.
    void show(const State<float>& state, bool ends_epoch);

private:
    using Clock = std::chrono::steady_clock;

    [[nodiscard]] std::string line(const State<float>& state, bool ends_epoch) const;

    std::ostream& out_;
    std::int64_t steps_;
    std::int64_t per_epoch_;
    std::int64_t held_out_;
    bool is_terminal_;
    std::int64_t first_ = -1; ///< the step behind which the time is taken
    Clock::time_point start_;
    Clock::time_point shown_;
};

/// The mean of the last `count` losses, or of all where there are fewer. \pre there is one
[[nodiscard]] double recent_loss(const std::vector<float>& losses, std::int64_t end, std::int64_t count);

} // namespace train
