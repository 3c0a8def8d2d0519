// Macros, wildcards, like, layers, includes, clones, joins, variants and holes: what plan they lead to.

#include "expand_names.hpp"
#include "schedule_support.hpp"

#include "coulter/fingerprint.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace coulter;
using namespace coulter::test;
using schedule::CheckResult;
using schedule::ScheduleText;

namespace {

std::string main_of(const schedule::Plan& plan, const std::string& name) {
    return nest(stage(plan, name).main);
}

std::string place(const schedule::Plan& plan, const std::string& name) {
    const schedule::StagePlan& found = stage(plan, name);
    return found.inlined ? "inline" : found.compute.is_root() ? "root" : found.compute.stage + "/" + found.compute.loop;
}

CheckResult layered(const std::vector<std::string>& layers, const std::string& kernel = "em") {
    std::vector<ScheduleText> texts;
    for (const std::string& each : layers) {
        texts.push_back({std::string(1, static_cast<char>('a' + texts.size())) + ".sched", each});
    }
    CheckResult result = schedule::check_texts(schedule_kernel(kernel), texts);
    INFO(schedule::render(result.diagnostics, texts));
    REQUIRE(result.ok());
    for (const schedule::Variant& each : result.variants) {
        REQUIRE(inconsistency(each.plan) == "");
    }
    REQUIRE(inconsistency(*result.plan) == "");
    return result;
}

} // namespace

TEST_CASE("patterns match names and capture what wildcards stand for") {
    using schedule::detail::fill;
    using schedule::detail::match;
    CHECK(match("em.mu[*]", "em.mu[3]")->indices == std::vector<std::int64_t>{3});
    CHECK(match("em.mu[*+1]", "em.mu[3]")->indices == std::vector<std::int64_t>{2});
    CHECK(!match("em.mu[*+1]", "em.mu[0]"));
    CHECK(!match("em.mu[*]", "em.mu"));
    CHECK(!match("em.mu[*]", "em.mu[0].acc"));
    CHECK(match("em.mu[*].acc", "em.mu[0].acc"));
    CHECK(match("d.*", "d.em.mu[1]")->texts == std::vector<std::string>{"em.mu[1]"});
    CHECK(!match("d.*", "d"));
    CHECK(match("*.acc", "votes.acc")->texts == std::vector<std::string>{"votes"});
    CHECK(!match("*.acc", "em.mu[0].acc"));
    CHECK(match("conv*", "conv2")->texts == std::vector<std::string>{"2"});
    CHECK(!match("em.*", "em.mu[0].init"));
    CHECK(match("em.mu[*].init", "em.mu[0].init"));
    CHECK(*fill("em.sigma[*+1]", {{4}, {}}) == "em.sigma[5]");
    CHECK(!fill("em.sigma[*-1]", {{0}, {}}));
    CHECK(!fill("em.sigma[*]", {{}, {}}));
    CHECK(*fill("x.*", {{}, {"a.b"}}) == "x.a.b");
}

TEST_CASE("a wildcard block reaches every iteration, with the same index on both sides") {
    const schedule::Plan plan = planned("schedule em\n"
                                        "stage result { parallel batch; vectorize out by 16 }\n"
                                        "stage em.mu[*] { compute root; parallel batch; unroll in }\n"
                                        "stage em.sigma[1] { compute at result/out.o }\n"
                                        "stage em.sigma[*] { compute root; vectorize out by 8 }\n"
                                        "stage em.gain[*] { compute inline }\n");
    CHECK(main_of(plan, "em.mu[0]") == main_of(plan, "em.mu[1]"));
    CHECK(main_of(plan, "em.mu[0]").find("in(8)!:unroll") != std::string::npos);
    // A block that names its stage counts more than a wildcard, wherever it stands.
    CHECK(place(plan, "em.sigma[1]") == "result/out.o");
    CHECK(main_of(plan, "em.sigma[0]").find("out.i(8):vectorize") != std::string::npos);
    CHECK(place(plan, "em.gain[0]") == "inline");
}

