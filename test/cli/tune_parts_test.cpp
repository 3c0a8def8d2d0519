// coulter tune of schedules with variants: each part for itself, at sizes that lie in it.

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
    const auto told = parse_json(ran.out);
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
    const auto told = parse_json(ran.out);
    REQUIRE(told["parts"].size() == 1);
    CHECK(told["parts"][0]["name"] == "small");
    CHECK(told["parts"][0]["extents"] == nlohmann::json{{"i", 2}, {"j", 10}, {"k", 5}});
    const std::string file = folder.read("tiny.sched");
    CHECK(contains(file, "\ntune lanes in {4, 8, 16} = 4   # a guess\n"));
    const Ran two = tune_tiny(folder, {"--sizes", "i=2,j=10", "--sizes", "i=40,j=600", "--budget", "6", "--json"});
    REQUIRE_MESSAGE(two.code == 0, two.err);
    CHECK(parse_json(two.out)["parts"].size() == 2);
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
    const auto told = parse_json(ran.out);
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
    const auto told = parse_json(ran.out);
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
    CHECK(parse_json(ran.out)["parts"].size() == 2);
}

TEST_CASE("a part that is not tuned keeps the value at the top that another part changes") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    // One candidate is the value that an earlier tuning began with.
    const std::string own = "schedule tiny\n"
                            "# tuned: the common part: lanes = 8 (was 4)\n"
                            "tune lanes in {4, 8} = 8\n"
                            "stage product { split j by ?lanes; vectorize j.i }\n"
                            "variant small when extent(i) < 8 { extend stage product { unroll i by 2 } }\n"
                            "variant other when extent(i) < 9 { stage product { unroll i by 2 } }\n";
    folder.write("tiny.sched", own);
    const Ran ran = tune_tiny(folder, {"--sizes", "i=32,j=48,k=16", "--budget", "1"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    std::string wanted = own;
    wanted.erase(wanted.find("# tuned"), wanted.find("tune lanes") - wanted.find("# tuned"));
    wanted.replace(wanted.find("= 8\n"), 3, "= 4");
    wanted.insert(wanted.find(" extend"), " tune lanes in {4, 8} = 8;");
    CHECK(by_hand(folder.read("tiny.sched")) == wanted);
}

TEST_CASE("a variant of another layer or of an included file gets its value in the tuned file") {
    const std::string variants = "variant none when extent(i) < 2 { extend stage product { unroll i by 4 } }\n"
                                 "variant small when extent(i) < 8 { extend stage product { unroll i by 2 } }\n";
    const std::string top = "tune lanes in {4, 8} = 8\n"
                            "stage product { split j by ?lanes; vectorize j.i }\n";
    const std::string before = "# tuned: the common part: lanes = 8 (was 4)\n";
    const std::string none = "variant none when extent(i) < 2 {\n    tune lanes in {4, 8} = 8\n}\n";
    const std::string small = "variant small when extent(i) < 8 {\n    tune lanes in {4, 8} = 8\n}\n";
    std::string wanted = top;
    wanted.replace(wanted.find("= 8\n"), 3, "= 4");
    const std::vector<std::string> common{"--sizes", "i=32,j=48,k=16", "--budget", "1"};
    {
        const Folder folder;
        folder.write("tiny.coulter", tiny_kernel);
        folder.write("tiny.sched", "schedule tiny\n" + variants);
        folder.write("top.sched", "schedule tiny\n" + before + top);
        const Ran ran = folder.coulter({"tune", "tiny.coulter", "tiny.sched", "top.sched", "--threads", "1", "--store",
                                        "tuning.db", "--sizes", "i=32,j=48,k=16", "--budget", "1"});
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        CHECK(by_hand(folder.read("top.sched")) == "schedule tiny\n" + wanted + none + small);
        CHECK(folder.read("tiny.sched") == "schedule tiny\n" + variants);
        CHECK(folder.coulter({"verify", "tiny.coulter", "tiny.sched", "top.sched"}).code == 0);
    }
    {
        // It is the variant that is tuned.
        const Folder folder;
        folder.write("tiny.coulter", tiny_kernel);
        folder.write("tiny.sched", "schedule tiny\n" + variants);
        folder.write("top.sched", "schedule tiny\n# tuned: `small`: lanes = 8 (was 4)\n" + top);
        const Ran ran = folder.coulter({"tune", "tiny.coulter", "tiny.sched", "top.sched", "--threads", "1", "--store",
                                        "tuning.db", "--sizes", "i=4,j=48,k=16", "--budget", "1"});
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        std::string own = small;
        own.replace(own.find("= 8\n"), 3, "= 4");
        CHECK(by_hand(folder.read("top.sched")) == "schedule tiny\n" + top + own);
    }
    {
        // A higher layer: the variants are tried in the same order.
        const Folder folder;
        folder.write("tiny.coulter", tiny_kernel);
        folder.write("tiny.sched", "schedule tiny\n" + before + top);
        folder.write("top.sched", "schedule tiny\nvariant none when extent(i) < 2 { stage product { unroll i by 4 } }\n"
                                  "variant small when extent(i) < 8 { extend stage product { unroll i by 2 } }\n");
        const Ran ran = folder.coulter({"tune", "tiny.coulter", "tiny.sched", "top.sched", "--threads", "1", "--store",
                                        "tuning.db", "--sizes", "i=32,j=48,k=16", "--budget", "1"});
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        CHECK(by_hand(folder.read("tiny.sched")) ==
              "schedule tiny\n" + wanted + "variant none when extent(i) < 2 {\n}\n" + small);
        const Ran check = folder.coulter({"check", "tiny.coulter", "tiny.sched", "top.sched"});
        CHECK_MESSAGE(contains(check.err, "`none` when extent(i) < 2, else `small` when extent(i) < 8"), check.err);
    }
    {
        const Folder folder;
        folder.write("tiny.coulter", tiny_kernel);
        folder.write("parts.sched", variants);
        folder.write("tiny.sched", "schedule tiny\ninclude parts.sched\n" + before + top);
        const Ran ran = tune_tiny(folder, common);
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        CHECK(by_hand(folder.read("tiny.sched")) == "schedule tiny\ninclude parts.sched\n" + wanted + none + small);
    }
}

TEST_CASE("sections that an earlier tuning added stay such, and count unless their file is written anew") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::string own = "schedule tiny\n"
                            "# tuned: `few`: lanes = 8 (was 4)\n"
                            "tune lanes in {4, 8} = 4\n"
                            "stage product.acc = accumulate product\n"
                            "stage product { split j by ?lanes; vectorize j.i }\n"
                            "\n"
                            "# variants 4e3eb0f0: values of the holes above for other sizes; written anew while nobody "
                            "edits them\n"
                            "variant few when extent(i) < 8 {\n"
                            "    tune lanes in {4, 8} = 8\n"
                            "}\n";
    const std::vector<std::string> two{"--sizes", "i=2,j=48,k=5", "--sizes", "i=32,j=48,k=16", "--json"};
    const auto tune = [&](const std::vector<std::string>& words, const std::vector<std::string>& more) {
        std::vector<std::string> all = words;
        all.insert(all.end(), more.begin(), more.end());
        const Ran ran = tune_tiny(folder, all);
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        return ran.out;
    };
    folder.write("tiny.sched", own);
    // Another file is written: the variant is in force, and its size one of its own.
    const auto layer = parse_json(tune(two, {"--only", "stages", "--budget", "2", "-o", "layer.sched"}));
    CHECK_FALSE(layer.contains("classes"));
    CHECK(layer["parts"][0]["name"] == "few");
    CHECK(folder.read("tiny.sched") == own);
    const Ran shown =
        folder.coulter({"show", "tiny.coulter", "tiny.sched", "layer.sched", "--as", "schedule", "--variant", "few"});
    CHECK_MESSAGE(contains(shown.out, "split j by 8"), shown.out);
    // Both sections, of which the upper one gets another value.
    REQUIRE(folder.coulter({"autoschedule", "tiny.coulter", "tiny.sched", "-o", "tiny.sched"}).code == 0);
    CHECK(contains(folder.read("tiny.sched"), "}\n\n# completed "));
    tune({"--only", "holes", "--sizes", "i=2,j=48,k=5"}, {"--budget", "1"});
    CHECK(contains(folder.read("tiny.sched"), "variant few when extent(i) < 8 {\n    tune lanes in {4, 8} = 4\n}\n"));
    CHECK(parse_json(tune(two, {"--budget", "2"})).contains("classes"));
    CHECK_FALSE(contains(folder.read("tiny.sched"), "variant few"));
}

