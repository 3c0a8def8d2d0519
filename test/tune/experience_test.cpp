// What is learnt from tunings of other kernels.

#include "coulter/tune/decision_space.hpp"
#include "coulter/tune/experience.hpp"

#include <doctest/doctest.h>

using namespace coulter::tune;

namespace {

Store::Entry timed(const std::string& kernel, double seconds, std::map<std::string, std::string> choices,
                   const std::string& comparison = "") {
    Store::Entry entry;
    entry.setting = {kernel, "i=8", "machine", "target", "versions", 1};
    entry.record.schedule = kernel + std::to_string(seconds);
    entry.record.comparison = comparison;
    entry.record.samples = {seconds, seconds, seconds};
    entry.record.choices = std::move(choices);
    return entry;
}

DecisionSpace space_of(const std::string& stage) {
    return DecisionSpace({{"vector of " + stage, {"y", "-"}, false, 1}, {"rows of " + stage, {"2", "4"}, true, 1}},
                         [](const auto&) { return std::string(); });
}

} // namespace

TEST_CASE("what was slow for one kernel is expected to be slow for another") {
    std::vector<Store::Entry> entries;
    for (const std::string kernel : {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"}) {
        entries.push_back(timed(kernel, 1, {}));
        entries.push_back(timed(kernel, 4, {{"vector of s", "-"}}));
        entries.push_back(timed(kernel, 0.8, {{"rows of s", "4"}}));
        entries.push_back(timed(kernel, 3.2, {{"rows of s", "4"}, {"vector of s", "-"}}));
        entries.push_back(timed(kernel, 2, {{"vector of s", "k"}}));
    }
    const Experience experience(entries);
    const DecisionSpace space = space_of("other");
    const double no_vector = experience.expected(space, {2, 0});
    CHECK(no_vector > 0.6); // log 4, drawn towards 0
    CHECK(no_vector < 1.4);
    CHECK(experience.expected(space, {0, 2}) < -0.05);
    CHECK(experience.expected(space, {1, 0}) > 0.2); // another dim than the one chosen, whatever it is called
    CHECK(experience.expected(space, {1, 0}) < no_vector);
    CHECK(experience.expected(space, {0, 1}) == 0); // never tried
    CHECK(experience.expected(space, initial(space)) == 0);
    CHECK(experience.expected(space, {2, 2}) == doctest::Approx(no_vector + experience.expected(space, {0, 2})));
}

TEST_CASE("tiles of whatever dim and forms of whatever rows are learnt together") {
    const Experience experience(
        {timed("a", 1, {}), timed("a", 4, {{"tile i of s", "4"}}), timed("a", 0.5, {{"form of s", "block row"}})});
    const DecisionSpace space({{"tile x of t", {"2", "4"}, true, 1}, {"form of t", {"element", "block y"}, false, 1}},
                              [](const auto&) { return std::string(); });
    CHECK(experience.expected(space, {2, 0}) > 0.1);
    CHECK(experience.expected(space, {1, 0}) == 0);
    CHECK(experience.expected(space, {0, 2}) < -0.1);
    CHECK(experience.expected(space, {0, 1}) == 0);
}

TEST_CASE("records that tell nothing change nothing") {
    CHECK(Experience().empty());
    std::vector<Store::Entry> entries;
    entries.push_back(timed("a", 4, {{"vector of s", "-"}})); // of a kernel that was never timed as it is
    entries.push_back(timed("b", 1, {}));
    entries.push_back(timed("b", 9, {{"lanes", "4"}})); // a hole, whose name means something there alone
    entries.push_back(timed("b", 9, {{"vector of s", "-"}}, "side by side"));
    Store::Entry wrong = timed("b", 9, {{"vector of s", "-"}});
    wrong.record.outcome = Outcome::wrong;
    entries.push_back(wrong);
    const Experience experience(entries);
    CHECK(experience.empty());
    CHECK(experience.expected(space_of("s"), {2, 2}) == 0);
}

TEST_CASE("one candidate that takes forever does not drown the others") {
    const Experience experience({timed("a", 1, {}), timed("a", 1e6, {{"vector of s", "-"}, {"rows of s", "2"}}),
                                 timed("a", 1e-6, {{"rows of s", "4"}})});
    const DecisionSpace space = space_of("s");
    CHECK(experience.expected(space, {0, 1}) < 0.5);
    CHECK(experience.expected(space, {0, 2}) > -0.5);
    CHECK(experience.expected(space, {2, 1}) <= 2);
}