TEST_CASE("statements with wildcards make a stage for each match") {
    const schedule::Plan plan = planned("schedule em\n"
                                        "clone votes for em.mu[*] em.sigma[*] as votes[*]\n"
                                        "stage votes[*] { compute root; vectorize out by 8 }\n"
                                        "stage em.mu[*].acc = accumulate em.mu[*] at em.mu[*]/batch in stack\n"
                                        "stage em.mu[*].acc { vectorize out by 16 }\n");
    CHECK(place(plan, "em.mu[0].acc") == "em.mu[0]/batch");
    CHECK(place(plan, "em.mu[1].acc") == "em.mu[1]/batch");
    CHECK(ir::reads(*plan.kernel.find_definition("em.sigma[1]")) == std::vector<std::string>{"votes[1]", "em.mu[1]"});
    CHECK(main_of(plan, "votes[0]") == "batch in(8) out.o(4) out.i(8):vectorize");
}

TEST_CASE("a stage whose readers all got clones is left out, unless it has a block") {
    const std::string clones = "schedule em\nclone votes for em.mu[*] em.sigma[*] as votes[*]\n";
    const auto has = [](const std::string& text, const std::string& name) {
        return planned(text).kernel.find_definition(name) != nullptr;
    };
    CHECK(!has(clones, "votes"));
    CHECK(has(clones, "votes[1]"));
    CHECK(ir::validate(planned(clones).kernel).empty()); // the group `em` has `votes` among its inputs
    CHECK(codes(clones + "stage votes { compute root }\n") == "S026");
    CHECK(!has(clones + "stage votes { compute inline }\n", "votes")); // nor is what it alone reads
    CHECK(has("schedule em\nclone votes for em.mu[*] as votes[*]\n", "votes"));
}

TEST_CASE("like takes over loops, not places, and reduced loops drop out") {
    const schedule::Plan plan =
        planned("schedule em\n"
                "stage em.mu[0] { compute root; tile out in by 8 2; unroll in.i; vectorize out.i }\n"
                "stage em.mu[0].init { like em.mu[0] }\n"
                "stage em.mu[1] { like em.mu[0] }\n"
                "stage em.gain[0] { like em.mu[0]; compute root }\n"
                "stage votes { like em.gain[0] }\n");
    CHECK(main_of(plan, "em.mu[0]") == "batch in.o(4)! out.o(4) in.i(2)!:unroll out.i(8):vectorize");
    CHECK(nest(*stage(plan, "em.mu[0]").init) == "batch out.o(4) out.i(8):vectorize");
    CHECK(main_of(plan, "em.mu[1]") == main_of(plan, "em.mu[0]"));
    CHECK(main_of(plan, "em.gain[0]") == "batch out.o(4) out.i(8):vectorize");
    CHECK(main_of(plan, "votes") == "batch in.o(4) out.o(4) in.i(2):unroll out.i(8):vectorize");
    // Lanes over a reduced loop are taken over as well.
    const schedule::Plan lanes = planned("schedule em\nstage em.mu[0] { split in by 4; vectorize in.i }\n"
                                         "stage em.sigma[0] { like em.mu[0] }\n");
    CHECK(main_of(lanes, "em.sigma[0].lanes") == main_of(lanes, "em.mu[0].lanes"));
    CHECK(codes("schedule em\nstage em.mu[0] { like em.mu[1] skip missing }") == "");
    CHECK(codes("schedule em\nstage em.mu[0] { unroll in }\nstage em.gain[0] { like em.mu[0] }") == "");
    CHECK(codes("schedule em\nstage votes { unroll in }\nstage em.gain[0] { like votes }") == "S094");
    CHECK(codes("schedule em\nstage votes { unroll in }\nstage em.gain[0] { like votes skip missing }") == "");
}

