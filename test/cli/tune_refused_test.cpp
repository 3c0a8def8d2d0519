// What `coulter tune` refuses, in whole texts.

#include "support/golden.hpp"
#include "support/patterns.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <sys/mount.h>

using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

/// A command line of `coulter tune` with what it says below it.
std::string told(const Folder& folder, const std::vector<std::string>& more, int code) {
    const Ran ran = tune_tiny(folder, more);
    std::string line = "$ coulter tune tiny.coulter tiny.sched";
    for (const std::string& word : more) {
        line += ' ' + word;
    }
    CHECK_MESSAGE(ran.code == code, (line + '\n' + ran.err));
    CHECK(ran.out.empty());
    return line + '\n' + ran.err;
}

} // namespace

TEST_CASE("command lines that are wrong") {
    const Folder folder;
    write_tunable(folder);
    std::string all;
    for (const char* const budget : {"0", "-5s", "2.5", "10 minutes", "s", "60s60", "1e30"}) {
        all += told(folder, {"--budget", budget}, 2);
    }
    all += told(folder, {"--machine", "Another"}, 2);
    all += told(folder, {"--sizes", "q=3"}, 2);
    all += told(folder, {"--sizes", "i"}, 2);
    all += told(folder, {"--target", "z80"}, 2);
    all += told(folder, {"--code-size", "-1"}, 2);
    const Ran none = folder.coulter({"tune", "tiny.coulter"});
    CHECK(none.code == 2);
    all += none.err;
    const Ran empty = folder.coulter({"tune"});
    CHECK(empty.code == 2);
    check_golden("tune_usage", all + empty.err);
    CHECK_FALSE(folder.has("tuning.db")); // nothing was begun
    CHECK(folder.read("tiny.sched") == schedule_with_holes);
}

TEST_CASE("schedules that cannot be tuned") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
    std::string all = told(folder, {"--budget", "1"}, 2);
    folder.write("tiny.sched", schedule_with_holes);
    folder.write("second.sched", "schedule tiny\ntune more in {4} = 4\nstage product.acc { unroll j by ?more }\n");
    all += told(folder, {"second.sched"}, 1);
    folder.write("tiny.sched", "schedule other\ntune n in {4} = 4\nstage product { split j by ?n }\n");
    all += told(folder, {}, 1);
    folder.write("tiny.sched", "schedule tiny\ntune n in {4, 8} = 5\nstage product { split j by ?n; vectorise j.i }\n");
    all += told(folder, {}, 1);
    folder.write("tiny.sched",
                 "schedule tiny\ntarget x86-64-avx2\ntune n in {4, 8} = 4\nstage product { split j by ?n }\n");
    all += told(folder, {"--target", "x86-64-sse41"}, 3);
    folder.write("inner.sched", "tune n in {4, 8} = 4\n");
    folder.write("tiny.sched", "schedule tiny\ninclude inner.sched\nstage product { split j by ?n }\n");
    all += told(folder, {}, 1);
    check_golden("tune_schedules", all);
    CHECK_FALSE(folder.has("tuning.db"));
}

TEST_CASE("stores that cannot be used, and records that are not there") {
    const Folder folder;
    write_tunable(folder);
    std::string all = told(folder, {"--store", "tiny.sched"}, 4);
    all += told(folder, {"--store", "tmp"}, 4);
    all += told(folder, {"--store", "tiny.sched/tuning.db"}, 4);
    all += told(folder, {"--lock"}, 4);
    all += told(folder, {"--lock", "--store", "nowhere.jsonl"}, 4);
    folder.write("broken.jsonl", "{}\n");
    all += told(folder, {"--lock", "--store", "broken.jsonl"}, 4);
    folder.write("empty.jsonl", "");
    all +=
        told(folder,
             {"--lock", "--store", "empty.jsonl", "--machine", "Another, 8 processors", "--target", "x86-64-avx2"}, 3);
    const Ran homeless = folder.command({"env", "-i", COULTER_PROGRAM, "tune", "tiny.coulter", "tiny.sched"});
    CHECK(homeless.code == 4);
    all += homeless.err;
    all = replace_matches(all, R"(coulter \d+\.\d+\.\d+)", "coulter VERSION");
    check_golden("tune_stores", all);
    CHECK(folder.read("tiny.sched") == schedule_with_holes);
}

TEST_CASE("a store whose disk is full ends the tuning, and keeps what was recorded") {
    const Folder folder;
    write_tunable(folder);
    folder.write("tiny.sched", schedule_with_many());
    const auto disk = folder.path() / "disk";
    std::filesystem::create_directory(disk);
    if (mount("tmpfs", disk.c_str(), "tmpfs", 0, "size=128k") != 0) {
        MESSAGE("skipped: this user may not mount a small disk");
        return;
    }
    const Ran ran = tune_tiny(folder, {"--budget", "100000", "--store", "disk/tuning.db"});
    const auto lines = records_of(folder, "disk/tuning.db");
    umount2(disk.c_str(), MNT_DETACH);
    CHECK(ran.code == 4);
    check_golden("tune_full", ran.err);
    CHECK(lines.size() > 3);
    CHECK(folder.list("tmp").empty());
}

TEST_CASE("candidates of which none can be timed") {
    const Folder folder;
    write_tunable(folder);
    const Ran large = tune_tiny(folder, {"--budget", "2", "--code-size", "0.001"});
    CHECK(large.code == 3);
    check_golden("tune_none", replace_matches(large.err, R"(has \d+ KiB)", "has N KiB"));
    CHECK(folder.read("tiny.sched") == schedule_with_holes);
    CHECK(folder.list("tmp").empty());
    // The reference cannot be made: that is no outcome of a candidate.
    folder.write_script("lower", "exit 1\n");
    const Ran broken = tune_tiny(folder, {"--budget", "2", "--store", "b.db"}, {"CC=./nowhere"});
    CHECK(broken.code == 4);
    CHECK(broken.err.find("[B007]") != std::string::npos);
}

TEST_CASE("a reference that is wrong itself is no reference") {
    const Folder folder;
    write_tunable(folder);
    folder.write_script("lower", R"(
for word; do
    [ "$last" = --object ] && object=$word
    last=$word
done
echo 'int tiny__main_argv(void** argv) { return 0; }' > "$object.c"
exec cc -w -c "$object.c" -o "$object"
)");
    const Ran ran = tune_tiny(folder, {"--budget", "2"}, {"COULTER_LOWER=./lower"});
    CHECK(ran.code == 1);
    CHECK_MESSAGE(
        ran.err.starts_with("error: with the default schedule `tiny` cannot serve as the reference: product["),
        ran.err);
    CHECK(ran.err.find(" [M008]\nhelp: `coulter verify` tells more") != std::string::npos);
    CHECK(folder.read("tiny.sched") == schedule_with_holes);
    CHECK(records_of(folder).empty());
}
