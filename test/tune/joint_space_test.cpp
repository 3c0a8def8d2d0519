#include "coulter/tune/joint_space.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::tune;

namespace {

const char* const file = "schedule pair\n"
                         "tune n in {8, 16} = 16 # a guess\n"
                         "stage out { split j by ?n }\n";
const std::vector<schedule::Decision> decisions{{"rows of sums", {"1", "2", "4"}, true, 0.5},
                                                {"keep of map", {"inline", "stored"}, false, 0.1}};

JointSpace space_of(const std::string& text) {
    return {text, "pair.sched", decisions, [](const std::string& filled, const schedule::Decided& decided) {
                std::string written = filled;
                for (const auto& [name, word] : decided) {
                    written += name + ": " + word + '\n';
                }
                return written;
            }};
}

} // namespace

TEST_CASE("holes come first, then decisions, of which none is taken at first") {
    const JointSpace space = space_of(file);
    REQUIRE(space.choices().size() == 3);
    CHECK(space.choices()[0].name == "n");
    CHECK(space.choices()[1].name == "rows of sums");
    CHECK(space.choices()[1].domain.front() == schedule::undecided);
    CHECK(space.choices()[2].weight == doctest::Approx(0.1));
    CHECK(size(space) == 2 * 4 * 3);
    CHECK(space.schedule_text(initial(space)) == file);
}

TEST_CASE("an assignment fills the holes and decides the rest") {
    const JointSpace space = space_of(file);
    std::string wanted = file;
    wanted.replace(wanted.find("= 16"), 4, "= 8");
    CHECK(space.schedule_text({0, 0, 0}) == wanted);
    CHECK(space.schedule_text({0, 3, 1}) == wanted + "keep of map: inline\nrows of sums: 4\n");
    CHECK(described(space, {0, 3, 0}) == std::map<std::string, std::string>{{"n", "8"}, {"rows of sums", "4"}});
    CHECK(assignment_of(space, described(space, {0, 3, 0})) == Assignment{0, 3, 0});
    CHECK_FALSE(assignment_of(space, {{"rows of sums", "4"}})); // of a tuning without the hole
}

TEST_CASE("from the summary, a later tuning reads the first values of the holes") {
    const JointSpace space = space_of(file);
    CHECK(space.summary({0, 3, 0}) == "n = 8 (was 16); stages left out: rows of sums = 4");
    const std::string tuned = with_provenance(space.schedule_text({0, 0, 0}), {space.summary({0, 3, 0})});
    CHECK(initial(space_of(tuned)) == Assignment{1, 0, 0});
}
