// coulter tune of holes and of the stages that a file leaves out, in one search; files that are completed in place.

#include "support/golden.hpp"
#include "support/json.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

const char* const pair_kernel = R"(coulter 1
kernel pair

dim i
dim j
dim k

input left: f32[i, k]
input right: f32[k, j]

sums: f32[i, j] =
    sum {k} left * right

result: f32[i, j] =
    sums * sums + left(k = 0)

output result

estimate i = 32, j = 48, k = 16
)";

const std::string mine = R"(schedule pair   # by hand
# as wide as the registers
tune lanes in {4, 8} = 4   # a guess
stage result { split j by ?lanes;   vectorize j.i }
)";

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

Ran tune(const Folder& folder, const std::vector<std::string>& more, const std::vector<std::string>& environment = {}) {
    std::vector<std::string> all{"tune", "pair.coulter", "--threads", "1", "--store", "tuning.db"};
    all.insert(all.end(), more.begin(), more.end());
    return folder.coulter(all, environment);
}

/// The part above the mark of a completed file, without what a tuning tells.
std::string above_mark(const std::string& text) {
    std::string own;
    std::istringstream lines(text.substr(0, text.find("\n# completed ")));
    for (std::string line; std::getline(lines, line);) {
        own += line.starts_with("# tuned: ") ? "" : line + '\n';
    }
    return own;
}

std::string with_lanes(const std::string& value) {
    std::string text = mine;
    return text.replace(text.find("= 4 "), 4, "= " + value + " ");
}

void write_pair(const Folder& folder) {
    folder.write("pair.coulter", pair_kernel);
    folder.write("mine.sched", mine);
}

const std::vector<std::string> nothing{"COULTER_LOWER=./nowhere", "CC=./nowhere"};

} // namespace

TEST_CASE("holes are filled and the stages left out completed, by one search, and every other line is kept") {
    const Folder folder;
    write_pair(folder);
    const Ran ran = tune(folder, {"mine.sched", "--budget", "8", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    CHECK(told["measured"] == 8);
    CHECK(told["written"] == "mine.sched");
    const std::string file = folder.read("mine.sched");
    const std::string value = told["choices"]["lanes"];
    CHECK(above_mark(file) == with_lanes(value));
    CHECK(contains(file, "lanes = " + value + " (was 4); stages left out: "));
    CHECK(contains(file, "\nstage sums"));
    CHECK(folder.coulter({"verify", "pair.coulter", "mine.sched"}).code == 0);
    const Ran shown = folder.coulter({"show", "pair.coulter", "mine.sched", "--as", "schedule"});
    CHECK_FALSE(contains(shown.out, "completed by the default schedule"));
    // Both kinds of choices were tried.
    std::size_t decided = 0;
    std::size_t filled = 0;
    for (const std::string& line : records_of(folder)) {
        decided += contains(line, " of sums\"") ? 1 : 0;
        filled += contains(line, "\"lanes\":\"8\"") ? 1 : 0;
    }
    CHECK(decided > 0);
    CHECK(filled > 0);
    // A completed file is tuned from where it began: the same records give the same file, without a compiler.
    const Ran again = tune(folder, {"mine.sched", "--budget", "8"}, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("mine.sched") == file);
    const Ran lock = tune(folder, {"mine.sched", "--lock", "-o", "lock.sched"}, nothing);
    REQUIRE_MESSAGE(lock.code == 0, lock.err);
    CHECK(folder.read("lock.sched") == file);
}

TEST_CASE("the one or the other, where it is asked for") {
    const Folder folder;
    write_pair(folder);
    const Ran holes = tune(folder, {"mine.sched", "--only", "holes", "--budget", "5", "-o", "holes.sched", "--json"});
    REQUIRE_MESSAGE(holes.code == 0, holes.err);
    CHECK(parse_json(holes.out)["complete"] == true); // of two values
    CHECK_FALSE(contains(folder.read("holes.sched"), "# completed "));
    const Ran stages = tune(folder, {"mine.sched", "--only", "stages", "--budget", "3", "-o", "mine.sched", "--json"});
    REQUIRE_MESSAGE(stages.code == 0, stages.err);
    CHECK_FALSE(parse_json(stages.out)["choices"].contains("lanes"));
    CHECK(above_mark(folder.read("mine.sched")) == mine);
    const Ran layer = tune(folder, {"mine.sched", "--only", "stages", "--budget", "1", "-o", "layer.sched"});
    CHECK(layer.code == 1); // mine.sched is complete by now
}

TEST_CASE("build --tuned keeps the values of holes, and tunes the stages left out") {
    const Folder folder;
    write_pair(folder);
    const Ran ran =
        folder.coulter({"build", "pair.coulter", "--schedule", "mine.sched", "--name", "p", "-o", "out", "--threads",
                        "1", "--autoschedule", "scheds", "--tuned", "--budget", "2", "--store", "tuning.db"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err == "note: the schedule of `pair` has holes, which keep their values\n");
    CHECK(contains(folder.read("scheds/pair.sched"), "# tuned: 2 candidates: 2 timed; seed 1\n"));
    CHECK(contains(folder.read("scheds/pair.sched"), "\nstage sums"));
    CHECK(folder.read("mine.sched") == mine);
}

TEST_CASE("what completes a file is its author's once it was edited") {
    const Folder folder;
    write_pair(folder);
    REQUIRE(tune(folder, {"mine.sched", "--budget", "2"}).code == 0);
    folder.write("mine.sched", folder.read("mine.sched") + "# I looked at this\n");
    const Ran ran = tune(folder, {"mine.sched", "--budget", "5", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(parse_json(ran.out)["choices"].size() == 1);
    CHECK(contains(folder.read("mine.sched"), "# I looked at this\n"));
}

TEST_CASE("a file of requirements is completed, and no candidate breaks one") {
    const Folder folder;
    folder.write("pair.coulter", pair_kernel);
    const std::string wanted = "# what I want\nschedule pair\nrequire sums not stored   # as a whole\n";
    folder.write("wanted.sched", wanted);
    const Ran ran = tune(folder, {"wanted.sched", "-o", "wanted.sched", "--budget", "10", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(above_mark(folder.read("wanted.sched")) == wanted);
    CHECK(folder.coulter({"check", "pair.coulter", "wanted.sched"}).code == 0);
    for (const std::string& line : records_of(folder)) {
        CHECK_FALSE(contains(line, "\"place of sums\":\"root\""));
    }
    folder.write("none.sched", "schedule pair\nrequire sums not stored\nstage sums { compute root }\n");
    const Ran refused = tune(folder, {"none.sched", "-o", "none.sched"});
    CHECK(refused.code == 1);
    CHECK(contains(refused.err, "[S130]"));
}
