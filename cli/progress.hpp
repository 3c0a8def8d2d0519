#pragma once
/// A line on the terminal for work that takes longer than two seconds.

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

namespace coulter::cli {

/// Shows what is being done from two seconds after construction until destruction, where standard error is a terminal.
class Progress {
public:
    explicit Progress(bool enabled = true);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

    /// From any thread.
    void show(std::string text);

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::string text_;
    bool done_ = false;
    std::thread thread_;
};

} // namespace coulter::cli
