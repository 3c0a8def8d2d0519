// Scans in default schedules: where they are computed, and what of their state is stored.

#include "default_support.hpp"
#include "rewrite_run.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

/// A recurrence whose first component, the product of all gates, nothing reads.
const std::string recurrence = R"(coulter 1
kernel recurrence

dim batch
dim time
dim channel
dim state

input gate: f32[batch, time, channel]
input a: f32[channel, state]
input b: f32[batch, time, state]

h: (f32, f32)[batch, time, channel, state] =
    scan {time} associative (gate * a, b)
    identity (1.0, 0.0)
    combine (left.0 * right.0, right.0 * left.1 + right.1)

read: f32[batch, time, channel] =
    sum {state} b * h.1

y: f32[batch, time, channel] =
    read + gate

output y

estimate batch = 1, channel = 768, state = 16, time = 2048
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const std::size_t at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
}

Plan plan_of(const ir::Kernel& kernel) {
    const CheckResult checked = check_texts(kernel, {{"k.sched", "schedule " + kernel.name + "\n"}}, {});
    REQUIRE(checked.ok());
    return *checked.plan;
}

ir::Kernel parsed(const std::string& text) {
    const ParseResult result = parse(text, "k.coulter");
    REQUIRE(result.kernel);
    return *result.kernel;
}

} // namespace

TEST_CASE("a scan is computed for a part of what is independent, and the loop that it runs along is inside") {
    const std::string text = scheduled(recurrence);
    CHECK(contains(text, "stage y {\n  compute root"));
    CHECK(contains(text, "reorder channel.i time channel.o batch"));
    CHECK(contains(text, "stage h {\n  compute at y/batch.channel.o"));
}

TEST_CASE("the tile of a reader of a scan is no wider than a cache line, nor are there lanes across rows") {
    const std::string text = scheduled(recurrence);
    CHECK(contains(text, "split channel by 16"));
    CHECK(contains(text, "reorder channel.i time state channel.o batch"));
}

TEST_CASE("a scan of which each part fits a cache leaves its reader's loops as they are") {
    const std::string text = scheduled(replaced(recurrence, "batch = 1, channel = 768, state = 16, time = 2048",
                                                "batch = 64, channel = 16, state = 4, time = 64"));
    CHECK(contains(text, "stage h {\n  compute at y/batch"));
    CHECK(lacks(text, "time channel.o"));
}

TEST_CASE("a scan that its reader asks for as a whole is computed at root") {
    const std::string text = scheduled(replaced(
        replaced(recurrence, "sum {state} b * h.1", "sum {state} b * h.1(batch = 0)"), "batch = 1", "batch = 4"));
    CHECK(contains(text, "stage h {\n  compute root"));
}

TEST_CASE("components of a scan that nothing reads are not stored") {
    const ir::Kernel kernel = parsed(recurrence);
    const Plan plan = plan_of(kernel);
    const ir::Definition& h = *plan.kernel.find_definition("h");
    CHECK(h.types.size() == 1);
    CHECK(h.values.size() == 2);
    CHECK(problems(plan.kernel) == "");
    const Arrays inputs = random_inputs(kernel, {{"batch", 2}, {"time", 5}, {"channel", 3}, {"state", 4}}, 1);
    CHECK(difference(interpret(kernel, inputs, {}, {}), interpret(plan.kernel, inputs, {}, {}), 1e-5) == "");
}

TEST_CASE("those that something reads, or that another is combined from, are") {
    const std::string read = replaced(recurrence, "b * h.1", "h.0 * h.1");
    CHECK(plan_of(parsed(read)).kernel.find_definition("h")->types.size() == 2);
    const std::string combined =
        replaced(recurrence, "right.0 * left.1 + right.1", "right.0 * left.1 + right.1 * left.0");
    const ir::Kernel kernel = parsed(combined);
    CHECK(plan_of(kernel).kernel.find_definition("h")->types.size() == 2);
}

TEST_CASE("a component stays where a tensor would lose its last reader") {
    const std::string text = replaced(recurrence, "right.0 * left.1 + right.1", "left.1 + right.1");
    CHECK(plan_of(parsed(text)).kernel.find_definition("h")->types.size() == 2);
}
