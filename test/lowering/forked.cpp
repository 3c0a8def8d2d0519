#include "forked.hpp"

#include "call_plan.hpp"
#include "support/random_schedule.hpp"

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fmt/core.h>
#include <fstream>
#include <poll.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace coulter::test {
namespace {

using Clock = std::chrono::steady_clock;

struct Child {
    std::size_t index = 0;
    pid_t pid = 0;
    int pipe = -1;
    Clock::time_point start;
    std::string output;
};

void set_limit(int resource, rlim_t value) {
    const rlimit limit{value, value};
    setrlimit(static_cast<__rlimit_resource>(resource), &limit);
}

[[noreturn]] void run_child(std::size_t index, const std::function<Result(std::size_t)>& body, const ForkLimits& limits,
                            int pipe) {
    set_limit(RLIMIT_CORE, 0);
    set_limit(RLIMIT_CPU, static_cast<rlim_t>(limits.seconds));
    set_limit(RLIMIT_AS, static_cast<rlim_t>(limits.gigabytes) << 30);
    for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) {
        std::signal(signal, SIG_DFL); // the test framework's handlers would write a report of their own
    }
    Result result;
    try {
        result = body(index);
    } catch (const std::exception& error) {
        result = {Outcome::failed, error.what(), 0};
    }
    const std::string text = std::string(1, static_cast<char>('0' + static_cast<int>(result.outcome))) + result.text;
    for (std::size_t at = 0; at < text.size();) {
        const ssize_t written = write(pipe, text.data() + at, text.size() - at);
        if (written <= 0) {
            break;
        }
        at += static_cast<std::size_t>(written);
    }
    _exit(0);
}

Child start(std::size_t index, const std::function<Result(std::size_t)>& body, const ForkLimits& limits) {
    int ends[2];
    if (pipe(ends) != 0) {
        throw std::runtime_error("pipe");
    }
    std::fflush(nullptr);
    const pid_t pid = fork();
    if (pid < 0) {
        throw std::runtime_error("fork");
    }
    if (pid == 0) {
        close(ends[0]);
        run_child(index, body, limits, ends[1]);
    }
    close(ends[1]);
    return {index, pid, ends[0], Clock::now(), {}};
}

Result finish(const Child& child, bool killed) {
    if (killed) {
        kill(child.pid, SIGKILL);
    }
    int status = 0;
    rusage usage{};
    while (wait4(child.pid, &status, 0, &usage) < 0 && errno == EINTR) {}
    close(child.pipe);
    Result result;
    const auto seconds = [](const timeval& t) {
        return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
    };
    result.seconds = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    if (killed || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU)) {
        result.outcome = Outcome::timed_out;
        result.text = "no end after its time";
    } else if (WIFSIGNALED(status)) {
        result.outcome = Outcome::crashed;
        result.text = std::string("signal: ") + strsignal(WTERMSIG(status));
    } else if (child.output.empty()) {
        result.outcome = Outcome::crashed;
        result.text = fmt::format("the process ended with code {}", WEXITSTATUS(status));
    } else {
        result.outcome = static_cast<Outcome>(child.output[0] - '0');
        result.text = child.output.substr(1);
    }
    return result;
}

bool is_failure(Outcome outcome) {
    return outcome != Outcome::passed && outcome != Outcome::refused;
}

std::string told(const Case& test, const Result& result) {
    return fmt::format("{}: {}\n{}\n", name(result.outcome), result.text, repro(test));
}

Case reduced(Case test, Outcome outcome, const ForkLimits& limits) {
    const auto fails = [&](const std::string& schedule) {
        Case smaller = test;
        smaller.schedule = schedule;
        return run_forked(
                   1, [&](std::size_t) { return run_case(smaller); }, limits)[0]
                   .outcome == outcome;
    };
    test.schedule = reduce_schedule(test.schedule, fails, 80);
    return test;
}

} // namespace

std::vector<Result> run_forked(std::size_t count, const std::function<Result(std::size_t)>& body,
                               const ForkLimits& limits) {
    static const bool is_warm = (warm_up(), true);
    (void)is_warm;
    std::vector<Result> results(count);
    if (std::getenv("COULTER_NO_FORK") != nullptr) {
        for (std::size_t i = 0; i < count; ++i) {
            results[i] = body(i);
        }
        return results;
    }
    std::vector<Child> running;
    std::size_t next = 0;
    while (next < count || !running.empty()) {
        while (next < count && running.size() < static_cast<std::size_t>(limits.workers)) {
            running.push_back(start(next++, body, limits));
        }
        std::vector<pollfd> polls;
        for (const Child& child : running) {
            polls.push_back({child.pipe, POLLIN, 0});
        }
        poll(polls.data(), polls.size(), 1000);
        for (std::size_t i = running.size(); i-- > 0;) {
            Child& child = running[i];
            bool ended = false;
            if (polls[i].revents != 0) {
                char buffer[4096];
                const ssize_t got = read(child.pipe, buffer, sizeof buffer);
                if (got > 0) {
                    child.output.append(buffer, static_cast<std::size_t>(got));
                }
                ended = got == 0;
            }
            const std::chrono::duration<double> age = Clock::now() - child.start;
            const bool late = age.count() > 10.0 * limits.seconds;
            if (ended || late) {
                results[child.index] = finish(child, !ended);
                running.erase(running.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
    }
    return results;
}

Summary run_cases(const std::vector<Case>& cases, const ForkLimits& limits) {
    std::vector<Case> chosen;
    const char* only = std::getenv("COULTER_CASE");
    for (const Case& each : cases) {
        if (only == nullptr || each.name == only) {
            chosen.push_back(each);
        }
    }
    const std::vector<Result> results = run_forked(
        chosen.size(), [&](std::size_t i) { return run_case(chosen[i]); }, limits);
    const char* folder = std::getenv("COULTER_REPRO_DIR");
    const char* reduce = std::getenv("COULTER_REDUCE");
    Summary summary;
    for (std::size_t i = 0; i < results.size(); ++i) {
        summary.seconds += results[i].seconds;
        summary.passed += results[i].outcome == Outcome::passed ? 1 : 0;
        summary.refused += results[i].outcome == Outcome::refused ? 1 : 0;
        if (results[i].outcome == Outcome::refused) {
            summary.refusals += chosen[i].name + ": " + results[i].text + "\n" + repro(chosen[i]);
        }
        if (!is_failure(results[i].outcome)) {
            continue;
        }
        Case failed = chosen[i];
        if (reduce != nullptr && std::strcmp(reduce, "1") == 0 && !failed.schedule.empty()) {
            failed = reduced(failed, results[i].outcome, limits);
        }
        summary.failures += told(failed, results[i]);
        if (folder != nullptr) {
            std::filesystem::create_directories(folder);
            std::ofstream(std::filesystem::path(folder) / (failed.name + ".txt")) << told(failed, results[i]);
        }
    }
    return summary;
}

} // namespace coulter::test
