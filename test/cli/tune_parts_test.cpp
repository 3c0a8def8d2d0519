// coulter tune of schedules with variants: each part for itself, at sizes that lie in it.

#include "support/golden.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::vector<std::string> nothing{"COULTER_LOWER=./nowhere", "CC=./nowhere"};

const std::string with_parts = R"(schedule tiny
# by hand
tune lanes in {4, 8, 16} = 4   # a guess
stage product { split j by ?lanes; vectorize j.i }
variant small when extent(i) < 8 {
    tune rows in {1, 2, 4} = 2
    stage product { unroll i by ?rows }
}
variant wide when extent(j) >= 500 { extend stage product { unroll i by 2 } }
)";

void write_parts(const Folder& folder) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", with_parts);
}

std::string by_hand(const std::string& text) {
    std::string own;
    std::istringstream lines(text.substr(0, text.find("\n# completed ")));
    for (std::string line; std::getline(lines, line);) {
        own += line.starts_with("# tuned: ") ? "" : line + '\n';
    }
    return own;
}

} // namespace

TEST_CASE("the holes of each part are measured at sizes that lie in it") {
    const Folder folder;
    write_parts(folder);
    const Ran ran = tune_tiny(folder, {"--budget", "12", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = nlohmann::json::parse(ran.out);
    REQUIRE(told["parts"].size() == 3);
    const auto part = [&](std::size_t i) { return told["parts"][i]; };
    CHECK(part(0)["name"] == "small");
    CHECK(part(0)["extents"] == nlohmann::json{{"i", 4}, {"j", 48}, {"k", 16}});
    CHECK(part(0)["choices"].size() == 1); // `lanes` makes no difference there
    CHECK(part(0)["choices"].contains("rows"));
    CHECK(part(1)["name"] == "wide");
    CHECK(part(1)["extents"] == nlohmann::json{{"i", 32}, {"j", 512}, {"k", 16}});
    CHECK(part(1)["choices"].contains("lanes"));
    CHECK(part(2)["name"] == "common");
    CHECK(part(2)["extents"] == nlohmann::json{{"i", 32}, {"j", 48}, {"k", 16}});
    for (const auto& each : told["parts"]) {
        CHECK(each["candidates"] == 3); // all values, and no others
    }
    const std::string file = folder.read("tiny.sched");
    const std::string lanes = part(2)["choices"]["lanes"];
    const std::string wide = part(1)["choices"]["lanes"];
    std::string wanted = with_parts;
    wanted.replace(wanted.find("= 4 "), 3, "= " + lanes);
    wanted.replace(wanted.find("} = 2"), 5, "} = " + part(0)["choices"]["rows"].get<std::string>());
    if (wide != lanes) {
        wanted.insert(wanted.find(" extend"), " tune lanes in {4, 8, 16} = " + wide + ";");
    }
    CHECK(by_hand(file) == wanted);
    CHECK(contains(file, "# tuned: `small`: rows = "));
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched"}).code == 0);
    const Ran again = tune_tiny(folder, {"--budget", "12"}, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("tiny.sched") == file);
    const Ran lock = tune_tiny(folder, {"--lock", "-o", "lock.sched"}, nothing);
    REQUIRE_MESSAGE(lock.code == 0, lock.err);
    CHECK(folder.read("lock.sched") == file);
}

TEST_CASE("sizes choose the part that they lie in, and the others keep their values") {
    const Folder folder;
    write_parts(folder);
    const Ran ran = tune_tiny(folder, {"--sizes", "i=2,j=10,k=5", "--budget", "5", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = nlohmann::json::parse(ran.out);
    REQUIRE(told["parts"].size() == 1);
    CHECK(told["parts"][0]["name"] == "small");
    CHECK(told["parts"][0]["extents"] == nlohmann::json{{"i", 2}, {"j", 10}, {"k", 5}});
    const std::string file = folder.read("tiny.sched");
    CHECK(contains(file, "\ntune lanes in {4, 8, 16} = 4   # a guess\n"));
    const Ran two = tune_tiny(folder, {"--sizes", "i=2,j=10", "--sizes", "i=40,j=600", "--budget", "6", "--json"});
    REQUIRE_MESSAGE(two.code == 0, two.err);
    CHECK(nlohmann::json::parse(two.out)["parts"].size() == 2);
}

TEST_CASE("a variant gets a value of its own where the common part wants another") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    // Wide loads at the large sizes; of the small ones there is not enough for more than four lanes.
    const std::string own = "schedule tiny\n"
                            "tune lanes in {1, 32} = 1\n"
                            "stage product { split j by ?lanes; vectorize j.i }\n"
                            "variant narrow when extent(j) < 2 {   # a column\n"
                            "    extend stage product { unroll i by 2 }\n"
                            "}\n";
    folder.write("tiny.sched", own);
    const Ran ran =
        tune_tiny(folder, {"--sizes", "i=64,j=1,k=200", "--sizes", "i=64,j=512,k=200", "--budget", "4", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = nlohmann::json::parse(ran.out);
    const std::string narrow = told["parts"][0]["choices"]["lanes"];
    const std::string common = told["parts"][1]["choices"]["lanes"];
    CHECK(common == "32");
    std::string wanted = own;
    wanted.replace(wanted.find("= 1\n"), 3, "= " + common);
    if (narrow != common) {
        wanted.insert(wanted.find("    extend"), "    tune lanes in {1, 32} = " + narrow + "\n");
    }
    CHECK(by_hand(folder.read("tiny.sched")) == wanted);
    CHECK(folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "6"}).code == 0);
}

TEST_CASE("what each part leaves out is decided at its sizes") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::string own = "schedule tiny   # by hand\n"
                            "variant small when extent(i) < 8 { stage product.acc = accumulate product }\n";
    folder.write("tiny.sched", own);
    const Ran ran = tune_tiny(folder, {"-o", "tiny.sched", "--budget", "6", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = nlohmann::json::parse(ran.out);
    REQUIRE(told["parts"].size() == 2);
    CHECK(told["parts"][0]["extents"]["i"] == 4);
    CHECK(told["parts"][1]["extents"]["i"] == 32);
    const std::string file = folder.read("tiny.sched");
    CHECK(by_hand(file) == own);
    CHECK(contains(file, "\nvariant small when extent(i) < 8 {\n"));
    CHECK_FALSE(contains(folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "schedule"}).out,
                         "completed by the default schedule"));
    CHECK(folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "6"}).code == 0);
    const Ran again = tune_tiny(folder, {"-o", "tiny.sched", "--budget", "6"}, nothing);
    REQUIRE_MESSAGE(again.code == 0, again.err);
    CHECK(folder.read("tiny.sched") == file);
    // build --tuned does the same, in a layer of its own.
    folder.write("tiny.sched", own);
    const Ran build =
        folder.coulter({"build", "tiny.coulter", "--schedule", "tiny.sched", "--name", "t", "-o", "out", "--threads",
                        "1", "--autoschedule", "scheds", "--tuned", "--budget", "4", "--store", "tuning.db"});
    REQUIRE_MESSAGE(build.code == 0, build.err);
    CHECK(build.err.empty());
    CHECK(contains(folder.read("scheds/tiny.sched"), "# tuned: parts of the schedule of tiny; 1 thread, "));
}

