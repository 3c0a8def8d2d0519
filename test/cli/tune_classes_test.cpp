// coulter tune for several classes of sizes: what they share, when which schedule is called, and what is refused.

#include "support/golden.hpp"
#include "support/json.hpp"
#include "support/patterns.hpp"
#include "tune_case.hpp"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>
#include <thread>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// A row that reduces much, and a square: they want other values of the holes by a factor.
const std::vector<std::string> row_and_square{"--sizes", "i=1,j=4,k=3000", "--sizes", "i=96,j=96,k=64"};
const std::vector<std::string> nothing{"COULTER_LOWER=./nowhere", "CC=./nowhere"};

std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), more.begin(), more.end());
    return words;
}

/// `coulter tune tiny.coulter`, without a schedule.
Ran tune_whole(const Folder& folder, const std::vector<std::string>& more,
               const std::vector<std::string>& environment = {}) {
    return folder.coulter(with({"tune", "tiny.coulter", "--threads", "1", "--store", "tuning.db"}, more), environment);
}

/// Without the lines that a tuning adds above the first hole, and the section below.
std::string by_hand(const std::string& text) {
    std::string own;
    std::istringstream lines(text.substr(0, text.find("\n# variants ")));
    for (std::string line; std::getline(lines, line);) {
        own += line.starts_with("# tuned: ") ? "" : line + '\n';
    }
    return own;
}

} // namespace

TEST_CASE("holes get values for each class, in variants, and every other line is kept") {
    const Folder folder;
    write_tunable(folder);
    const std::vector<std::string> words = with(row_and_square, {"--budget", "12", "--json"});
    const Ran ran = tune_tiny(folder, words);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    REQUIRE(told["classes"].size() == 2);
    REQUIRE(told["parts"].size() == 2);
    for (const auto& each : told["classes"]) {
        CHECK(each["equal_share"] == 3); // a quarter of twelve
        CHECK(each["candidates"] == 6);  // all that there are, for nothing else takes the rest
    }
    CHECK(told["classes"][0]["part"] == told["parts"][0]["name"]);
    CHECK(told["classes"][1]["part"] == "common"); // it has more to do
    CHECK(told["parts"][0]["name"] == "i1");
    CHECK(told["parts"][0]["when"] == "extent(i) < 8");
    CHECK(told["parts"][1]["when"] == "");
    for (const auto& each : told["classes"]) {
        // A class is called with what is fastest there, within the noise.
        const std::string part = each["part"];
        for (const auto& [other, seconds] : each["seconds"].items()) {
            CHECK(each["seconds"][part] <= 1.03 * seconds.get<double>());
        }
    }
    const std::string file = folder.read("tiny.sched");
    std::string wanted = schedule_with_holes;
    wanted.replace(wanted.find("= 4 "), 3, "= " + told["parts"][1]["choices"]["lanes"].get<std::string>());
    wanted.replace(wanted.find("} = 1\n"), 5, "} = " + told["parts"][1]["choices"]["rows"].get<std::string>());
    CHECK(by_hand(file) == wanted);
    CHECK(contains(file, "\nvariant i1 when extent(i) < 8 {\n    # at i=1,j=4,k=3000: "));
    CHECK(contains(file, "# tuned: at i=96,j=96,k=64 by the common part: "));
    // Each part is what was measured.
    for (const auto& part : told["parts"]) {
        const Ran shown =
            folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "schedule", "--variant", part["name"]});
        CHECK_MESSAGE(contains(shown.out, "split j by " + part["choices"]["lanes"].get<std::string>()), shown.out);
        CHECK_MESSAGE(contains(shown.out, "split i by " + part["choices"]["rows"].get<std::string>()), shown.out);
    }
    const Ran bench = folder.coulter({"bench", "tiny.coulter", "tiny.sched", "--sizes", "i=1,j=4,k=3000", "--threads",
                                      "1", "--seconds", "0.01", "--samples", "3", "--json"});
    CHECK(parse_json(bench.out)["part"] == "i1");
    CHECK(folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "6"}).code == 0);
    // A tuned file is tuned from where it began, and records suffice.
    const Ran again = tune_tiny(folder, words, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("tiny.sched") == file);
    const Ran lock = tune_tiny(folder, with(row_and_square, {"--lock", "-o", "lock.sched"}), nothing);
    REQUIRE_MESSAGE(lock.code == 0, lock.err);
    CHECK(folder.read("lock.sched") == file);
    // The records of each class by itself are not a comparison of the classes.
    const Ran other = tune_tiny(folder, {"--sizes", "i=1,j=4,k=3000", "--sizes", "i=97,j=96,k=64", "--lock"}, nothing);
    CHECK(other.code == 3);
    CHECK(contains(other.err, "error: `tuning.db` has no finished tuning of `tiny` at i=97,j=96,k=64 [M007]\n"));
    CHECK(folder.list("tmp").empty());
}

