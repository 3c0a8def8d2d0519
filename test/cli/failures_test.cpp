// What happens when the child process crashes, hangs, runs out of memory, or is not there.

#include "run.hpp"
#include "support/golden.hpp"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <thread>

using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

/// Builds `tiny` with `lower` in place of coulter-lower.
Ran build_with(const Folder& folder, const std::string& lower, const std::vector<std::string>& more = {},
               const std::function<void(int)>& meanwhile = {}) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
    folder.write_script("lower", lower);
    std::vector<std::string> all{"build", "tiny.coulter", "--schedule", "tiny.sched", "--name", "small", "-o", "out"};
    all.insert(all.end(), more.begin(), more.end());
    return folder.coulter(all, {"COULTER_LOWER=./lower"}, meanwhile);
}

} // namespace

TEST_CASE("a crash is told with the directive that causes it and a folder that repeats it") {
    const Folder folder;
    // Directives 1 to 6 are harmless: two rewrites, then four in the first block.
    const Ran ran = build_with(folder, R"(
while [ $# -gt 0 ]; do
    if [ "$1" = --first-directives ] && [ "$2" -le 5 ]; then exit 0; fi
    shift
done
echo 'something broke' >&2
kill -SEGV $$
)");
    CHECK(ran.code == 4);
    check_golden("crash", ran.err);
    CHECK(folder.list("out/tiny.repro") == std::vector<std::string>{"command", "errors", "tiny.coulter", "tiny.sched"});
    CHECK(folder.read("out/tiny.repro/tiny.sched") == tiny_schedule);
    CHECK(folder.read("out/tiny.repro/command")
              .starts_with("coulter-lower tiny.coulter --schedule tiny.sched --target "));
    CHECK_FALSE(folder.has("out/libsmall.a"));
}

TEST_CASE("a failure of Halide is told in its words") {
    const Folder folder;
    const Ran ran =
        build_with(folder, "echo 'error: the lowering of `tiny` failed: cannot do it [B001]' >&2; exit 4\n");
    CHECK(ran.code == 4);
    check_golden("lowering_failed", ran.err);
}

TEST_CASE("a compiler that does not end is ended") {
    const Folder folder;
    const auto start = std::chrono::steady_clock::now();
    const Ran ran = build_with(folder, "sleep 100\n", {"--timeout", "0.5"});
    CHECK(ran.code == 4);
    check_golden("timeout", ran.err);
    CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(30));
}

TEST_CASE("a compiler that wants too much memory is refused it") {
    const Folder folder;
    const std::string eater =
        "dd if=/dev/zero of=/dev/null bs=2G count=1 2>/dev/null || { echo 'out of memory' >&2; exit 4; }\n"
        "echo 'got it' >&2; exit 4\n";
    const Ran ran = build_with(folder, eater, {"--memory", "1"});
    CHECK(ran.code == 4);
    check_golden("memory", ran.err);
}

TEST_CASE("missing programs and files are named") {
    const Folder folder;
    const Ran lower = build_with(folder, "exit 0\n");
    CHECK(lower.code == 4);
    CHECK(lower.err.find("[B008]") != std::string::npos); // it said that it wrote an object
    const Ran gone =
        folder.coulter({"build", "tiny.coulter", "--name", "small", "-o", "out"}, {"COULTER_LOWER=./nowhere"});
    CHECK(gone.code == 4);
    check_golden("no_lower", gone.err);
    const Ran runtime = folder.coulter({"build", "tiny.coulter", "--name", "small", "-o", "out", "--shared"},
                                       {"COULTER_RUNTIME=./nowhere.a"});
    CHECK(runtime.code == 4);
    check_golden("no_runtime", runtime.err);
    const Ran missing = folder.coulter({"build", "tiny.coulter", "nowhere.coulter", "--name", "small", "-o", "out"});
    CHECK(missing.code == 4);
    folder.write("file", "");
    const Ran no_folder = folder.coulter({"build", "tiny.coulter", "--name", "small", "-o", "file/out"});
    CHECK(no_folder.code == 4);
    CHECK(no_folder.err.find("[B008]") != std::string::npos);
    const Ran compiler = folder.coulter({"build", "tiny.coulter", "--name", "small", "-o", "new"}, {"CC=./nowhere"});
    CHECK(compiler.code == 4);
    CHECK(compiler.err.find("it cannot be started [B007]") != std::string::npos);
}

TEST_CASE("a signal ends the children and leaves nothing half done") {
    const Folder folder;
    int child = 0;
    const Ran ran = build_with(folder, "echo $$ > child.tmp; mv child.tmp child; exec sleep 100\n", {}, [&](int pid) {
        for (int i = 0; i < 1000 && !folder.has("child"); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        child = std::stoi("0" + folder.read("child"));
        kill(pid, SIGTERM);
    });
    CHECK(ran.signal == SIGTERM);
    REQUIRE(child > 0);
    CHECK(kill(child, 0) == -1);
    CHECK(folder.list("out") == std::vector<std::string>{"obj"});
}
