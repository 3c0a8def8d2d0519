// Accepted schedules, seen through their plans; and refusals that stand next to them.

#include "schedule_support.hpp"

#include "coulter/schedule/target.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace coulter;
using namespace coulter::test;
using schedule::Memory;
using schedule::Plan;
using schedule::StagePlan;

namespace {

std::string main_of(const Plan& plan, const std::string& name) {
    return nest(stage(plan, name).main);
}
std::string init_of(const Plan& plan, const std::string& name) {
    return nest(*stage(plan, name).init);
}

std::string place(const Plan& plan, const std::string& name) {
    const StagePlan& found = stage(plan, name);
    return found.inlined ? "inline" : found.compute.is_root() ? "root" : found.compute.stage + "/" + found.compute.loop;
}

/// The nest of `c` in `chain` after these directives, all other stages inlined.
std::string chain(const std::string& directives) {
    const std::string rest = "\nstage a { compute inline }\nstage b { compute inline }\n";
    return main_of(planned("schedule chain\nstage c { " + directives + " }" + rest), "c");
}

/// The nest of `c` in `matmul`.
std::string matmul(const std::string& directives) {
    return main_of(planned("schedule matmul\nstage c { " + directives + " }"), "c");
}

} // namespace

TEST_CASE("loops start in the declared order, pure ones outside reduced ones") {
    const Plan plan = planned("schedule conv_capsules\nstage votes {}");
    CHECK(main_of(plan, "votes") == "batch y x out row(4) col(4) ky(3)! kx(3)! in! k(4)!");
    CHECK(init_of(plan, "votes") == "batch y x out row(4) col(4)");
    CHECK(chain("") == "y(30) x(64)");
}

TEST_CASE("each loop directive has Halide's meaning") {
    CHECK(chain("split x by 16") == "y(30) x.o(4) x.i(16)");
    CHECK(chain("split x by 24 as xo xi") == "y(30) xo(3) xi(24)");
    CHECK(chain("split x by 16 tail round_up; split y by 8 tail shift") == "y.o(4) y.i(8) x.o(4) x.i(16)");
    CHECK(chain("tile x y by 16 10") == "y.o(3) x.o(4) y.i(10) x.i(16)");
    CHECK(chain("tile x y by 16 10 as xo yo xi yi") == "yo(3) xo(4) yi(10) xi(16)");
    CHECK(chain("fuse x y as xy") == "xy(1920)");
    CHECK(chain("reorder y x") == "x(64) y(30)");
    CHECK(chain("split x by 8; reorder y x.i") == "x.i(8) x.o(8) y(30)");
    CHECK(chain("vectorize x") == "y(30) x(64):vectorize");
    CHECK(chain("vectorize x by 8") == "y(30) x.o(8) x.i(8):vectorize");
    CHECK(chain("unroll y x by 2") == "y.o(15) y.i(2):unroll x.o(32) x.i(2):unroll");
    CHECK(chain("parallel y") == "y(30):parallel x(64)");
    CHECK(chain("parallel y; serial y; vectorize y; reorder y x") == "x(64) y(30):vectorize");
    CHECK(matmul("split k by 8; reorder i k.i j k.o") == "k.o! j k.i(8)! i");
    CHECK(matmul("tile j i by 16 4; fuse j.o i.o as t; parallel t; vectorize j.i") ==
          "t:parallel i.i(4) j.i(16):vectorize k!");
}

TEST_CASE("an initialisation follows its stage where it has no block of its own") {
    const std::string text =
        "schedule matmul\nstage c { split j by 16; reorder j.i i k j.o; vectorize j.i; parallel j.o }";
    CHECK(init_of(planned(text), "c") == "j.o:parallel i j.i(16):vectorize");
    CHECK(init_of(planned(text + "\nstage c.init { vectorize j by 8 }"), "c") == "i j.o j.i(8):vectorize");
    CHECK(init_of(planned("schedule histogram\nstage counts { split n by 4 }"), "counts") == "bin(8)");
}

