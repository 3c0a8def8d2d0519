// A stamped schedule of EM routing after edits of the algorithm: what is still in force, and whom the messages name.

#include "run.hpp"

#include "coulter/schedule/check.hpp"
#include "coulter/text.hpp"
#include "models/em_routing.hpp"
#include "support/golden.hpp"
#include "support/patterns.hpp"
#include "support/shipped_schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

using namespace coulter;
using namespace coulter::test;
using schedule::CheckResult;

namespace {

/// Every access and group of the kernel with one definition under another name.
ir::Kernel renamed(ir::Kernel kernel, const std::string& from, const std::string& to) {
    const auto rename = [&](std::string& name) { name = name == from ? to : name; };
    ir::RewriteMemo memo;
    const auto in_accesses = [&](const ir::Node& node, const std::vector<ir::Ref>& arguments) -> ir::Ref {
        if (node.kind != ir::Kind::access || node.name != from) {
            return nullptr;
        }
        ir::Node other = node;
        other.name = to;
        other.args = arguments;
        return ir::make_node(std::move(other));
    };
    for (ir::Definition& each : kernel.definitions) {
        rename(each.name);
        for (ir::Ref& value : each.values) {
            value = ir::rewrite(value, in_accesses, memo);
        }
    }
    std::ranges::for_each(kernel.outputs, rename);
    for (ir::Group& group : kernel.groups) {
        std::ranges::for_each(group.inputs, rename);
        std::ranges::for_each(group.outputs, rename);
    }
    return kernel;
}

/// The kernel with a definition that computes something else.
ir::Kernel changed(ir::Kernel kernel, const std::string& stage) {
    ir::Definition& found = *std::ranges::find(kernel.definitions, stage, &ir::Definition::name);
    found.values.front() = ir::binary(ir::Op::mul, found.values.front(), ir::real_constant(Type::f32, 3));
    return kernel;
}

/// A result more, computed from another one.
ir::Kernel with_output(ir::Kernel kernel) {
    ir::Definition more = *kernel.find_definition("activation_out");
    more.name = "doubt";
    ir::Node access;
    access.kind = ir::Kind::access;
    access.name = "activation_out";
    access.type = Type::f32;
    for (const std::string& dim : more.dims) {
        access.args.push_back(ir::dim_node(dim));
    }
    more.values = {ir::binary(ir::Op::sub, ir::real_constant(Type::f32, 1), ir::make_node(std::move(access)))};
    kernel.definitions.push_back(std::move(more));
    kernel.outputs.emplace_back("doubt");
    return kernel;
}

/// What is in force of each stage and of each statement that makes one, by the line that it begins with.
std::map<std::string, std::string> by_stage(const std::string& text) {
    std::map<std::string, std::string> parts;
    std::string head;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(' ') && line != "}") {
            head = line;
            if (const std::size_t stamp = head.find(" @"); stamp != std::string::npos) {
                head.erase(stamp, 10); // the stamp itself may change
            }
        }
        parts[head] += line.starts_with(' ') ? line + '\n' : "";
    }
    return parts;
}

std::map<std::string, std::string> by_stage(const CheckResult& result) {
    std::string text = result.plan->schedule_text + result.plan->completion_text;
    for (const schedule::Variant& variant : result.variants) {
        std::istringstream lines(variant.plan.schedule_text + variant.plan.completion_text);
        for (std::string line; std::getline(lines, line);) {
            text += (line.starts_with(' ') || line == "}" ? line : variant.name + ": " + line) + '\n';
        }
    }
    return by_stage(text);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
    return text;
}

struct Stamped {
    ir::Kernel kernel = models::em_routing().ir();
    std::string shipped; ///< as people write it, stamped
    std::string flat;    ///< as `show --as schedule` prints the common part, stamped: a block for every stage
};

const Stamped& stamped() {
    static const Stamped made = [] {
        Stamped result;
        const Folder folder;
        folder.write("em_routing.coulter", print(result.kernel));
        folder.write("em_routing.sched", shipped_schedule("em_routing"));
        const Ran shown = folder.coulter(
            {"show", "em_routing.coulter", "em_routing.sched", "--as", "schedule", "--variant", "common"});
        folder.write("flat.sched", shown.out);
        const Ran ran =
            folder.coulter({"fmt", "--stamp", "em_routing.sched", "flat.sched", "--kernel", "em_routing.coulter"});
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        result.shipped = folder.read("em_routing.sched");
        result.flat = folder.read("flat.sched");
        return result;
    }();
    return made;
}

CheckResult check(const ir::Kernel& kernel, const std::string& text) {
    return schedule::check_texts(kernel, {{"em_routing.sched", text}});
}

} // namespace

