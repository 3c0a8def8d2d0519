#include "coulter/tune/holes.hpp"

#include <doctest/doctest.h>

using namespace coulter::tune;

namespace {

const char* const file = R"(# by hand; é, to shift bytes against letters
schedule tiny
tune   n in {32, 8, 16, 8} =   16   # = 16 was a guess
macro tile(f) { split i by f }
  tune m in {4} = 4; tune k in {1, 2} = 2 # two in a line, é = 3
# tuned by hand, stays
stage product { use tile(?n); split j by ?m; split i.i by ?k }
# the end, without a line break)";

} // namespace

TEST_CASE("holes are choices, ascending, with the value in force first") {
    const HoleSpace space(file, "tiny.sched");
    CHECK(space.choices() ==
          std::vector<Choice>{{"n", {"8", "16", "32"}, 1, true}, {"m", {"4"}, 0, true}, {"k", {"1", "2"}, 1, true}});
    CHECK(size(space) == 6);
    CHECK(space.schedule_text(initial(space)) == file);
}

TEST_CASE("filling changes the numbers and nothing else") {
    const HoleSpace space(file, "tiny.sched");
    std::string wanted = file;
    wanted.replace(wanted.find("=   16"), 6, "=   8");
    wanted.replace(wanted.find("= 2 #"), 3, "= 1");
    CHECK(space.schedule_text({0, 0, 0}) == wanted);
    const HoleSpace again(wanted, "tiny.sched");
    CHECK(initial(again) == Assignment{0, 0, 0});
    CHECK(again.schedule_text({1, 0, 1}) == file);
}

TEST_CASE("descriptions lead back to assignments of this space only") {
    const HoleSpace space(file, "tiny.sched");
    const auto description = described(space, {2, 0, 0});
    CHECK(description == std::map<std::string, std::string>{{"n", "32"}, {"m", "4"}, {"k", "1"}});
    CHECK(assignment_of(space, description) == Assignment{2, 0, 0});
    auto other = description;
    other["n"] = "64";
    CHECK_FALSE(assignment_of(space, other));
    other = description;
    other["more"] = "1";
    CHECK_FALSE(assignment_of(space, other));
    other.erase("more");
    other.erase("k");
    CHECK_FALSE(assignment_of(space, other));
}

TEST_CASE("provenance stands above the first hole, and replaces an earlier one") {
    std::string wanted = file;
    wanted.insert(wanted.find("tune   n"), "# tuned: one\n# tuned: two\n");
    const std::string once = with_provenance(file, {"one", "two"});
    CHECK(once == wanted);
    CHECK(with_provenance(once, {"one", "two"}) == once);
    wanted.erase(wanted.find("# tuned: two\n"), 13);
    CHECK(with_provenance(once, {"one"}) == wanted);
    CHECK(with_provenance("tune n in {1} = 1\n", {"x"}) == "# tuned: x\ntune n in {1} = 1\n");
}

TEST_CASE("a file that was tuned in place begins from what it was before, unless it was edited since") {
    const HoleSpace space(file, "tiny.sched");
    CHECK(space.summary({2, 0, 0}) == "n = 32 (was 16), m = 4 (was 4), k = 1 (was 2)");
    const auto tuned = [&](const Assignment& best) {
        return with_provenance(space.schedule_text(best), {"something else", space.summary(best)});
    };
    const HoleSpace again(tuned({2, 0, 0}), "tiny.sched");
    CHECK(again.choices() == space.choices());
    CHECK(with_provenance(again.schedule_text({0, 0, 1}), {"something else", again.summary({0, 0, 1})}) ==
          tuned({0, 0, 1}));
    std::string edited = tuned({2, 0, 0});
    edited.replace(edited.find("=   32"), 6, "=   8");
    CHECK(initial(HoleSpace(edited, "tiny.sched")) == Assignment{0, 0, 0});
    edited = tuned({2, 0, 0});
    edited.replace(edited.find("{1, 2}"), 6, "{1, 3}");
    CHECK(initial(HoleSpace(edited, "tiny.sched")) == Assignment{2, 0, 0});
}

TEST_CASE("a variant's own line counts before the one at the top, and what is not wanted stays out") {
    const std::string text = "schedule tiny\n"
                             "tune n in {4, 8} = 4\n"
                             "tune m in {1, 2} = 1\n"
                             "variant small when extent(i) < 8 {\n"
                             "    tune n in {2, 4} = 2\n"
                             "    tune k in {3, 5} = 3\n"
                             "}\n";
    HoleScope scope;
    scope.variant = "small";
    scope.label = "`small`: ";
    scope.wanted = [](const std::string& name) { return name != "m"; };
    const HoleSpace space(text, "tiny.sched", scope);
    CHECK(space.choices() == std::vector<Choice>{{"n", {"2", "4"}, 0, true}, {"k", {"3", "5"}, 0, true}});
    std::string wanted = text;
    wanted.replace(wanted.find("= 2"), 3, "= 4");
    wanted.replace(wanted.find("= 3"), 3, "= 5");
    CHECK(space.schedule_text({1, 1}) == wanted);
    // At the top nothing of a variant is seen.
    CHECK(HoleSpace(text, "tiny.sched").choices() ==
          std::vector<Choice>{{"n", {"4", "8"}, 0, true}, {"m", {"1", "2"}, 0, true}});
    // First values are read again from the line of the variant, not from that of another part.
    const std::string tuned =
        with_provenance(wanted, {"the common part: n = 4 (was 8), k = 5 (was 5)", "`small`: " + space.summary({1, 1})});
    CHECK(initial(HoleSpace(tuned, "tiny.sched", scope)) == Assignment{0, 0});
}