TEST_CASE("values that the checker refuses are passed over") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    // Vectors are shorter than that; whether it would make a difference is not known. One part began with it, as told.
    folder.write("tiny.sched", "schedule tiny\n"
                               "# tuned: `small`: lanes = 4 (was 2048)\n"
                               "tune lanes in {4, 2048} = 4\n"
                               "stage product { split j by ?lanes; vectorize j.i }\n"
                               "variant small when extent(i) < 8 { extend stage product { unroll i by 2 } }\n");
    const Ran ran = tune_tiny(folder, {"--budget", "4", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = parse_json(ran.out);
    REQUIRE(told["parts"].size() == 2);
    for (const auto& part : told["parts"]) {
        CHECK(part["choices"] == nlohmann::json{{"lanes", "4"}});
    }
    CHECK(contains(folder.read("tiny.sched"), "\ntune lanes in {4, 2048} = 4\n"));
}

TEST_CASE("a budget of ten thousand years ends when all is measured") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", "schedule tiny\ntune lanes in {4, 8} = 4\n"
                               "stage product { split j by ?lanes; vectorize j.i }\n"
                               "variant small when extent(i) < 8 { extend stage product { unroll i by 2 } }\n");
    const Ran ran = tune_tiny(folder, {"--budget", "99999999h", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    for (const auto& part : parse_json(ran.out)["parts"]) {
        CHECK(part["complete"] == true);
    }
}
