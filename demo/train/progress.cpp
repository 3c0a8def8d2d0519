#include "progress.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <numeric>

namespace train {

double recent_loss(const std::vector<float>& losses, std::int64_t end, std::int64_t count) {
    const std::int64_t first = std::max<std::int64_t>(0, end - count);
    return std::accumulate(losses.begin() + first, losses.begin() + end, 0.0) / static_cast<double>(end - first);
}

Progress::Progress(std::ostream& out, std::int64_t steps, std::int64_t per_epoch, std::int64_t held_out)
    : out_(out), steps_(steps), per_epoch_(per_epoch), held_out_(held_out), is_terminal_(::isatty(STDOUT_FILENO) == 1) {
}

std::string Progress::line(const State<float>& state, bool ends_epoch) const {
    const std::int64_t step = state.step();
    std::array<char, 160> text{};
    std::snprintf(text.data(), text.size(), "epoch %lld, step %lld of %lld, loss %.4f",
                  static_cast<long long>((step + per_epoch_ - 1) / per_epoch_), static_cast<long long>(step),
                  static_cast<long long>(steps_),
                  recent_loss(state.losses, step, std::min<std::int64_t>(per_epoch_, 50)));
    std::string result = text.data();
    if (step > first_) {
        const double each =
            std::chrono::duration<double>(Clock::now() - start_).count() / static_cast<double>(step - first_);
        std::snprintf(text.data(), text.size(), ", %.1f ms a step, %.0f s left", 1e3 * each,
                      each * static_cast<double>(steps_ - step));
        result += text.data();
    }
    if (ends_epoch && !state.right.empty()) {
        std::snprintf(text.data(), text.size(), ", held out %.2f %%",
                      100.0 * state.right.back() / static_cast<double>(held_out_));
        result += text.data();
    }
    return result;
}

void Progress::show(const State<float>& state, bool ends_epoch) {
    const auto now = Clock::now();
    if (first_ < 0) {
        first_ = state.step();
        start_ = now;
    }
    if (is_terminal_) {
        if (ends_epoch || now - shown_ > std::chrono::milliseconds(200)) {
            out_ << '\r' << line(state, ends_epoch) << "\x1b[K" << (ends_epoch ? "\n" : "") << std::flush;
            shown_ = now;
        }
    } else if (ends_epoch) {
        out_ << line(state, ends_epoch) << std::endl;
    }
}

} // namespace train
