#include "progress.hpp"

#include <chrono>
#include <fmt/core.h>
#include <iostream>
#include <unistd.h>

namespace coulter::cli {

Progress::Progress(bool enabled) {
    if (enabled && isatty(STDERR_FILENO) != 0) {
        thread_ = std::thread([this] { run(); });
    }
}

Progress::~Progress() {
    if (thread_.joinable()) {
        {
            const std::lock_guard lock(mutex_);
            done_ = true;
        }
        changed_.notify_all();
        thread_.join();
    }
}

void Progress::show(std::string text) {
    const std::lock_guard lock(mutex_);
    text_ = std::move(text);
}

void Progress::run() {
    const auto start = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    bool shown = false;
    auto wake = start + std::chrono::seconds(2);
    while (!changed_.wait_until(lock, wake, [this] { return done_; })) {
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
        std::cerr << fmt::format("\r\x1b[K{} ({:.0f} s)", text_, elapsed.count()) << std::flush;
        shown = true;
        wake = std::chrono::steady_clock::now() + std::chrono::milliseconds(250);
    }
    if (shown) {
        std::cerr << "\r\x1b[K" << std::flush;
    }
}

} // namespace coulter::cli