TEST_CASE("without holes a new file has a variant for the sizes that want another schedule") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::vector<std::string> words =
        with({"--sizes", "i=1,j=4,k=3000", "--sizes", "i=512,j=512,k=8"}, {"--budget", "4", "-o", "whole.sched"});
    const Ran ran = tune_whole(folder, words);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const std::string file = folder.read("whole.sched");
    CHECK_MESSAGE(file.starts_with("# tuned: tiny at 2 sizes; 1 thread, "), file);
    CHECK(contains(file, "# tuned: 4 candidates: "));
    CHECK(folder.coulter({"verify", "tiny.coulter", "whole.sched", "--cases", "6"}).code == 0);
    const Ran again = tune_whole(folder, words, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("whole.sched") == file);
}

TEST_CASE("a file is completed in place for each class, and keeps the values of its holes where they are not tuned") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    // A tuning before this one changed the value.
    const std::string own = "schedule tiny\n"
                            "# tuned: lanes = 8 (was 4)\n"
                            "tune lanes in {4, 8} = 8   # by hand\n"
                            "stage product.acc = accumulate product\n"
                            "stage product { split j by ?lanes; vectorize j.i }\n";
    folder.write("tiny.sched", own);
    const std::vector<std::string> words = {"--sizes", "i=1,j=8,k=3000", "--sizes",  "i=256,j=256,k=16",
                                            "--only",  "stages",         "--budget", "8",
                                            "-o",      "tiny.sched"};
    const Ran ran = tune_tiny(folder, words);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const std::string file = folder.read("tiny.sched");
    CHECK(contains(file, "\ntune lanes in {4, 8} = 8   # by hand\n"));
    CHECK(contains(file, "\n# completed "));
    CHECK_FALSE(contains(file, "    tune lanes"));
    CHECK_FALSE(contains(folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "schedule"}).out,
                         "completed by the default schedule"));
    const Ran again = tune_tiny(folder, words, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("tiny.sched") == file);
    // Both at once, and what was added is written anew.
    const Ran both = tune_tiny(folder, {"--sizes", "i=1,j=8,k=3000", "--sizes", "i=256,j=256,k=16", "--budget", "8"});
    REQUIRE_MESSAGE(both.code == 0, both.err);
    CHECK(contains(folder.read("tiny.sched"), "lanes = "));
    CHECK(folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "6"}).code == 0);
}