TEST_CASE("the flagship schedule") {
    const Plan plan = planned(R"(schedule conv_capsules, conv_capsules.*
numerics fast
stage weight.packed = pack weight by out 16 once
stage pose.staged = copy pose for votes.acc at votes/x.o in stack
stage votes.acc = accumulate votes at votes/x.o in registers
stage votes.acc { reorder out row col x k in ky kx; vectorize out; unroll row col x }
stage votes {
    split out by 16; split x by 2
    reorder out.i row col x.i x.o y out.o batch
    fuse out.o batch as ob
    vectorize out.i; unroll row col x.i; parallel ob
}
)");
    CHECK(inconsistency(plan) == "");
    CHECK(plan.numerics == schedule::Numerics::fast);
    CHECK(main_of(plan, "votes") == "ob:parallel y x.o x.i(2):unroll col(4):unroll row(4):unroll out.i(16):vectorize");
    CHECK(main_of(plan, "votes.acc") == "batch(1) y(1) kx(3)! ky(3)! in! k(4)! x(2):unroll col(4):unroll row(4):unroll "
                                        "out(16):vectorize");
    CHECK(init_of(plan, "votes.acc") == "batch(1) y(1) x(2):unroll col(4):unroll row(4):unroll out(16):vectorize");
    const StagePlan& acc = stage(plan, "votes.acc");
    CHECK(place(plan, "votes.acc") == "votes/x.o");
    CHECK(acc.memory == Memory::registers);
    CHECK(acc.tile ==
          std::map<std::string, std::int64_t>{{"batch", 1}, {"y", 1}, {"x", 2}, {"out", 16}, {"row", 4}, {"col", 4}});
    CHECK(acc.span.line == 6);
    CHECK(place(plan, "pose.staged") == "votes/x.o");
    CHECK(stage(plan, "pose.staged").memory == Memory::stack);
    REQUIRE(plan.packs.size() == 1);
    CHECK(plan.packs[0].stage == "weight.packed");
    CHECK(plan.packs[0].source == "weight");
    CHECK(plan.packs[0].once);
    CHECK(place(plan, "weight.packed") == "root");
    CHECK(plan.schedule_text.starts_with("schedule conv_capsules, conv_capsules.*\nnumerics fast\nstage weight"));
    CHECK(ir::reads(*plan.kernel.find_definition("votes.acc")) ==
          std::vector<std::string>{"pose.staged", "weight.packed"});
}

TEST_CASE("a reduced loop is vectorized through partial results") {
    const Plan plan = planned("schedule softmax\nstage y { parallel row; vectorize col by 8 }\n"
                              "stage y.softmax.sum { compute at y/row; vectorize col by 16 }\n"
                              "stage y.softmax.sum.lanes { unroll col.o by 2 }\n");
    CHECK(inconsistency(plan) == "");
    CHECK(main_of(plan, "y.softmax.sum") == "row(1) col.i(16)!:unroll");
    CHECK(main_of(plan, "y.softmax.sum.lanes") == "row(1) col.o.o! col.o.i(2)!:unroll col.i(16):vectorize");
    CHECK(init_of(plan, "y.softmax.sum.lanes") == "row(1) col.i(16):vectorize");
    CHECK(place(plan, "y.softmax.sum.lanes") == "y.softmax.sum/row");
    CHECK(stage(plan, "y.softmax.sum.lanes").memory == Memory::registers);
    CHECK(codes("schedule argmax\nnumerics exact\nstage best { vectorize col by 8 }") == "");
    CHECK(codes("schedule running_sum\nstage total { vectorize j by 8 }") == "S042");
    CHECK(codes("schedule softmax\nnumerics exact\nstage y.softmax.sum { vectorize col by 8 }") == "S041");
    CHECK(codes("schedule softmax\nnumerics exact\nstage y.softmax.max { vectorize col by 8 }") == "");
    CHECK(codes("schedule masked\nnumerics exact\nstage lower { vectorize j by 8 }") == "");
}

TEST_CASE("the halves of a factored split keep the names they were given") {
    const Plan plan = planned("schedule matmul\nstage c { split k by 8 as ko ki; reorder ki j ko i; unroll ko by 2 }\n"
                              "rfactor c: ki as c.part\n"
                              "stage c.part { unroll ki; compute at c/j }\n");
    CHECK(inconsistency(plan) == "");
    CHECK(main_of(plan, "c") == "i j k.i(8)!");
    CHECK(main_of(plan, "c.part") == "i(1) ko.o! ko.i(2)!:unroll j(1) k.i(8):unroll");
    CHECK(place(plan, "c.part") == "c/j");
}

TEST_CASE("rfactor of a whole dim, and of the outer half") {
    const Plan whole =
        planned("schedule conv_capsules\nrfactor votes: ky as votes.part\nstage votes.part {}\nstage votes {}");
    CHECK(inconsistency(whole) == "");
    CHECK(main_of(whole, "votes") == "batch y x out row(4) col(4) ky(3)!");
    CHECK(main_of(whole, "votes.part") == "batch y x out row(4) col(4) ky(3) kx(3)! in! k(4)!");
    const Plan outer = planned("schedule matmul\nstage c { split k by 64 }\nrfactor c: k.o as c.part\n"
                               "stage c.part { reorder j i k.i k.o; parallel k.o }\n");
    CHECK(main_of(outer, "c") == "i j k.o!");
    CHECK(main_of(outer, "c.part") == "k.o:parallel k.i(64)! i j");
    CHECK(codes("schedule matmul\nstage c { split k by 64; split k.i by 8 }\nrfactor c: k.i.o as c.part") == "S054");
}