TEST_CASE("parts that cannot be tuned are told") {
    const Folder folder;
    write_parts(folder);
    std::string all;
    const auto refuse = [&](const std::vector<std::string>& words, int code) {
        const Ran ran = tune_tiny(folder, words);
        CHECK_MESSAGE(ran.code == code, ran.err);
        all += "$ coulter tune tiny.coulter tiny.sched";
        for (const std::string& word : words) {
            all += ' ' + word;
        }
        all += '\n' + ran.err;
    };
    refuse({"--sizes", "i=2,j=48,k=5", "--sizes", "i=3,j=48,k=5"}, 2);
    refuse({"--sizes", "i=2,q=48"}, 2);
    refuse({"--budget", "2"}, 2);
    CHECK(folder.read("tiny.sched") == with_parts);
    // A hole that only a variant uses: sizes elsewhere say nothing of it.
    const std::string only = "schedule tiny\ntune n in {2, 4} = 2\nstage product { compute root }\n"
                             "variant small when extent(i) < 8 { stage product { unroll j by ?n } }\n";
    folder.write("tiny.sched", only);
    refuse({"--sizes", "i=32,j=48,k=5"}, 2);
    CHECK(folder.read("tiny.sched") == only);
    folder.write("tiny.sched", "schedule tiny\ntune n in {2, 4} = 2\nstage product { compute root }\n"
                               "variant huge when extent(i) > 2147483646 { stage product { unroll j by ?n } }\n");
    refuse({"--budget", "2"}, 1);
    CHECK_MESSAGE(golden_difference("cli/tune_parts", all).empty(), golden_difference("cli/tune_parts", all));
    CHECK(records_of(folder).empty());
}

TEST_CASE("conditions on tensors hold in a measurement") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched",
                 "schedule tiny\ntune n in {2, 4} = 2\nstage product { unroll j by ?n }\n"
                 "variant few when extent(i) < 4 and compact and aligned(64) { stage product { unroll k by ?n } }\n");
    const Ran ran = tune_tiny(folder, {"--budget", "4", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(nlohmann::json::parse(ran.out)["parts"].size() == 2);
}
