// coulter records

#include "support/golden.hpp"
#include "tune_case.hpp"

#include <doctest/doctest.h>

using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

std::string line(const std::string& digit, const std::string& samples, const std::string& sizes = "i=32,j=48,k=16") {
    return R"({"kernel":"84e8e4f9250ab8e7","sizes":")" + sizes +
           R"(","machine":"Some Processor, 2 processors","target":"x86-64-avx2","versions":"coulter 0.1.0, Halide 21.0.0",)"
           R"("threads":2,"schedule":")" +
           std::string(64, digit.front()) + R"(","comparison":"","outcome":")" +
           (samples.empty() ? "crashed" : "timed") + R"(","message":"","samples":[)" + samples +
           R"(],"code_bytes":1000,"choices":{"n":"8"}})" + "\n";
}

} // namespace

TEST_CASE("records are merged, listed and exported as they were") {
    const Folder folder;
    const std::string all =
        line("1", "0.001") + line("2", "0.002,0.004") + line("3", "") + line("4", "0.5", "i=64,j=48,k=16");
    folder.write("all.jsonl", all);
    const Ran merged = folder.coulter({"records", "merge", "all.jsonl", "--store", "a.db"});
    REQUIRE_MESSAGE(merged.code == 0, merged.err);
    CHECK(merged.out == "all.jsonl: 4 added, 0 replaced, 0 kept as they were\n");
    CHECK(folder.coulter({"records", "export", "--store", "a.db"}).out == all);
    REQUIRE(folder.coulter({"records", "export", "--store", "a.db", "-o", "b.jsonl"}).code == 0);
    CHECK(folder.read("b.jsonl") == all);
    check_golden("records_list", folder.coulter({"records", "list", "--store", "a.db"}).out);
    folder.write("more.jsonl", line("1", "0.001,0.002") + line("2", "0.003") + line("5", "1"));
    REQUIRE(folder.coulter({"records", "merge", "more.jsonl", "--store", "b.db"}).code == 0);
    CHECK(folder.coulter({"records", "merge", "b.db", "more.jsonl", "--store", "a.db"}).out ==
          "b.db: 1 added, 1 replaced, 1 kept as they were\nmore.jsonl: 0 added, 0 replaced, 3 kept as they were\n");
}

TEST_CASE("the default store is in the cache folder") {
    const Folder folder;
    folder.write("all.jsonl", line("1", "0.001"));
    const std::string cache = "XDG_CACHE_HOME=" + (folder.path() / "cache").string();
    REQUIRE(folder.coulter({"records", "merge", "all.jsonl"}, {cache}).code == 0);
    CHECK(folder.has("cache/coulter/tuning.db"));
    REQUIRE(
        folder.coulter({"records", "merge", "all.jsonl"}, {"XDG_CACHE_HOME=", "HOME=" + folder.path().string()}).code ==
        0);
    CHECK(folder.has(".cache/coulter/tuning.db"));
}

TEST_CASE("what is no store and no export is refused, and nothing is merged") {
    const Folder folder;
    folder.write("good.jsonl", line("1", "0.001"));
    folder.write("bad.jsonl", line("2", "0.001") + line("3", "0"));
    folder.write("text.db", "not a store");
    std::string all;
    const auto told = [&](const std::vector<std::string>& arguments, int code) {
        const Ran ran = folder.coulter(arguments);
        CHECK(ran.code == code);
        CHECK(ran.out.empty());
        all += ran.err;
    };
    told({"records", "merge", "good.jsonl", "bad.jsonl", "--store", "a.db"}, 4);
    told({"records", "merge", "good.jsonl", "text.db", "--store", "a.db"}, 4);
    told({"records", "merge", "good.jsonl", "nowhere.db", "--store", "a.db"}, 4);
    CHECK_FALSE(folder.has("a.db"));
    told({"records", "list", "--store", "nowhere.db"}, 4);
    told({"records", "export", "--store", "text.db"}, 4);
    told({"records"}, 2);
    told({"records", "merge"}, 2);
    told({"records", "forget"}, 2);
    check_golden("records_refused", all);
}