TEST_CASE("a place is a loop of the finished nest, and encloses all uses") {
    const std::string c = "stage c { split x by 8; vectorize x.i }\n";
    CHECK(place(planned("schedule chain\nstage a { compute inline }\nstage b { compute at c/x.o }\n" + c), "b") ==
          "c/x.o");
    CHECK(codes("schedule chain\nstage a { compute inline }\nstage b { compute at c/x }\n" + c) == "S021");
    CHECK(codes("schedule chain\nstage a { compute inline }\nstage b { compute at c/x.i }\n" + c) == "S061");
    CHECK(codes("schedule chain\nstage a { compute at c/y }\nstage b { compute inline }\n" + c) == "");
    CHECK(codes("schedule chain\nstage a { compute at c/y }\nstage b { compute root }\n" + c) == "S060");
    CHECK(codes("schedule softmax\nstage y.softmax.exp { compute at y/row }\nstage y.softmax.sum { compute root "
                "}\nstage y {}") == "S060");
    CHECK(codes("schedule softmax\nstage y.softmax.exp { compute at y/row }\nstage y.softmax.sum { compute at y/row }\n"
                "stage y {}") == "");
}

TEST_CASE("tiles follow the loops of the consumer inwards") {
    const Plan plan = planned("schedule chain\nstage c { tile x y by 16 4; vectorize x.i }\n"
                              "stage b { compute at c/x.o; vectorize x }\nstage a { compute at b/y; vectorize x }\n");
    CHECK(inconsistency(plan) == "");
    CHECK(stage(plan, "b").tile == std::map<std::string, std::int64_t>{{"x", 16}, {"y", 4}});
    CHECK(stage(plan, "a").tile == std::map<std::string, std::int64_t>{{"x", 16}, {"y", 1}});
    CHECK(main_of(plan, "b") == "y(4) x(16):vectorize");
    CHECK(main_of(plan, "a") == "y(1) x(16):vectorize");
    // Two stages at one place, one reading the other.
    const Plan beside =
        planned("schedule chain\nstage c { split x by 16; vectorize x.i }\n"
                "stage b { compute at c/x.o; vectorize x }\nstage a { compute at c/x.o; vectorize x }\n");
    CHECK(stage(beside, "a").tile == std::map<std::string, std::int64_t>{{"x", 16}, {"y", 1}});
    // A neighbour is read as well: nothing fixes that tile.
    const Plan stencil = planned("schedule blur\nstage blurred { split x by 16; vectorize x.i }\n"
                                 "stage rows { compute at blurred/x.o }\n");
    CHECK(stage(stencil, "rows").tile == std::map<std::string, std::int64_t>{{"x", 16}});
    CHECK(main_of(stencil, "rows") == "y x(16)");
    // But the inside of a packed tile is whole.
    const Plan packed = planned("schedule conv_fixed\nstage p = pack image by x 8\n"
                                "stage p { compute at sums/y; vectorize x.i }\nstage sums {}\n");
    CHECK(main_of(packed, "p") == "x.o iy x.i(8):vectorize");
    // Nor does a constant extent of a dim that is read with an offset.
    const std::string pooled =
        "schedule conv_fixed\nstage copy = copy image for sums at sums/y.o\nstage sums { split y by 4 }\n";
    CHECK(main_of(planned(pooled), "copy") == "iy x(16)");
    CHECK(codes(pooled + "stage copy { vectorize iy }") == "S034");
    CHECK(codes(pooled + "stage copy { split iy by 4 tail round_up }") == "S032");
    CHECK(codes(pooled + "stage copy { vectorize x }") == "");
}