TEST_CASE("macros hold directives or statements, and take names, numbers, places and holes") {
    const schedule::Plan plan = planned("schedule em\n"
                                        "tune lanes in {8, 16} = 8\n"
                                        "macro rows(d, n) { split d by n as d.a d.b; vectorize d.b }\n"
                                        "macro both(d, n) { use rows(d, n); parallel batch }\n"
                                        "macro iteration(i, where) {\n"
                                        "    stage em.mu[i] { use both(out, ?lanes) }\n"
                                        "    stage em.sigma[i] { use rows(out, 4) }\n"
                                        "    stage em.gain[i] skip missing { compute at where }\n"
                                        "}\n"
                                        "use iteration(0, em.mu[1]/out.a)\n"
                                        "use iteration(1, result/batch)\n");
    CHECK(main_of(plan, "em.mu[1]") == "batch:parallel out.a(4) out.b(8):vectorize in(8)!");
    CHECK(main_of(plan, "em.sigma[0]") == "batch out.a(8) out.b(4):vectorize in(8)!");
    CHECK(place(plan, "em.gain[0]") == "em.mu[1]/out.a");
    const schedule::Plan carried = planned("schedule em\nstage em.mu[0] { use em.lanes(4) }\n");
    CHECK(main_of(carried, "em.mu[0]") == "batch out.o(8) out.i(4):vectorize in(8)!");
    CHECK(codes("schedule em\nmacro b(d) { split d by 2 }\nstage em.mu[0] { use b(out.o) }") == "S021");
}

TEST_CASE("a higher layer replaces blocks and makers of stages, and extends") {
    const std::string base = "schedule em, em.*\n"
                             "stage em.mu[0].acc = accumulate em.mu[0] at em.mu[0]/batch in stack\n"
                             "stage em.mu[*] { parallel batch }\n"
                             "stage em.mu[0].acc { vectorize out by 8 }\n"
                             "stage em.sigma[0] { parallel batch }\n";
    const CheckResult result = layered({base, "schedule em\n"
                                              "stage em.mu[0].acc = accumulate em.mu[0] at root\n"
                                              "stage em.mu[1] { unroll in }\n"
                                              "extend stage em.sigma[0] { vectorize out by 16 }\n"});
    CHECK(place(*result.plan, "em.mu[0].acc") == "root");
    CHECK(main_of(*result.plan, "em.mu[1]") == "batch out(32) in(8)!:unroll");
    CHECK(main_of(*result.plan, "em.mu[0]") == "batch:parallel out(32)");
    CHECK(main_of(*result.plan, "em.sigma[0]") == "batch:parallel out.o(2) out.i(16):vectorize in(8)!");
    // The text in force is a schedule of one layer that leads to the same plan.
    const CheckResult again = layered({result.plan->schedule_text});
    CHECK(schedule::loops_text(*again.plan) == schedule::loops_text(*result.plan));
    CHECK(again.plan->schedule_text == result.plan->schedule_text);

    const CheckResult without = layered({base, "schedule em\ndrop em.mu[0].acc\nstage em.mu[0] { unroll in }\n"});
    CHECK(without.plan->kernel.find_definition("em.mu[0].acc") == nullptr);
    CHECK(main_of(*without.plan, "em.mu[0]") == "batch out(32) in(8)!:unroll");

    const CheckResult one = layered({base, "schedule em\ndrop em.mu[1]\n"});
    CHECK(main_of(*one.plan, "em.mu[0]").find("parallel") != std::string::npos);
    CHECK(one.plan->schedule_text.find("stage em.mu[1] ") == std::string::npos);

    // A rewrite of a lower layer may need the loops of a block that a higher one replaces.
    const CheckResult factored = layered({"schedule em\nstage em.mu[0] { split in by 2 }\n"
                                          "rfactor em.mu[0]: in.o as em.mu[0].part\n",
                                          "schedule em\nstage em.mu[0] { split in by 4; parallel batch }\n"});
    CHECK(main_of(*factored.plan, "em.mu[0].part").starts_with("in.o.out.o(4):parallel")); // 2 of `in`, 2 of `out`

    // An accumulator of a higher layer comes before the block that replaces the lower one.
    const CheckResult added = layered({"schedule em\nstage em.mu[0] { vectorize out by 8 }\n",
                                       "schedule em\nstage em.mu[0].acc = accumulate em.mu[0] at em.mu[0]/out.o\n"
                                       "stage em.mu[0] { split out by 16; parallel batch }\n"});
    CHECK(main_of(*added.plan, "em.mu[0]") == "batch:parallel out.o(2) out.i(16)");
}

TEST_CASE("holes of a higher layer change their value below") {
    const std::string base = "schedule em\ntune n in {4, 8} = 4\nstage em.mu[0] { vectorize out by ?n }\n";
    const CheckResult result = layered({base, "schedule em\ntune n in {4, 8} = 8\n"});
    CHECK(main_of(*result.plan, "em.mu[0]") == "batch out.o(4) out.i(8):vectorize in(8)!");
    REQUIRE(result.holes.size() == 1);
    CHECK(result.holes[0].value == 8);
    CHECK(result.holes[0].domain == std::vector<std::int64_t>{4, 8});
}