TEST_CASE("classes that one schedule serves leave an ordinary file") {
    const Folder folder;
    write_tunable(folder);
    std::string one = schedule_with_holes;
    one.replace(one.find("{4, 8, 16}"), 10, "{4}");
    one.replace(one.find("{1, 4}"), 6, "{1}");
    folder.write("tiny.sched", one);
    const Ran ran = tune_tiny(folder, {"--sizes", "i=8", "--sizes", "i=16", "--budget", "10"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(ran.out, "is within 3 % of the best at all of them\n"));
    CHECK(by_hand(folder.read("tiny.sched")) == one);
    CHECK_FALSE(contains(folder.read("tiny.sched"), "variant"));
}

TEST_CASE("sizes of different dims are one class together, as before") {
    const Folder folder;
    write_tunable(folder);
    const Ran ran = tune_tiny(folder, {"--sizes", "i=8", "--sizes", "j=16,k=4", "--budget", "1", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(parse_json(ran.out)["extents"] == nlohmann::json{{"i", 8}, {"j", 16}, {"k", 4}});
}

TEST_CASE("classes that are none are refused before anything is measured") {
    const Folder folder;
    write_tunable(folder);
    std::string all;
    const auto refuse = [&](const std::vector<std::string>& words, int code) {
        const Ran ran = tune_tiny(folder, words);
        CHECK_MESSAGE(ran.code == code, ran.err);
        CHECK(ran.out.empty());
        all += "$ coulter tune tiny.coulter tiny.sched";
        for (const std::string& word : words) {
            all += ' ' + word;
        }
        all += '\n' + ran.err;
    };
    refuse({"--sizes", "i=8,j=8", "--sizes", "i=9,j=9", "--sizes", "j=8,i=8"}, 2);
    refuse({"--sizes", "i=8,j=8", "--sizes", "i=9"}, 2);
    refuse({"--sizes", "i=8,i=9"}, 2);
    refuse({"--sizes", "i=8,q=8", "--sizes", "i=9,q=8"}, 2);
    refuse({"--sizes", "i=8", "--sizes", "i=9", "--budget", "1"}, 2);
    std::vector<std::string> many;
    for (int i = 1; i <= 17; ++i) {
        many = with(many, {"--sizes", "i=" + std::to_string(i)});
    }
    refuse(many, 2);
    refuse({"--sizes", "i=8", "--sizes", "i=9", "--budget", "2", "--code-size", "0.001"}, 3);
    all = replace_matches(all, R"(has \d+ KiB)", "has N KiB");
    CHECK_MESSAGE(golden_difference("cli/tune_classes", all).empty(), golden_difference("cli/tune_classes", all));
    CHECK(folder.read("tiny.sched") == schedule_with_holes);
}

TEST_CASE("Ctrl-C keeps the best so far of the classes that have one") {
    const Folder folder;
    write_tunable(folder);
    folder.write("tiny.sched", schedule_with_many());
    const std::vector<std::string> words = with(row_and_square, {"--budget", "100000", "-o", "best.sched"});
    const Ran ran = tune_tiny(folder, words, {}, [&](int pid) {
        std::error_code ignored;
        const auto log = folder.path() / "tuning.db-wal";
        for (int i = 0; i < 2000 && (!exists(log) || file_size(log, ignored) < 60'000); ++i) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        kill(pid, SIGINT);
    });
    CHECK(ran.signal == SIGINT);
    // Of a hundred thousand candidates the half is the first one's.
    CHECK_MESSAGE(ran.err == "interrupted: the best so far is kept\nnote: nothing was measured at i=96,j=96,k=64 yet\n",
                  ran.err);
    CHECK(contains(folder.read("best.sched"), "# tuned: at i=1,j=4,k=3000: "));
    CHECK(folder.coulter({"check", "tiny.coulter", "best.sched"}).code == 0);
    CHECK(folder.list("tmp").empty());
}

TEST_CASE("what was edited after a tuning is the author's, and its variants are tuned as such") {
    const Folder folder;
    write_tunable(folder);
    REQUIRE(tune_tiny(folder, with(row_and_square, {"--budget", "12"})).code == 0);
    folder.write("tiny.sched", folder.read("tiny.sched") + "# I looked at this\n");
    const Ran ran = tune_tiny(folder, with(row_and_square, {"--budget", "12", "--json"}));
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["parts"][0]["name"] == "i1");
    CHECK(told["parts"][0]["extents"]["k"] == 3000);
    CHECK(contains(folder.read("tiny.sched"), "# I looked at this\n"));
}

TEST_CASE("build --tuned takes classes of sizes") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran ran = folder.coulter({"build", "tiny.coulter", "--name", "t", "-o", "out", "--threads", "1",
                                    "--autoschedule", "scheds", "--tuned", "--budget", "4", "--store", "tuning.db",
                                    "--tune-sizes", "i=1,j=4,k=3000", "--tune-sizes", "i=512,j=512,k=8"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(contains(folder.read("scheds/tiny.sched"), "# tuned: tiny at 2 sizes; 1 thread, "));
    CHECK(folder.has("out/libt.a"));
    const Ran unknown = folder.coulter({"build", "tiny.coulter", "--name", "t", "-o", "out", "--autoschedule", "s",
                                        "--tuned", "--tune-sizes", "q=1", "--tune-sizes", "q=2"});
    CHECK(unknown.code == 2);
    CHECK(unknown.err == "error: --tune-sizes gives `q`, whose extent no call of `tiny` chooses\n"
                         "help: did you mean `i`? chosen are `i`, `j` and `k`\n");
    const Ran lonely = folder.coulter({"build", "tiny.coulter", "--name", "t", "-o", "out", "--tune-sizes", "i=1"});
    CHECK(lonely.code == 2);
    CHECK(lonely.err == "error: --tune-sizes requires --tuned\nhelp: coulter build --help\n");
}