TEST_CASE("store is outside of compute, and memory is where it is said") {
    const Plan plan = planned(
        "schedule chain\nstage c { split y by 5; parallel y.o }\n"
        "stage a { compute inline }\nstage b { compute at c/y.i; store at c/y.o; store in heap; layout x y }\n");
    const StagePlan& b = stage(plan, "b");
    REQUIRE(b.store.has_value());
    CHECK(b.store->stage == "c");
    CHECK(b.store->loop == "y.o");
    CHECK(b.memory == Memory::heap);
    CHECK(b.layout == std::vector<std::string>{"x", "y"});
    CHECK(b.tile == std::map<std::string, std::int64_t>{{"x", 64}});
    CHECK(stage(plan, "a").inlined);
    const Plan root =
        planned("schedule chain\nstage a { compute inline }\nstage b { compute at c/y; store root }\nstage c {}");
    CHECK(stage(root, "b").store->is_root());
    const Plan same =
        planned("schedule chain\nstage a { compute inline }\nstage b { compute at c/y; store at c/y }\nstage c {}");
    CHECK(!stage(same, "b").store.has_value());
}

TEST_CASE("a layout names the dims of the IR") {
    const Plan plan = planned("schedule conv_capsules\nstage w = pack weight by out 16\n"
                              "stage w { layout out.o k col in ky kx out.i; compute root }");
    CHECK(stage(plan, "w").layout == std::vector<std::string>{"w:out.o", "k", "col", "in", "ky", "kx", "w:out.i"});
    CHECK(!plan.packs.at(0).once);
}

TEST_CASE("a copy may stand above the stage that it is for") {
    const std::string acc = "stage votes.acc = accumulate votes at votes/x\n";
    const std::string staged = "stage pose.staged = copy pose for votes.acc at votes/x\n";
    const std::string votes = "stage votes { parallel batch }\n";
    const Plan above = planned("schedule conv_capsules\n" + staged + acc + votes);
    const Plan below = planned("schedule conv_capsules\n" + acc + staged + votes);
    CHECK(ir::equal(above.kernel, below.kernel));
    CHECK(codes("schedule conv_capsules\n" + staged + "stage pose.staged { unroll row }\n" + acc) == "S020");
}

TEST_CASE("stages without a statement get the default schedule") {
    for (const std::string& name : schedule_kernel_names()) {
        CAPTURE(name);
        const ir::Kernel kernel = schedule_kernel(name);
        for (const char* target : {"", "x86-64", "x86-64-avx2", "x86-64-avx512"}) {
            schedule::CheckOptions options;
            options.target = target;
            const schedule::CheckResult result = schedule::check(kernel, {}, options);
            INFO(schedule::render(result.diagnostics, {}));
            REQUIRE(result.plan.has_value());
            CHECK(result.diagnostics.empty());
            CHECK(inconsistency(*result.plan) == "");
            CHECK(result.plan->schedule_text.empty());
            for (const StagePlan& each : result.plan->stages) {
                CHECK(each.span.file.empty());
            }
        }
    }
}

TEST_CASE("without completion, maps are inlined and the rest is at root") {
    schedule::CheckOptions options;
    options.complete = false;
    const schedule::CheckResult result = schedule::check(schedule_kernel("softmax"), {}, options);
    REQUIRE(result.plan.has_value());
    CHECK(place(*result.plan, "y.softmax.exp") == "inline");
    CHECK(place(*result.plan, "y.softmax.max") == "root");
    CHECK(place(*result.plan, "y") == "root");
}

TEST_CASE("targets filter") {
    const ir::Kernel kernel = schedule_kernel("chain");
    const std::vector<schedule::ScheduleText> texts{{"k.sched", "schedule chain\ntarget x86-64-avx2\n"}};
    schedule::CheckOptions options;
    options.target = "x86-64-avx512";
    CHECK(schedule::check_texts(kernel, texts, options).plan->target == "x86-64-avx2");
    options.target = "x86-64-sse41";
    const schedule::CheckResult refused = schedule::check_texts(kernel, texts, options);
    CHECK(!refused.target_matches);
    CHECK(!refused.plan);
    options.target.clear();
    CHECK(schedule::check_texts(kernel, texts, options).plan.has_value());
}

TEST_CASE("patterns of kernels") {
    CHECK(schedule::pattern_matches("conv", "conv"));
    CHECK(!schedule::pattern_matches("conv", "conv.grad"));
    CHECK(schedule::pattern_matches("conv.*", "conv.grad"));
    CHECK(schedule::pattern_matches("conv.*", "conv.grad.vmap"));
    CHECK(!schedule::pattern_matches("conv.*", "conv"));
    CHECK(!schedule::pattern_matches("conv.*", "convolution"));
    CHECK(schedule::pattern_matches("conv_*", "conv_2d"));
    const ir::Kernel kernel = schedule_kernel("chain");
    const schedule::CheckResult other = schedule::check_texts(kernel, {{"k.sched", "schedule other\nstage q {}\n"}});
    REQUIRE(other.plan.has_value()); // the default schedule, and a warning
    REQUIRE(other.diagnostics.size() == 1);
    CHECK(other.diagnostics[0].code == "S011");
    CHECK(other.plan->schedule_text.empty());
    CHECK(schedule::check_texts(kernel, {{"a.sched", "schedule chain\n"}, {"b.sched", "schedule other\n"}}).ok());
    CHECK(schedule::check_texts(kernel, {{"a.sched", "schedule chain\n"}, {"b.sched", "schedule chain\n"}}).ok());
}