TEST_CASE("includes stand in the layer of their file") {
    const std::vector<ScheduleText> texts{
        {"dir/k.sched", "schedule em\ninclude ../common.sched\nstage em.mu[0] { use t(out) }\n"},
        {"common.sched", "macro t(d) { vectorize d by 4 }\nstage em.sigma[0] { use t(out) }\n"}};
    const CheckResult result = schedule::check_texts(schedule_kernel("em"), texts);
    REQUIRE(result.ok());
    CHECK(result.diagnostics.empty());
    CHECK(main_of(*result.plan, "em.mu[0]") == main_of(*result.plan, "em.sigma[0]"));
}

TEST_CASE("holes of a variant have their values in it alone, in the common part too") {
    const CheckResult result = layered({"schedule em\n"
                                        "tune lanes in {4, 8, 16} = 16\n"
                                        "stage em.mu[*] { vectorize out by ?lanes }\n"
                                        "variant small when extent(batch) < 4 {\n"
                                        "    tune lanes in {4, 8} = 4\n"
                                        "    tune step in {2, 4} = 2\n"
                                        "    stage em.sigma[0] { vectorize out by ?lanes; unroll in by ?step }\n"
                                        "}\n"
                                        "variant wide when extent(batch) > 100 { stage em.mu[1] { unroll in } }\n"});
    CHECK(result.diagnostics.empty());
    REQUIRE(result.variants.size() == 2);
    CHECK(main_of(*result.plan, "em.mu[0]").find("out.i(16)") != std::string::npos);
    CHECK(main_of(result.variants[0].plan, "em.mu[0]").find("out.i(4)") != std::string::npos);
    CHECK(main_of(result.variants[0].plan, "em.sigma[0]").find("out.i(4)") != std::string::npos);
    CHECK(main_of(result.variants[0].plan, "em.sigma[0]").find("in.i(2)") != std::string::npos);
    CHECK(main_of(result.variants[1].plan, "em.mu[0]").find("out.i(16)") != std::string::npos);
    // Those at the top are what a tool sees as the schedule's holes.
    REQUIRE(result.holes.size() == 1);
    CHECK(result.holes[0].value == 16);
}

TEST_CASE("a hole of a variant that is used nowhere there, or twice, or elsewhere, is told") {
    const auto told = [](const std::string& text) {
        const std::vector<ScheduleText> texts{{"k.sched", text}};
        return schedule::render(schedule::check_texts(schedule_kernel("em"), texts).diagnostics, texts);
    };
    CHECK(told("schedule em\n"
               "tune n in {4, 8} = 8\n"
               "stage em.mu[0] { unroll in }\n"
               "variant small when extent(batch) < 4 { tune n in {4, 8} = 4; stage em.mu[0] { unroll in } }\n") ==
          "k.sched:2:6: warning: the hole `n` is used nowhere [S087]\n"
          "    2 | tune n in {4, 8} = 8\n"
          "      |      ^\n"
          "help: write `?n` where its value belongs\n"
          "k.sched:4:45: warning: the hole `n` is used nowhere [S087]\n"
          "    4 | variant small when extent(batch) < 4 { tune n in {4, 8} = 4; stage em.mu[0] { unroll in } }\n"
          "      |                                             ^\n"
          "help: write `?n` where its value belongs\n");
    CHECK(told("schedule em\n"
               "variant small when extent(batch) < 4 {\n"
               "    tune n in {4, 8} = 4\n"
               "    tune n in {4, 8} = 8\n"
               "    stage em.mu[0] { vectorize out by ?n }\n"
               "}\n") == "k.sched:4:10: error: a second hole `n` [S084]\n"
                         "    4 |     tune n in {4, 8} = 8\n"
                         "      |          ^\n"
                         "k.sched:3:10: note: the first one\n"
                         "    3 |     tune n in {4, 8} = 4\n"
                         "      |          ^\n"
                         "help: choose another name\n");
    CHECK(told("schedule em\n"
               "stage em.mu[0] { vectorize out by ?n }\n"
               "variant small when extent(batch) < 4 { tune n in {4, 8} = 4 }\n") ==
          "k.sched:2:35: error: there is no hole `n` [S084]\n"
          "    2 | stage em.mu[0] { vectorize out by ?n }\n"
          "      |                                   ^^\n"
          "help: write `tune n in {8, 16, 32} = 16`\n");
}

