// coulter-train as a user runs it: its errors, and runs that are killed and go on.

#include "cli/run.hpp"
#include "support/golden.hpp"

#include <coulter/safetensors.hpp>

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <random>
#include <thread>

using namespace coulter::test;

namespace {

const std::string data = std::string(COULTER_TEST_DIR) + "/../models/data/digits.safetensors";

Ran train(const Folder& folder, std::vector<std::string> arguments, const std::function<void(int)>& meanwhile = {}) {
    arguments.insert(arguments.begin(), COULTER_TRAIN_PROGRAM);
    return folder.command(arguments, {}, meanwhile);
}

std::vector<std::string> run_of(const std::string& checkpoint, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--data", data,           "--steps", "60",           "--batch",
                                       "8",      "--save-every", "1",       "--checkpoint", checkpoint};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
}

} // namespace

TEST_CASE("mistakes on the command line are told one by one") {
    const Folder folder;
    folder.write("there", "");
    const std::vector<std::vector<std::string>> lines{
        {},
        {"digits"},
        {"--dat", "x"},
        {"--frobnicate"},
        {"--data"},
        {"--data", "x", "--data", "y"},
        {"--data", "x", "--steps", "0"},
        {"--data", "x", "--steps", "1e3"},
        {"--data", "x", "--epochs", "-1"},
        {"--data", "x", "--epochs", "2", "--steps", "3"},
        {"--data", "x", "--batch=none"},
        {"--data", "x", "--seed", "-1"},
        {"--data", "x", "--rate", "nan"},
        {"--data", "x", "--margins", "0.8"},
        {"--data", "x", "--margins", "0.8,"},
        {"--data", "x", "--margins", "0.8,1.5"},
        {"--data", "x", "--resume"},
        {"--data", "x", "--resume=yes", "--checkpoint", "c"},
        {"--data", "x", "--save-every", "5"},
        {"--data", "missing"},
        {"--data", "there"},
        {"--data", data, "--batch", "2000"},
        {"--data", data, "--checkpoint", "there"},
        {"--data", data, "--checkpoint", "there", "--resume"},
        {"--data", data, "--checkpoint", "missing", "--resume"},
        {"--data", data, "--steps", "1", "--checkpoint", "no/folder"},
    };
    std::string text;
    for (const std::vector<std::string>& line : lines) {
        text += "$ coulter-train";
        for (const std::string& word : line) {
            text += " " + (word == data ? "DIGITS" : word);
        }
        const Ran ran = train(folder, line);
        std::string said = ran.err;
        for (std::size_t at = said.find(data); at != std::string::npos; at = said.find(data)) {
            said.replace(at, data.size(), "DIGITS");
        }
        // The name of the file that was to be renamed has the number of the process.
        if (const std::size_t at = said.find(".tmp."); at != std::string::npos) {
            said.erase(at, said.find(':', at) - at);
        }
        text += "\n" + said + "exit code " + std::to_string(ran.code) + "\n\n";
    }
    text += "$ coulter-train --help\n" + train(folder, {"--help"}).out;
    CHECK(golden_difference("train/errors", text) == "");
}

TEST_CASE("a run that is killed again and again ends with the bytes of one that is not") {
    const Folder folder;
    const Ran whole = train(folder, run_of("whole", {"--page", "run.html", "--weights", "weights", "--threads", "2"}));
    CAPTURE(whole.err);
    REQUIRE(whole.code == 0);
    CHECK(folder.read("run.html").find("Held-out accuracy") != std::string::npos);
    CHECK(coulter::read_safetensors(folder.path() / "weights").tensors.size() == 12);

    const unsigned seed = std::random_device{}();
    CAPTURE(seed);
    std::mt19937 random(seed);
    int kills = 0;
    bool is_done = false;
    // A machine that does much else may have it killed before its first step each time: the last attempt is left alone.
    for (int attempt = 0; attempt < 40 && !is_done; ++attempt) {
        std::vector<std::string> more{"--threads", attempt % 2 == 0 ? "1" : "2"};
        if (folder.has("killed")) {
            more.emplace_back("--resume");
        }
        const bool is_last = attempt == 39;
        const auto wait = std::chrono::microseconds(20000 + random() % 200000);
        const Ran ran = train(folder, run_of("killed", more), [&](int pid) {
            if (!is_last) {
                std::this_thread::sleep_for(wait);
                ::kill(pid, SIGKILL);
            }
        });
        is_done = ran.code == 0;
        CAPTURE(ran.err);
        REQUIRE((is_done || ran.signal == SIGKILL));
        kills += is_done ? 0 : 1;
    }
    MESSAGE(kills << " kills");
    CHECK(kills > 1);
    REQUIRE(is_done);
    CHECK(folder.read("killed") == folder.read("whole"));

    // What is done is done: nothing is computed anew.
    const Ran again = train(folder, run_of("killed", {"--resume"}));
    CHECK(again.code == 0);
    CHECK(again.out.find("held out: ") == 0);
    CHECK(folder.read("killed") == folder.read("whole"));
    const Ran other = train(folder, run_of("killed", {"--resume", "--seed", "2"}));
    CHECK(other.code == 4);
    CHECK(other.err == "error: killed: the run was of --seed 1, and --seed is 2\n");
}
