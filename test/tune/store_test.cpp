#include "records.hpp"
#include "support/golden.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

using namespace coulter;
using namespace coulter::test;
using namespace coulter::tune;

namespace {

std::string exported(const Store& store) {
    std::ostringstream out;
    store.export_lines(out);
    return out.str();
}

std::vector<Store::Entry> lines(const std::string& text) {
    std::istringstream in(text);
    return read_lines(in, "records.jsonl");
}

std::string refusal(const std::string& text) {
    try {
        static_cast<void>(lines(text));
    } catch (const StoreError& error) {
        CHECK(error.code() == "M005");
        return error.what();
    }
    return "accepted\n";
}

} // namespace

TEST_CASE("a store knows the order in which it was filled") {
    const TemporaryFolder folder;
    Store store(folder / "tuning.db");
    CHECK(store.in_order(a_setting()).records.empty());
    Record compared = a_record(9);
    compared.comparison = "two";
    std::vector<Record> added{a_record(3), a_record(1), a_record(2)};
    for (const Record& each : added) {
        store.add(a_setting(), each);
        store.add(a_setting("i=64,j=48"), a_record(7));
    }
    store.add(a_setting(), compared);
    CHECK(store.in_order(a_setting()).records == added);
    CHECK(store.in_order(a_setting()).merged == 0);
    // Measured again, a record is the last one.
    store.add(a_setting(), added.front());
    std::ranges::rotate(added, added.begin() + 1);
    CHECK(store.in_order(a_setting()).records == added);
    // Others know the records, and not the order; they come first.
    Store other(folder / "other.db");
    other.add(a_setting(), a_record(5));
    other.merge(store.all());
    const Store::InOrder merged = Store(folder / "other.db", Store::Mode::read).in_order(a_setting());
    CHECK(merged.merged == 3);
    REQUIRE(merged.records.size() == 4);
    CHECK(merged.records.back() == a_record(5));
}

TEST_CASE("what was added is there in another process's eyes, by setting") {
    const TemporaryFolder folder;
    Store store(folder / "deep/er/tuning.db");
    store.add(a_setting(), a_record(1));
    store.add(a_setting(), a_record(2));
    store.add(a_setting("i=64,j=48"), a_record(3));
    Record wrong = a_record(4);
    wrong.outcome = Outcome::wrong;
    wrong.samples.clear();
    wrong.message = "`product` [0, 1]: 2.5, wanted 2";
    store.add(a_setting(), wrong);

    const Store again(folder / "deep/er/tuning.db", Store::Mode::read);
    const auto records = again.records(a_setting());
    CHECK(records.size() == 3);
    for (const Record& each : {a_record(1), a_record(2), wrong}) {
        CHECK(std::ranges::find(records, each) != records.end());
    }
    for (auto change : {&Setting::kernel, &Setting::machine, &Setting::target, &Setting::versions}) {
        Setting other = a_setting();
        other.*change += "x";
        CHECK(again.records(other).empty());
    }
    Setting threads = a_setting();
    threads.threads = 1;
    CHECK(again.records(threads).empty());
}

TEST_CASE("a record replaces its like, and stands beside its comparison with others") {
    const TemporaryFolder folder;
    Store store(folder / "tuning.db");
    Record record = a_record(1);
    store.add(a_setting(), record);
    record.samples = {5e-4};
    store.add(a_setting(), record);
    CHECK(store.records(a_setting()) == std::vector{record});
    record.comparison = sha256("some set");
    store.add(a_setting(), record);
    CHECK(store.records(a_setting()).size() == 2);
}

TEST_CASE("a size class is every extent rounded up to a power of two") {
    CHECK(size_class("i=500,j=48,k=1") == "i=512,j=64,k=1");
    CHECK(size_class("i=0") == "i=0");
    CHECK(size_class("").empty());
    const TemporaryFolder folder;
    Store store(folder / "tuning.db");
    store.add(a_setting("i=500,j=48"), a_record(1));
    store.add(a_setting("i=512,j=48"), a_record(2));
    store.add(a_setting("i=520,j=48"), a_record(3));
    Record compared = a_record(4);
    compared.comparison = sha256("some set");
    store.add(a_setting("i=512,j=48"), compared);
    const auto others = store.of_class(a_setting("i=500,j=48"));
    REQUIRE(others.size() == 1);
    CHECK(others.front().setting.sizes == "i=512,j=48");
    CHECK(others.front().record == a_record(2));
}

TEST_CASE("an export is the same for the same content, and a merge takes it back") {
    const TemporaryFolder folder;
    Store first(folder / "first.db");
    Store second(folder / "second.db");
    for (int i = 0; i < 5; ++i) {
        first.add(a_setting(), a_record(i));
        second.add(a_setting(), a_record(4 - i));
    }
    const std::string text = exported(first);
    CHECK(text == exported(second));
    Store third(folder / "third.db");
    auto merged = third.merge(lines(text));
    CHECK(merged.added == 5);
    CHECK(exported(third) == text);
    merged = third.merge(lines(text));
    CHECK(merged.added + merged.replaced == 0);
    CHECK(merged.kept == 5);
}

TEST_CASE("a merge keeps what was measured more often, in either order") {
    Record often = a_record(1);
    often.samples = {1, 2, 3, 4};
    const std::vector<Store::Entry> one{{a_setting(), a_record(1)}};
    const std::vector<Store::Entry> other{{a_setting(), often}};
    const TemporaryFolder folder;
    Store store(folder / "a.db");
    store.merge(one);
    CHECK(store.merge(other).replaced == 1);
    CHECK(store.records(a_setting()) == std::vector{often});
    CHECK(store.merge(one).kept == 1);
    CHECK(store.records(a_setting()) == std::vector{often});
}

TEST_CASE("lines that are no records are refused, and say why") {
    const std::string good = to_json(a_setting(), a_record(1));
    CHECK(refusal(good + "\n\n" + good + "\n") == "accepted\n");
    std::string all;
    const auto broken = [&](const std::string& from, const std::string& to) {
        std::string line = good;
        REQUIRE(line.find(from) != std::string::npos);
        all += refusal(good + "\n" + line.replace(line.find(from), from.size(), to) + "\n");
    };
    broken("{", "");
    broken("\"kernel\":", "\"colonel\":");
    broken("\"threads\":2", "\"threads\":\"2\"");
    broken("timed", "fast");
    broken("0.0025", "-1");
    broken("[0.002,0.0025]", "[]");
    broken("\"6b86", "\"xx86");
    broken("\"n\":\"1\"", "\"n\":1");
    CHECK_MESSAGE(golden_difference("tune/broken_lines", all).empty(), golden_difference("tune/broken_lines", all));
}

TEST_CASE("a merge of which one line is broken changes nothing") {
    const TemporaryFolder folder;
    Store store(folder / "a.db");
    CHECK_THROWS_AS(store.merge(lines(to_json(a_setting(), a_record(1)) + "\nnonsense\n")), StoreError);
    CHECK(store.all().empty());
}

TEST_CASE("names of outcomes lead back") {
    for (int i = 0; i < 9; ++i) {
        CHECK(outcome_of(name(static_cast<Outcome>(i))) == static_cast<Outcome>(i));
    }
    CHECK_FALSE(outcome_of("quick"));
}
