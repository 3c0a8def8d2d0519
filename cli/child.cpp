#include "child.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace coulter::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t most_output = std::size_t{64} << 20;

// What a signal handler may touch. A slot is 0 when free.
std::array<std::atomic<pid_t>, 1024> running{};
std::atomic<int> ended_by{0};

void on_signal(int number) {
    if (ended_by.exchange(number) != 0) {
        _exit(128 + number); // asked twice
    }
    for (const std::atomic<pid_t>& child : running) {
        if (const pid_t pid = child.load(); pid > 0) {
            kill(-pid, SIGKILL);
        }
    }
}

class Registration {
public:
    explicit Registration(pid_t pid) {
        for (std::atomic<pid_t>& slot : running) {
            pid_t expected = 0;
            if (slot.compare_exchange_strong(expected, pid)) {
                slot_ = &slot;
                break;
            }
        }
        if (ended_by.load() != 0) {
            kill(-pid, SIGKILL);
        }
    }
    ~Registration() {
        if (slot_ != nullptr) {
            slot_->store(0);
        }
    }
    Registration(const Registration&) = delete;
    Registration& operator=(const Registration&) = delete;

private:
    std::atomic<pid_t>* slot_ = nullptr;
};

struct Pipe {
    int read = -1;
    int write = -1;
    Pipe() {
        std::array<int, 2> ends{-1, -1};
        if (pipe2(ends.data(), O_CLOEXEC) == 0) {
            read = ends[0];
            write = ends[1];
        }
    }
    ~Pipe() {
        close_read();
        close_write();
    }
    Pipe(const Pipe&) = delete;
    Pipe& operator=(const Pipe&) = delete;
    void close_read() {
        if (read >= 0) {
            close(read);
        }
        read = -1;
    }
    void close_write() {
        if (write >= 0) {
            close(write);
        }
        write = -1;
    }
};

// Between fork and exec: only what is safe in a signal handler.
void enter_child(const Limits& limits) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) {
        signal(number, SIG_DFL);
    }
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (limits.memory_bytes > 0) {
        const rlimit memory{static_cast<rlim_t>(limits.memory_bytes), static_cast<rlim_t>(limits.memory_bytes)};
        setrlimit(RLIMIT_AS, &memory);
    }
    if (limits.seconds > 0) {
        const auto seconds = static_cast<rlim_t>(limits.seconds) + 1;
        const rlimit processor{seconds, seconds + 1};
        setrlimit(RLIMIT_CPU, &processor);
    }
}

bool drain(int descriptor, std::string& text) {
    std::array<char, 65536> buffer;
    const ssize_t count = read(descriptor, buffer.data(), buffer.size());
    if (count > 0) {
        text.append(buffer.data(), std::min(static_cast<std::size_t>(count), most_output - text.size()));
    }
    return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN));
}

// Reads both pipes until they close or time is up, then reaps the child.
void attend(pid_t pid, Pipe& output, Pipe& errors, const Limits& limits, ChildResult& result) {
    const auto start = Clock::now();
    const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - start).count(); };
    // What counts towards the limit: not the time in which this process was itself stopped, and its child with it.
    double counted = 0;
    double last = 0;
    std::array<pollfd, 2> ends{pollfd{output.read, POLLIN, 0}, pollfd{errors.read, POLLIN, 0}};
    int status = 0;
    bool reaped = false;
    while (!reaped || ends[0].fd >= 0 || ends[1].fd >= 0) {
        poll(ends.data(), ends.size(), reaped ? 0 : 20);
        const double now = elapsed();
        counted += std::min(now - last, 1.0);
        last = now;
        bool quiet = true;
        for (std::size_t i = 0; i < ends.size(); ++i) {
            if (ends[i].fd >= 0 && ends[i].revents != 0) {
                quiet = false;
                if (!drain(ends[i].fd, i == 0 ? result.output : result.errors)) {
                    ends[i].fd = -1;
                }
            }
        }
        if (reaped && quiet) {
            break; // a grandchild may hold the pipes open
        }
        if (!reaped) {
            reaped = waitpid(pid, &status, WNOHANG) == pid;
        }
        if (!reaped && !result.timed_out && limits.seconds > 0 && counted > limits.seconds) {
            result.timed_out = true;
            kill(-pid, SIGKILL);
        }
    }
    kill(-pid, SIGKILL); // whatever the child started
    result.seconds = elapsed();
    result.signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    result.timed_out = result.timed_out || result.signal == SIGXCPU;
}

} // namespace

ChildResult run_child(const std::vector<std::string>& command, const Limits& limits) {
    ChildResult result;
    std::vector<char*> arguments;
    for (const std::string& word : command) {
        arguments.push_back(const_cast<char*>(word.c_str()));
    }
    arguments.push_back(nullptr);
    Pipe output;
    Pipe errors;
    const pid_t pid = output.write < 0 || errors.write < 0 ? -1 : fork();
    if (pid == 0) {
        enter_child(limits);
        dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), STDIN_FILENO);
        dup2(output.write, STDOUT_FILENO);
        dup2(errors.write, STDERR_FILENO);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }
    if (pid < 0) {
        result.exit_code = 127;
        result.errors = std::string("cannot start a process: ") + std::strerror(errno);
        return result;
    }
    setpgid(pid, pid);
    const Registration registration(pid);
    output.close_write();
    errors.close_write();
    attend(pid, output, errors, limits, result);
    return result;
}

ChildResult run_forked(const std::function<int(int)>& body, const Limits& limits) {
    ChildResult result;
    Pipe output;
    Pipe unused;
    const pid_t pid = output.write < 0 ? -1 : fork();
    if (pid == 0) {
        enter_child(limits);
        _exit(body(output.write));
    }
    if (pid < 0) {
        result.exit_code = 127;
        return result;
    }
    setpgid(pid, pid);
    const Registration registration(pid);
    output.close_write();
    unused.close_write();
    attend(pid, output, unused, limits, result);
    return result;
}

void kill_children_on_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) {
        sigaction(number, &action, nullptr);
    }
    signal(SIGPIPE, SIG_IGN);
}

int interrupted() {
    return ended_by.load();
}

std::string shell_text(const std::vector<std::string>& command) {
    std::string text;
    for (const std::string& word : command) {
        text += text.empty() ? "" : " ";
        const bool plain = !word.empty() && std::ranges::all_of(word, [](char c) {
            return std::isalnum(static_cast<unsigned char>(c)) != 0 || std::strchr("_-./=+,:@%", c) != nullptr;
        });
        if (plain) {
            text += word;
            continue;
        }
        text += '\'';
        for (const char c : word) {
            text += c == '\'' ? std::string("'\\''") : std::string(1, c);
        }
        text += '\'';
    }
    return text;
}

} // namespace coulter::cli
