// coulter tune: what it writes, and that the same records give the same file.

#include "support/json.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

/// Without the comments that the tuning left.
std::string without_provenance(std::string text) {
    for (std::size_t at; (at = text.find("# tuned: ")) != std::string::npos;) {
        text.erase(at, text.find('\n', at) + 1 - at);
    }
    return text;
}

} // namespace

TEST_CASE("holes are filled in place, and all else is kept") {
    const Folder folder;
    write_tunable(folder);
    const Ran ran = tune_tiny(folder, {"--budget", "10", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err.empty());
    const auto told = parse_json(ran.out);
    CHECK(told["candidates"] == 6);
    CHECK(told["measured"] == 6);
    CHECK(told["outcomes"]["timed"] == 6);
    CHECK(told["complete"] == true);
    CHECK(told["compared"] == true);
    CHECK(told["written"] == "tiny.sched");
    CHECK(told["best"]["median"].get<double>() <= told["before"]["median"].get<double>());
    CHECK(told["best"]["lower"].get<double>() <= told["best"]["median"].get<double>());
    const std::string lanes = told["choices"]["lanes"];
    const std::string rows = told["choices"]["rows"];
    std::string wanted = schedule_with_holes;
    wanted.replace(wanted.find("= 4   #"), 3, "= " + lanes);
    wanted.replace(wanted.find("= 1\n"), 3, "= " + rows);
    const std::string file = folder.read("tiny.sched");
    CHECK(without_provenance(file) == wanted);
    CHECK(contains(file, "# tuned: tiny at i=32,j=48,k=16; 1 thread, "));
    CHECK(contains(file, "# tuned: lanes = " + lanes + " (was 4), rows = " + rows + " (was 1)\ntune lanes") == false);
    CHECK(contains(file, "# tuned: lanes = " + lanes + " (was 4), rows = " + rows + " (was 1)\n"));
    CHECK(contains(file, "# tuned: 6 candidates: 6 timed, all that there are; seed 1\ntune lanes"));
    CHECK(folder.list("tmp").empty());
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched"}).code == 0);
}

TEST_CASE("the same records give the same file, without a compiler") {
    const Folder folder;
    write_tunable(folder);
    REQUIRE(tune_tiny(folder, {"--budget", "5", "--seed", "3", "-o", "first.sched"}).code == 0);
    CHECK(folder.read("tiny.sched") == schedule_with_holes); // -o leaves it alone
    const std::string first = folder.read("first.sched");
    const std::vector<std::string> nothing{"COULTER_LOWER=./nowhere", "CC=./nowhere"};
    const Ran again = tune_tiny(folder, {"--budget", "5", "--seed", "3", "-o", "again.sched"}, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("again.sched") == first);
    CHECK(contains(again.out, "5 candidates: 5 timed; 5 from the store"));
    // A filled file goes on from its first values: tuning it again is tuning the original again.
    folder.write("tiny.sched", first);
    REQUIRE(tune_tiny(folder, {"--budget", "5", "--seed", "3"}, nothing).code == 0);
    CHECK(folder.read("tiny.sched") == first);

    const Ran lock = tune_tiny(folder, {"--lock", "--seed", "3", "-o", "lock.sched"}, nothing);
    REQUIRE_MESSAGE(lock.code == 0, lock.err);
    CHECK(folder.read("lock.sched") == first);
    REQUIRE(folder.coulter({"records", "export", "--store", "tuning.db", "-o", "tuned.jsonl"}).code == 0);
    std::filesystem::remove(folder.path() / "tuning.db");
    const Ran exported =
        tune_tiny(folder, {"--lock", "--seed", "3", "-o", "x.sched", "--store", "tuned.jsonl"}, nothing);
    REQUIRE_MESSAGE(exported.code == 0, exported.err);
    CHECK(folder.read("x.sched") == first);
    CHECK_FALSE(folder.has("tuning.db"));
}

TEST_CASE("what was right with one tolerance is checked anew with another") {
    const Folder folder;
    write_tunable(folder);
    REQUIRE(tune_tiny(folder, {"--budget", "2", "-o", "a.sched", "--tolerance", "1"}).code == 0);
    const Ran ran = tune_tiny(folder, {"--budget", "2", "-o", "b.sched", "--json"});
    REQUIRE(ran.code == 0);
    CHECK(parse_json(ran.out)["measured"] == 2);
}

TEST_CASE("--no-resume measures again what is recorded") {
    const Folder folder;
    write_tunable(folder);
    REQUIRE(tune_tiny(folder, {"--budget", "2", "-o", "a.sched"}).code == 0);
    const auto before = records_of(folder);
    const Ran ran = tune_tiny(folder, {"--budget", "2", "-o", "b.sched", "--no-resume", "--json"});
    REQUIRE(ran.code == 0);
    CHECK(parse_json(ran.out)["measured"] == 2);
    CHECK(records_of(folder).size() == before.size());
    CHECK(records_of(folder) != before);
}

TEST_CASE("a time is a budget too, and other sizes of the class give starts") {
    const Folder folder;
    write_tunable(folder);
    folder.write("tiny.sched", schedule_with_many());
    const Ran ran = tune_tiny(folder, {"--budget", "6s", "--json", "-o", "a.sched"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["candidates"].get<int>() >= 1);
    CHECK(told["candidates"].get<int>() < 1280);
    CHECK(told["complete"] == false);
    if (told["candidates"].get<int>() < 2) { // on a busy machine; --lock has nothing to compare then
        const Ran more = tune_tiny(folder, {"--budget", "2", "-o", "a.sched"});
        REQUIRE_MESSAGE(more.code == 0, more.err);
    }
    const Ran other = tune_tiny(folder, {"--budget", "2", "--json", "-o", "b.sched", "--sizes", "i=31,j=47"});
    REQUIRE_MESSAGE(other.code == 0, other.err);
    const auto found = parse_json(other.out);
    CHECK(found["measured"] == 2);
    const auto lines = records_of(folder);
    const auto at_others = std::ranges::count_if(lines, [&](const std::string& line) {
        return contains(line, "i=31,j=47,k=16") && contains(line, "\"comparison\":\"\"");
    });
    CHECK(at_others == 2);
    // Records of other sizes, which change the way of a search, change nothing for --lock.
    for (const char* const sizes : {"i=32,j=48", "i=31,j=47"}) {
        const Ran lock = tune_tiny(folder, {"--lock", "--sizes", sizes, "-o", "lock.sched"},
                                   {"COULTER_LOWER=./nowhere", "CC=./nowhere"});
        CHECK_MESSAGE(lock.code == 0, lock.err);
    }
}

TEST_CASE("layers above and below, and included files, are part of each candidate") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("common/tiles.sched", "macro tiled(n) { split j by n as j.o j.i; vectorize j.i }\n");
    folder.write("mine/tiny.sched", "include ../common/tiles.sched\nschedule tiny\ntune n in {4, 8} = 4\n"
                                    "stage product { use tiled(?n) }\n");
    folder.write("above.sched", "schedule tiny\nnumerics fast\n");
    const Ran ran = folder.coulter({"tune", "tiny.coulter", "mine/tiny.sched", "above.sched", "--threads", "1",
                                    "--budget", "2", "--store", "tuning.db", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["outcomes"]["timed"] == 2);
    CHECK(told["written"] == "mine/tiny.sched");
    CHECK(contains(folder.read("mine/tiny.sched"), "# tuned: n = "));
}

TEST_CASE("exact numerics are compared bit by bit, and a kernel without estimates gets sizes and a warning") {
    const Folder folder;
    write_tunable(folder);
    std::string kernel = tiny_kernel;
    kernel.erase(kernel.find("estimate"));
    folder.write("tiny.coulter", kernel + "estimate i = 8\n");
    folder.write("tiny.sched", std::string("numerics exact\n") + schedule_with_holes);
    const Ran ran = tune_tiny(folder, {"--budget", "3", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err == "warning: kernel `tiny` has no estimates of some sizes, which are taken as j=64,k=64\n"
                     "help: give --sizes, for what is fast at one size may be slow at another\n");
    const auto told = parse_json(ran.out);
    CHECK(told["extents"] == nlohmann::json{{"i", 8}, {"j", 64}, {"k", 64}});
    CHECK(told["outcomes"]["timed"] == 3);
}