TEST_CASE("stamps of the kernel as it is are silent") {
    for (const std::string& text : {stamped().shipped, stamped().flat}) {
        CHECK(text.find(" @") != std::string::npos);
        const CheckResult result = check(stamped().kernel, text);
        CHECK(result.ok());
        CHECK(result.diagnostics.empty());
    }
}

TEST_CASE("a stage that computes something else is the only one that is told of, and all schedules stay in force") {
    const auto before = by_stage(check(stamped().kernel, stamped().flat));
    CHECK(before.size() > 60);
    for (const ir::Definition& each : stamped().kernel.definitions) {
        CAPTURE(each.name);
        const CheckResult result = check(changed(stamped().kernel, each.name), stamped().flat);
        REQUIRE(result.ok());
        CHECK(by_stage(result) == before);
        CHECK(!result.diagnostics.empty());
        for (const Diagnostic& told : result.diagnostics) {
            CHECK(told.code == "S025");
            CHECK(told.message.starts_with("`" + each.name + "` has changed since"));
        }
    }
}

TEST_CASE("a renamed tensor is the only one that is told of, and all schedules stay in force") {
    const auto before = by_stage(check(stamped().kernel, stamped().flat));
    for (const ir::Definition& each : stamped().kernel.definitions) {
        if (stamped().kernel.is_output(each.name)) {
            continue;
        }
        CAPTURE(each.name);
        const CheckResult result = check(renamed(stamped().kernel, each.name, "another"), stamped().flat);
        INFO(schedule::render(result.diagnostics, {{"em_routing.sched", stamped().flat}}));
        REQUIRE(result.ok());
        const std::string now =
            replaced(result.plan->schedule_text + result.plan->completion_text, "another", each.name);
        CHECK(by_stage(now) == before);
        REQUIRE(result.diagnostics.size() == 1);
        CHECK(result.diagnostics[0].code == "S027");
        CHECK(result.diagnostics[0].message == "`" + each.name + "` is called `another` now, and this block is its");
    }
}

TEST_CASE("renamed tensors are found where one reads the other, and a third that has changed is told of alone") {
    ir::Kernel kernel = renamed(renamed(stamped().kernel, "votes", "ballots"), "pose_out.em.offset", "apart");
    const CheckResult both = check(kernel, stamped().flat);
    REQUIRE(both.ok());
    REQUIRE(both.diagnostics.size() == 2);
    CHECK(std::ranges::all_of(both.diagnostics, [](const Diagnostic& told) { return told.code == "S027"; }));
    const std::string now =
        replaced(replaced(both.plan->schedule_text, "ballots", "votes"), "apart", "pose_out.em.offset");
    CHECK(by_stage(now) == by_stage(check(stamped().kernel, stamped().flat).plan->schedule_text));
    // What reads a renamed tensor and computes something else besides has changed all the same.
    const CheckResult third = check(changed(kernel, "pose_out.em.anchor"), stamped().flat);
    REQUIRE(third.diagnostics.size() == 3);
    CHECK(std::ranges::count(third.diagnostics, "S025", &Diagnostic::code) == 1);
}

TEST_CASE("an added output leaves all schedules in force, in silence") {
    for (const std::string& text : {stamped().shipped, stamped().flat}) {
        auto now = by_stage(check(with_output(stamped().kernel), text));
        std::erase_if(now, [](const auto& part) { return part.first.find("stage doubt") != std::string::npos; });
        CHECK(now == by_stage(check(stamped().kernel, text)));
        CHECK(check(with_output(stamped().kernel), text).diagnostics.empty());
    }
}

TEST_CASE("edits of the kernel under its shipped schedule: the messages") {
    const Folder folder;
    const auto told = [&](const ir::Kernel& kernel) {
        folder.write("em_routing.coulter", print(kernel));
        folder.write("em_routing.sched", stamped().shipped);
        const Ran ran = folder.coulter({"check", "em_routing.coulter", "em_routing.sched"});
        CHECK(ran.code == 0);
        // Where the block stands is the schedule's own business, and which variant is taken when as well.
        const std::string bare = replace_matches(ran.err, R"((^|\n)(em_routing\.sched):\d+:)", "$1$2:LINE:");
        return replace_matches(replace_matches(bare, R"((^|\n) +\d* \|)", "$1 |"), R"((^|\n)note: em_routing: .*\n)",
                               "$1");
    };
    const std::string text = "# a renamed tensor\n" + told(renamed(stamped().kernel, "votes", "ballots")) +
                             "# a stage that computes something else\n" +
                             told(changed(stamped().kernel, "activation_out")) + "# an added output\n" +
                             told(with_output(stamped().kernel));
    CHECK_MESSAGE(golden_difference("cli/stamps", text).empty(), golden_difference("cli/stamps", text));
}
