#pragma once
/// Child processes with limits. What a child does cannot take the caller down, and no child outlives it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace coulter::cli {

struct Limits {
    std::int64_t memory_bytes = std::int64_t{8} << 30; ///< address space; 0: no limit
    double seconds = 120;                              ///< wall time, and processor time of one process; 0: no limit
};

struct ChildResult {
    int exit_code = -1; ///< meaningful where signal is 0
    int signal = 0;     ///< that ended the child
    bool timed_out = false;
    std::string output; ///< standard output, at most 64 MiB
    std::string errors; ///< standard error, at most 64 MiB
    double seconds = 0; ///< wall time
    [[nodiscard]] bool ok() const { return signal == 0 && exit_code == 0 && !timed_out; }
};

/// Runs `command` (found by PATH when it has no `/`) in its own process group, standard input empty, and waits.
/// May be called by several threads. A program that cannot be started gives exit code 127.
[[nodiscard]] ChildResult run_child(const std::vector<std::string>& command, const Limits& limits);

/// Runs `body` in a copy of this process, which ends with the code that it returns. Only while no other thread runs.
/// `body` reports through the descriptor, which becomes ChildResult::output; standard error stays the caller's.
[[nodiscard]] ChildResult run_forked(const std::function<int(int descriptor)>& body, const Limits& limits);

/// From now on SIGINT, SIGTERM and SIGHUP kill all children and make interrupted() true.
void kill_children_on_signals();

/// The signal that asked this process to end, or 0. Long work ends early when it is not 0.
[[nodiscard]] int interrupted();

/// The command as a shell would read it.
[[nodiscard]] std::string shell_text(const std::vector<std::string>& command);

} // namespace coulter::cli