TEST_CASE("diagnostics of all files come at once, in their order") {
    const schedule::CheckResult result =
        schedule::check_texts(schedule_kernel("chain"), {{"a.sched", "schedule chain\nstage c { unroll z }\n"},
                                                         {"b.sched", "schedule other\nstage c { split }\n"}});
    REQUIRE(result.diagnostics.size() == 2);
    CHECK(result.diagnostics[0].span.file == "a.sched");
    CHECK(result.diagnostics[1].span.file == "b.sched");
    CHECK(!result.ok());
}

TEST_CASE("constant extents follow from constants alone") {
    const auto conv = schedule::constant_extents(schedule_kernel("conv_capsules"));
    CHECK(conv.at("ky") == 3);
    CHECK(!conv.contains("batch")); // an estimate binds no caller
    const Plan packed = planned("schedule chain\nstage p = pack image by x 24\n");
    CHECK(schedule::constant_extents(packed.kernel).at("p:x.o") == 3);
}

TEST_CASE("loops as text") {
    const Plan plan = planned("schedule chain\nstage c { split x by 8; vectorize x.i; parallel y }\n"
                              "stage b { compute at c/y }\nstage a { compute inline }\n");
    CHECK(schedule::loops_text(plan) == R"(c:
  parallel for y in 30
    b:
      for y in 1
        for x in 64
          b = ...
    for x.o in 8
      vectorized for x.i in 8
        c = ...
)");
}

TEST_CASE("scans are chunked where they are associative, and keep their order else") {
    const std::string head = "schedule running_sum\n";
    const schedule::Plan plan = planned(head + "stage part = chunk total by j 8\nstage part { parallel j.o }\n"
                                               "stage part.carry { parallel i }\nstage total { parallel i }\n");
    CHECK(nest(stage(plan, "part").main) == "i j.o:parallel j.i(8)!");
    CHECK(nest(stage(plan, "part.carry").main) == "i:parallel j.o!");
    CHECK(nest(stage(plan, "total").main) == "i:parallel j");
    CHECK(codes(head + "numerics exact\nstage part = chunk total by j 8") == ""); // of integers
    CHECK(codes(head + "stage part = chunk total by i 8") == "S056");
    CHECK(codes(head + "stage total { parallel i }\nstage part = chunk total by j 8") == "S055");
    CHECK(codes(head + "stage part = chunk total by j 0") == "S030");
    CHECK(codes(head + "stage part = chunk none by j 8\nstage part.carry { parallel i }") == "S020");
    CHECK(codes(head + "stage total = chunk total by j 8") == "S024");
    CHECK(codes("schedule first_order\nstage part = chunk y by t 8") == "S056");
    CHECK(codes("schedule first_order\nstage part = chunk last by t 8") == "S056");
    CHECK(codes(head + "stage total { parallel j }") == "S037");
    CHECK(codes(head + "stage total { split j by 8; reorder j.o j.i }") == "S040");
    CHECK(codes(head + "stage total.init { parallel i }") == "S020");
    CHECK(codes(head + "stage total { reorder i j; vectorize i by 8 }") == "");
}

TEST_CASE("threads share the loop of a scatter where it adds integers, or in parts of their own") {
    const std::string whole = "schedule first_order\nstage tallies { parallel row }";
    CHECK(codes(whole) == "");
    CHECK(codes("schedule first_order\nstage tallies { split row by 8; parallel row.o; unroll row.i }") == "");
    CHECK(codes("schedule histogram\nstage counts { parallel n }") == "S037");
    CHECK(codes("schedule histogram\nstage counts { vectorize n by 8 }") == "S042");
    CHECK(codes("schedule histogram\nrfactor counts: n as part") == "S054");
    const std::string parts =
        "stage counts { split n by 16 }\nrfactor counts: n.i as part\nstage part { parallel n.i }";
    CHECK(codes("schedule histogram\n" + parts) == "");
    CHECK(codes("schedule histogram\nnumerics exact\n" + parts).starts_with("S041"));
    CHECK(codes("schedule first_order\nnumerics exact\nstage tallies { split row by 16 }\n"
                "rfactor tallies: row.o as part") == "");
}
