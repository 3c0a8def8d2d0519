#include "support/golden.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

TEST_CASE("explain measures a schedule without each of its directives") {
    const Folder folder;
    write_tunable(folder);
    std::string schedule = schedule_with_holes;
    schedule += "stage product.acc.init { vectorize j }\n";
    folder.write("tiny.sched", schedule);
    const std::vector<std::string> command{"explain", "tiny.coulter", "tiny.sched", "--threads", "1"};
    std::vector<std::string> with_json = command;
    with_json.emplace_back("--json");
    const Ran ran = folder.coulter(with_json);
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto told = nlohmann::json::parse(ran.out);
    CHECK(told["kernel"] == "tiny");
    CHECK(told["extents"]["j"] == 48);
    CHECK(told["seconds"].get<double>() > 0);
    const auto& directives = told["directives"];
    REQUIRE(directives.size() == 9);
    CHECK(directives[0]["directive"] == "split j by ?lanes");
    CHECK(directives[0]["line"] == 7);
    CHECK(directives[0]["ratio"].is_null()); // others name its loops
    CHECK(directives[0]["verdict"] == "cannot be left out: the checker refuses the rest");
    CHECK(directives[6]["directive"] == "vectorize j");
    CHECK(directives[6]["stage"] == "product.acc");
    CHECK(directives[6]["ratio"].get<double>() > 0);
    CHECK(directives[6]["seconds"].get<double>() > 0);
    CHECK(folder.read("tiny.sched") == schedule);
    const Ran table = folder.coulter(command);
    REQUIRE(table.code == 0);
    CHECK(table.out.find("   7  product           split j by ?lanes ") != std::string::npos);
}

TEST_CASE("explain refuses what has nothing to explain") {
    const Folder folder;
    write_tunable(folder);
    std::string all;
    const auto told = [&](const std::vector<std::string>& arguments, int code) {
        const Ran ran = folder.coulter(arguments);
        CHECK(ran.code == code);
        CHECK(ran.out.empty());
        all += ran.err;
    };
    folder.write("empty.sched", "schedule tiny\nnumerics fast\n");
    folder.write("wrong.sched", "schedule tiny\nstage product { split q by 8 }\n");
    told({"explain", "tiny.coulter"}, 2);
    told({"explain", "tiny.coulter", "tiny.sched", "empty.sched"}, 2);
    told({"explain", "tiny.coulter", "empty.sched"}, 1);
    told({"explain", "tiny.coulter", "wrong.sched"}, 1);
    told({"explain", "tiny.coulter", "nowhere.sched"}, 4);
    told({"explain", "tiny.coulter", "tiny.sched", "--sizes", "q=1"}, 2);
    CHECK_MESSAGE(golden_difference("cli/explain_refused", all).empty(), golden_difference("cli/explain_refused", all));
}