TEST_CASE("a variant is a whole plan: the common part and its own") {
    const CheckResult result =
        layered({"schedule em\n"
                 "stage em.mu[*] { parallel batch; vectorize out by 8 }\n"
                 "variant small when extent(batch) < 4 and compact and aligned(64) {\n"
                 "    stage em.mu[0] { unroll in }\n"
                 "}\n"
                 "variant wide when extent(out) % 16 == 0 or not extent(in) >= 8 {\n"
                 "    stage v = copy weight for votes at root\n"
                 "}\n",
                 "schedule em\nvariant small when extent(batch) < 4 and compact and aligned(64) {\n"
                 "    extend stage em.mu[1] { unroll in }\n}\n"});
    REQUIRE(result.variants.size() == 2);
    const schedule::Variant& small = result.variants[0];
    CHECK(small.name == "small");
    CHECK(small.when.compact);
    CHECK(small.when.alignment == 64);
    CHECK(small.when.text == "extent(batch) < 4 and compact and aligned(64)");
    CHECK(ir::equal(small.when.extents, ir::binary(ir::Op::lt, ir::extent_node("batch"), ir::index_constant(4))));
    CHECK(main_of(small.plan, "em.mu[0]") == "batch out(32) in(8)!:unroll");
    CHECK(main_of(small.plan, "em.mu[1]").find("in(8)!:unroll") != std::string::npos);
    CHECK(main_of(*result.plan, "em.mu[0]") == "batch:parallel out.o(4) out.i(8):vectorize in(8)!");
    CHECK(result.plan->kernel.find_definition("v") == nullptr);
    CHECK(result.variants[1].plan.kernel.find_definition("v") != nullptr);
    CHECK(result.variants[1].when.text == "extent(out) % 16 == 0 or not extent(in) >= 8");
}

TEST_CASE("a renamed tensor keeps its schedule, and the others theirs") {
    const ir::Kernel before = schedule_kernel("em");
    ir::Kernel after = before;
    const std::string stamp = fingerprint(*before.find_definition("em.sigma[1]"));
    const std::string text = "schedule em\nstage em.sigma[1] @" + stamp +
                             " { unroll in }\nstage em.mu[0] { vectorize out by 8 }\n"
                             "stage em.mu[1] { compute at em.sigma[1]/batch; unroll in }\n";
    ir::Definition& changed = *std::ranges::find(after.definitions, "em.sigma[1]", &ir::Definition::name);
    changed.name = "em.spread";
    for (ir::Definition& each : after.definitions) {
        ir::RewriteMemo memo;
        for (ir::Ref& value : each.values) {
            value = ir::rewrite(
                value,
                [](const ir::Node& node, const std::vector<ir::Ref>& args) -> ir::Ref {
                    if (node.kind != ir::Kind::access || node.name != "em.sigma[1]") {
                        return nullptr;
                    }
                    ir::Node other = node;
                    other.name = "em.spread";
                    other.args = args;
                    return ir::make_node(std::move(other));
                },
                memo);
        }
    }
    after.groups.clear();
    after.macro_files.clear();
    const CheckResult result = schedule::check_texts(after, {{"k.sched", text}});
    // Its reader `result` keeps `em.mu[1]` from being placed inside; what matters is who is reported.
    REQUIRE(!result.diagnostics.empty());
    CHECK(result.diagnostics[0].code == "S027");
    CHECK(result.diagnostics[0].message == "`em.sigma[1]` is called `em.spread` now, and this block is its");
    const CheckResult good = schedule::check_texts(after, {{"k.sched", text.substr(0, text.rfind("stage"))}});
    REQUIRE(good.ok());
    CHECK(main_of(*good.plan, "em.spread").find("in(8)!:unroll") != std::string::npos);
    CHECK(main_of(*good.plan, "em.mu[0]").find("out.i(8):vectorize") != std::string::npos);
}
