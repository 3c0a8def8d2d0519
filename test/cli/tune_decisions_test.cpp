// coulter tune without holes: the schedule of the stages that have none.

#include "support/golden.hpp"
#include "support/json.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// `coulter tune tiny.coulter ... -o out.sched`
Ran tune(const Folder& folder, const std::vector<std::string>& more, const std::vector<std::string>& environment = {}) {
    std::vector<std::string> all{"tune", "tiny.coulter", "--threads", "1", "--store", "tuning.db"};
    all.insert(all.end(), more.begin(), more.end());
    return folder.coulter(all, environment);
}

/// One value, which the processor computes, whatever the target.
const char* const few = R"(coulter 1
kernel few

dim i = 8

input x: f32[i]

s: f32 =
    sum {i} x

output s
)";

const std::vector<std::string> nothing{"COULTER_LOWER=./nowhere", "CC=./nowhere"};

} // namespace

TEST_CASE("a kernel without a schedule gets a whole one, the default schedule or a faster one") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran ran = tune(folder, {"--budget", "8", "-o", "out.sched", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err.empty());
    const auto told = parse_json(ran.out);
    CHECK(told["measured"] == 8);
    CHECK(told["compared"] == true);
    CHECK(told["complete"] == false);
    CHECK(told["written"] == "out.sched");
    const std::string file = folder.read("out.sched");
    CHECK(contains(file, "# tuned: tiny at i=32,j=48,k=16; 1 thread, "));
    CHECK(contains(file, "# tuned: 8 candidates: 8 timed; seed 1\n"));
    CHECK(contains(file, "# Written by `coulter tune` "));
    CHECK(contains(file, "\nschedule tiny\n"));
    // Nothing is left for the default schedule.
    const Ran shown = folder.coulter({"show", "tiny.coulter", "out.sched", "--as", "schedule"});
    REQUIRE(shown.code == 0);
    CHECK_FALSE(contains(shown.out, "completed by the default schedule"));
    CHECK(folder.coulter({"verify", "tiny.coulter", "out.sched"}).code == 0);
    // The candidates differ, and what was decided is on record.
    std::size_t undecided = 0;
    std::size_t decided = 0;
    for (const std::string& line : records_of(folder)) {
        if (contains(line, "\"comparison\":\"\"")) {
            (contains(line, "\"choices\":{}") ? undecided : decided) += 1;
        }
    }
    CHECK(undecided == 1);
    CHECK(decided == 7);
}

TEST_CASE("the same records give the same schedule, without a compiler") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    REQUIRE(tune(folder, {"--budget", "6", "--seed", "4", "-o", "first.sched"}).code == 0);
    const std::string first = folder.read("first.sched");
    const Ran again = tune(folder, {"--budget", "6", "--seed", "4", "-o", "again.sched"}, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("again.sched") == first);
    const Ran lock = tune(folder, {"--lock", "--seed", "4", "-o", "lock.sched"}, nothing);
    REQUIRE_MESSAGE(lock.code == 0, lock.err);
    CHECK(folder.read("lock.sched") == first);
}

TEST_CASE("what a file schedules stays, and the rest is tuned as a layer above it") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("mine.sched", "schedule tiny\nstage product.acc = accumulate product\n");
    const Ran ran = tune(folder, {"mine.sched", "--budget", "4", "-o", "rest.sched", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(parse_json(ran.out)["outcomes"]["timed"] == 4);
    const std::string file = folder.read("rest.sched");
    CHECK(contains(file, "A layer: it completes what other files say of the kernel"));
    CHECK_FALSE(contains(file, "accumulate product"));
    CHECK(folder.coulter({"verify", "tiny.coulter", "mine.sched", "rest.sched"}).code == 0);
}

TEST_CASE("build --tuned takes a finished tuning of the store, and measures where there is none") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::vector<std::string> build{
        "build",          "tiny.coulter", "--name",  "t",        "-o", "out",     "--threads", "1",
        "--autoschedule", "scheds",       "--tuned", "--budget", "3",  "--store", "tuning.db"};
    const auto with = [&](const std::vector<std::string>& more) {
        std::vector<std::string> all = build;
        all.insert(all.end(), more.begin(), more.end());
        return folder.coulter(all);
    };
    const Ran locked = with({"--lock"});
    CHECK(locked.code == 4); // no store at all
    const Ran ran = with({});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.out.empty());
    const std::string file = folder.read("scheds/tiny.sched");
    CHECK(contains(file, "# tuned: 3 candidates: 3 timed; seed 1\n"));
    CHECK(folder.has("out/libt.a"));
    const auto records = records_of(folder);
    const Ran again = with({});
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(records_of(folder) == records);
    CHECK(folder.read("scheds/tiny.sched") == file);
    CHECK(with({"--lock"}).code == 0);
    CHECK(with({"--lock", "--sizes", "i=31"}).code == 3);
    CHECK(folder.read("scheds/tiny.sched") == file);
}

