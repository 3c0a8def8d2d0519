// coulter machine, and the files that it writes.

#include "run.hpp"
#include "support/golden.hpp"
#include "support/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

TEST_CASE("a machine is measured once, and schedules are made for it") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran ran = folder.coulter({"machine", "--threads", "1", "-o", "mine.json"});
    CHECK(ran.code == 0);
    CHECK(ran.out == "");
    const auto mine = parse_json(folder.read("mine.json"));
    CHECK(mine.size() == 8);
    // Others use the machine too: only the order of what lies far apart is sure.
    CHECK(mine["l1_bytes"].get<double>() < mine["l2_bytes"].get<double>());
    CHECK(mine["l1_rate"].get<double>() > mine["memory_rate"].get<double>());
    CHECK(mine["memory_rate"].get<double>() > 0.05);
    CHECK(folder.coulter({"autoschedule", "tiny.coulter", "--machine", "mine.json"}).code == 0);
}

TEST_CASE("what describes no machine is refused") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    std::string all;
    for (const char* text : {"[]", "{\"l1\": 3}", "{\"l1_bytes\": -1}", "{\"l1_bytes\": \"x\"}", "x"}) {
        folder.write("bad.json", text);
        const Ran ran = folder.coulter({"autoschedule", "tiny.coulter", "--machine", "bad.json", "-o", "out.sched"});
        CHECK(ran.code == 1);
        all += ran.err;
    }
    CHECK(golden_difference("cli/machine", all) == "");
    CHECK(folder.coulter({"autoschedule", "tiny.coulter", "--machine", "none.json"}).code == 4);
    CHECK(folder.coulter({"machine", "-o", "no/folder/mine.json"}).code == 4);
    CHECK(!folder.has("out.sched"));
}
