// One schedule file for a kernel, its gradient and its lifted forms: which of its lines reach which stage.

#include "coulter/schedule/check.hpp"
#include "coulter/transform.hpp"
#include "coulter/vmap.hpp"
#include "models/capsules.hpp"

#include <doctest/doctest.h>
#include <fstream>
#include <sstream>

using namespace coulter;

namespace {

std::string one_file() {
    std::ifstream file(COULTER_TEST_DIR "/schedule/one_file.sched");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

/// The lines that each stage has under the file; the default schedule adds none.
std::string lines_of(const ir::Kernel& kernel, const std::string& file) {
    schedule::CheckOptions options;
    options.complete = false;
    const std::vector<schedule::ScheduleText> texts{{"one.sched", file}};
    const schedule::CheckResult checked = schedule::check_texts(kernel, texts, options);
    REQUIRE_MESSAGE(checked.plan.has_value(), schedule::render(checked.diagnostics, texts));
    CHECK(checked.diagnostics.empty());
    return schedule::lines_text(*checked.plan);
}

} // namespace

TEST_CASE("one file schedules a kernel, its gradient and its lifted forms") {
    const ir::Kernel kernel = models::conv_capsules().ir();
    const ir::Kernel lifted = vmap(kernel, "sample", {"pose"});
    const std::string file = one_file();
    CHECK(lines_of(kernel, file) == "votes: one.sched:3,4,6\n");
    CHECK(lines_of(lifted, file) == "votes: one.sched:3,4,6\n");
    const std::string of_gradient = "d.pose: one.sched:3,11,13\n"
                                    "d.weight: one.sched:3,8\n";
    CHECK(lines_of(grad(kernel, {"pose", "weight"}), file) == of_gradient);
    CHECK(lines_of(grad(lifted, {"pose", "weight"}), file) == of_gradient);
    // Forward, `in` is summed over: its lanes are a stage of partial sums.
    CHECK(lines_of(jvp(kernel, {"pose"}), file) == "d.votes.lanes: one.sched:3\nd.votes: one.sched:3,8\n");
}

TEST_CASE("a stage that no line is about has none, and a line for another kernel reaches nothing") {
    const ir::Kernel kernel = models::conv_capsules().ir();
    CHECK(lines_of(kernel, "schedule conv_capsules, conv_capsules.*\nstage d.* { parallel in }\n") ==
          "votes: no line\n");
    const schedule::CheckResult other = schedule::check_texts(
        kernel, {{"one.sched", "schedule conv_capsules.*\nstage votes { parallel batch }\n"}}, {});
    REQUIRE(other.plan.has_value());
    REQUIRE(other.diagnostics.size() == 1);
    CHECK(other.diagnostics.front().code == "S011");
    CHECK(schedule::lines_text(*other.plan).find("one.sched") == std::string::npos);
}