TEST_CASE("a kernel of which nothing is to be decided is built all the same") {
    const Folder folder;
    folder.write("few.coulter", few);
    const Ran ran =
        folder.coulter({"build", "few.coulter", "--name", "t", "-o", "out", "--target", "x86-64-avx2-opencl",
                        "--autoschedule", "scheds", "--tuned", "--store", "tuning.db"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err == "note: nothing is to be decided of `few` on this target, so it is not tuned\n");
    CHECK(contains(folder.read("scheds/few.sched"), "# Written by `coulter autoschedule` "));
    CHECK(folder.has("out/libt.a"));
    CHECK_FALSE(folder.has("tuning.db"));
}

TEST_CASE("what cannot be tuned without holes is refused") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("mine.sched", "schedule tiny\nstage product.acc = accumulate product\n");
    REQUIRE(folder.coulter({"autoschedule", "tiny.coulter", "-o", "whole.sched"}).code == 0);
    folder.write("cases.sched", "schedule tiny\nstage product { compute root }\n"
                                "variant small when extent(i) <= 8 { stage product { unroll i by 2 } }\n");
    std::string all;
    const auto refuse = [&](const std::vector<std::string>& words, int code) {
        const Ran ran = tune(folder, words);
        CHECK_MESSAGE(ran.code == code, ran.err);
        all += "$ coulter tune tiny.coulter";
        for (const std::string& word : words) {
            all += ' ' + word;
        }
        all += '\n' + ran.err;
    };
    refuse({}, 2);
    refuse({"mine.sched"}, 2);
    refuse({"mine.sched", "--only", "stages"}, 2);
    refuse({"mine.sched", "--only", "holes"}, 1);
    refuse({"mine.sched", "--only", "both"}, 2);
    folder.write("above.sched", "schedule tiny\n");
    folder.write("other.sched", "schedule other\n");
    refuse({"mine.sched", "above.sched", "-o", "./mine.sched"}, 2);
    refuse({"other.sched", "-o", "other.sched"}, 1);
    refuse({"whole.sched", "-o", "out.sched", "--only", "stages"}, 1);
    refuse({"whole.sched", "-o", "out.sched"}, 1);
    refuse({"cases.sched", "-o", "out.sched"}, 1);
    folder.write("few.coulter", few);
    const Ran ran = folder.coulter(
        {"tune", "few.coulter", "--store", "tuning.db", "-o", "out.sched", "--target", "x86-64-avx2-opencl"});
    CHECK(ran.code == 1);
    all += "$ coulter tune few.coulter -o out.sched --target x86-64-avx2-opencl\n" + ran.err;
    refuse({"-o", "out.sched", "--lock"}, 4);
    const Ran build = folder.coulter({"build", "tiny.coulter", "--name", "t", "-o", "out", "--tuned"});
    CHECK(build.code == 2);
    all += build.err;
    const Ran lonely = folder.coulter({"build", "tiny.coulter", "--name", "t", "-o", "out", "--budget", "3"});
    CHECK(lonely.code == 2);
    all += lonely.err;
    CHECK_MESSAGE(golden_difference("cli/tune_decisions", all).empty(), golden_difference("cli/tune_decisions", all));
    CHECK_FALSE(folder.has("out.sched"));
    CHECK_FALSE(folder.has("tuning.db"));
    CHECK(folder.read("mine.sched") == "schedule tiny\nstage product.acc = accumulate product\n");
}
