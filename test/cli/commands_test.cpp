// kernels, show, check, fmt, and what all commands share.

#include "run.hpp"
#include "support/golden.hpp"
#include "support/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("kernels lists what a folder holds") {
    const Folder folder;
    folder.write("texts/tiny.coulter", tiny_kernel);
    folder.write("texts/note.txt", "not a kernel");
    const Ran ran = folder.coulter({"kernels", "texts"});
    CHECK(ran.code == 0);
    CHECK(ran.err.empty());
    check_golden("kernels", ran.out);

    const Ran json = folder.coulter({"kernels", "texts", "--json", "--sizes", "i=2,j=3,k=5"});
    CHECK(json.code == 0);
    const auto all = parse_json(json.out);
    REQUIRE(all.size() == 1);
    CHECK(all[0]["name"] == "tiny");
    CHECK(all[0]["flops"] == 60);
    CHECK(all[0]["bytes"] == 4 * (10 + 15 + 6));
    CHECK(all[0]["inputs"][1]["frozen"] == true);
}

TEST_CASE("kernels says what is wrong with a folder or a text") {
    const Folder folder;
    folder.write("empty/note.txt", "");
    CHECK(folder.coulter({"kernels", "empty"}).code == 1);
    const Ran missing = folder.coulter({"kernels", "nowhere.coulter"});
    CHECK(missing.code == 4);
    check_golden("kernels_missing", missing.err);
    folder.write("bad.coulter", "coulter 1\nkernel bad\ndim i\noutput y\n");
    const Ran bad = folder.coulter({"kernels", "bad.coulter"});
    CHECK(bad.code == 1);
    CHECK(contains(bad.err, "bad.coulter:"));
}

TEST_CASE("show prints each form") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
    const Ran ir = folder.coulter({"show", "tiny.coulter", "--as", "ir"});
    CHECK(ir.code == 0);
    CHECK(ir.out == tiny_kernel);
    const Ran rewritten = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "ir"});
    CHECK(contains(rewritten.out, "product.acc"));
    const Ran loops = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "loops"});
    CHECK(loops.code == 0);
    check_golden("show_loops", loops.out);
    const Ran schedule = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "schedule"});
    CHECK(contains(schedule.out, "split j by 8"));
    const Ran defaults = folder.coulter({"show", "tiny.coulter", "--as", "schedule"});
    CHECK(contains(defaults.out, "# completed by the default schedule\nstage "));
    const Ran halide =
        folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "halide", "--target", "x86-64-avx2"});
    CHECK(halide.code == 0);
    CHECK(contains(halide.out, "product.acc"));
    const Ran assembly =
        folder.coulter({"show", "tiny.coulter", "tiny.sched", "--as", "asm", "--target", "x86-64-avx2"});
    CHECK(assembly.code == 0);
    CHECK(contains(assembly.out, "tiny__main"));
    const Ran passes =
        folder.coulter({"show", "tiny.coulter", "--as", "halide", "--time-passes", "--print-after", "declare-stages"});
    CHECK(contains(passes.err, " ms  declare-stages"));
    CHECK(contains(passes.err, "# after declare-stages"));
}

TEST_CASE("show refuses what it cannot show") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran unknown = folder.coulter({"show", "tiny.coulter", "--as", "loop"});
    CHECK(unknown.code == 2);
    check_golden("show_unknown_form", unknown.err);
    CHECK(folder.coulter({"show", "tiny.coulter", "--as", "ptx"}).code == 2);
    CHECK(folder.coulter({"show", "tiny.coulter", "tiny.coulter"}).code == 2);
    CHECK(folder.coulter({"show", "tiny.txt"}).code == 2);
    const Ran target = folder.coulter({"show", "tiny.coulter", "--target", "x86-64-avx3"});
    CHECK(target.code == 2);
    check_golden("unknown_target", target.err);
}

TEST_CASE("check is silent about what is good") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
    const Ran ran = folder.coulter({"check", "tiny.coulter", "tiny.sched"});
    CHECK(ran.code == 0);
    CHECK(ran.out + ran.err == "");
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched", "--json"}).out == "[]\n");
}

TEST_CASE("check tells the mistakes of all files") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("one.sched", "schedule tiny\nstage product { vectorise j }\n");
    folder.write("two.sched", "schedule other\nstage product { split j by }\n");
    const Ran ran = folder.coulter({"check", "tiny.coulter", "one.sched", "two.sched"});
    CHECK(ran.code == 1);
    check_golden("check_two_files", ran.err);
    const Ran json = folder.coulter({"check", "tiny.coulter", "one.sched", "two.sched", "--json"});
    CHECK(json.code == 1);
    CHECK(json.err.empty());
    const auto all = parse_json(json.out);
    REQUIRE(all.size() == 2);
    CHECK(all[0]["file"] == "one.sched");
    CHECK(all[0]["line"] == 2);
}

TEST_CASE("a schedule for another processor has an exit code of its own") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", "schedule tiny\ntarget x86-64-avx512\nstage product { vectorize j by 8 }\n");
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched"}).code == 0);
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched", "--target", "x86-64-avx512"}).code == 0);
    const Ran ran = folder.coulter({"check", "tiny.coulter", "tiny.sched", "--target", "x86-64-avx2"});
    CHECK(ran.code == 3);
    check_golden("check_target", ran.err);
}

TEST_CASE("fmt writes the canonical form, and --check only looks") {
    const Folder folder;
    folder.write("a.sched", "schedule   tiny # why\n  stage product {vectorize   j by 8}\n");
    folder.write("b.sched", tiny_schedule);
    const std::string before = folder.read("a.sched");
    const Ran looked = folder.coulter({"fmt", "--check", "a.sched", "b.sched"});
    CHECK(looked.code == 1);
    CHECK(looked.out == "a.sched\n");
    CHECK(folder.read("a.sched") == before);
    CHECK(folder.coulter({"fmt", "a.sched"}).code == 0);
    CHECK(folder.read("a.sched") == "schedule tiny  # why\nstage product { vectorize j by 8 }\n");
    CHECK(folder.coulter({"fmt", "--check", "a.sched", "b.sched"}).code == 0);
}

TEST_CASE("fmt changes nothing when a file has mistakes") {
    const Folder folder;
    folder.write("good.sched", "schedule    tiny\n");
    folder.write("bad.sched", "schedule tiny\nstage {\n");
    const Ran ran = folder.coulter({"fmt", "good.sched", "bad.sched"});
    CHECK(ran.code == 1);
    CHECK(contains(ran.err, "bad.sched:2:"));
    CHECK(folder.read("good.sched") == "schedule    tiny\n");
    CHECK(folder.coulter({"fmt", "nowhere.sched"}).code == 4);
}

TEST_CASE("fmt --stamp writes fingerprints that check accepts until the algorithm changes") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
    CHECK(folder.coulter({"fmt", "--stamp", "tiny.sched"}).code == 0);
    const std::string stamped = folder.read("tiny.sched");
    CHECK(contains(stamped, "stage product @"));
    CHECK(contains(stamped, "stage product.acc @"));
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched"}).err.empty());
    std::string changed = tiny_kernel;
    changed.replace(changed.find("left * right"), 12, "left + right");
    folder.write("tiny.coulter", changed);
    const Ran ran = folder.coulter({"check", "tiny.coulter", "tiny.sched"});
    CHECK(ran.code == 0);
    CHECK(contains(ran.err, "[S025]"));
    folder.write("elsewhere/tiny.sched", tiny_schedule);
    CHECK(folder.coulter({"fmt", "--stamp", "elsewhere/tiny.sched"}).code == 2);
    CHECK(folder.coulter({"fmt", "--stamp", "elsewhere/tiny.sched", "--kernel", "tiny.coulter"}).code == 0);
}

TEST_CASE("the command line is explained") {
    const Folder folder;
    const Ran unknown = folder.coulter({"biuld"});
    CHECK(unknown.code == 2);
    check_golden("unknown_command", unknown.err);
    CHECK(folder.coulter({}).code == 2);
    CHECK(folder.coulter({"check"}).code == 2);
    CHECK(folder.coulter({"check", "--frobnicate", "a.coulter"}).code == 2);
    CHECK(folder.coulter({"--version"}).code == 0);
    for (const char* const name : {"kernels", "show", "check", "fmt", "build", "verify", "bench", "autoschedule",
                                   "machine", "tune", "records", "explain", "report", "transform"}) {
        CAPTURE(name);
        const Ran help = folder.coulter({name, "--help"});
        CHECK(help.code == 0);
        CHECK(contains(help.out, "Examples:\n  coulter " + std::string(name)));
    }
}

TEST_CASE("transform writes the gradient of a kernel, all of it or nothing") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    CHECK(folder.coulter({"transform", "tiny.coulter", "--grad", "left,right", "-o", "out.coulter"}).code == 0);
    check_golden("transform_tiny", folder.read("out.coulter"));
    CHECK(folder.coulter({"check", "out.coulter"}).code != 2);
    CHECK(folder.coulter({"transform", "tiny.coulter", "--grad", "right"}).code == 0);
    CHECK(folder.has("tiny.grad.coulter"));

    CHECK(folder.coulter({"transform", "tiny.coulter", "--value-and-grad", "left"}).code == 0);
    check_golden("transform_value_and_grad", folder.read("tiny.value_and_grad.coulter"));
    CHECK(folder.coulter({"verify", "tiny.value_and_grad.coulter", "--cases", "4"}).code == 0);

    const Ran report = folder.coulter({"transform", "tiny.coulter", "--grad", "left", "--report"});
    check_golden("transform_report", report.out);
    const Ran json = folder.coulter({"transform", "tiny.coulter", "--grad", "left", "--json"});
    const auto parsed = parse_json(json.out);
    CHECK(parsed["kernel"] == "tiny.grad");
    CHECK(parsed["gradient"]["contributions"][0]["form"] == "gather");

    const Ran unknown = folder.coulter({"transform", "tiny.coulter", "--grad", "lefft", "-o", "new.coulter"});
    CHECK(unknown.code == 1);
    check_golden("transform_unknown", unknown.err);
    CHECK_FALSE(folder.has("new.coulter"));
    CHECK(folder.coulter({"transform", "nowhere.coulter", "--grad", "left"}).code == 4);
    CHECK(folder.coulter({"transform", "tiny.coulter", "--grad", "left", "-o", "nowhere/out.coulter"}).code == 4);
    CHECK(folder.coulter({"transform", "tiny.coulter"}).code == 2);
}

TEST_CASE("transform writes derivatives along directions, and kernels over another dim") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    CHECK(folder.coulter({"transform", "tiny.coulter", "--jvp", "left,right", "-o", "out.coulter"}).code == 0);
    check_golden("transform_jvp", folder.read("out.coulter"));
    CHECK(folder.coulter({"verify", "out.coulter", "--cases", "4"}).code == 0);
    CHECK(folder.coulter({"transform", "tiny.coulter", "--jvp", "right"}).code == 0);
    CHECK(folder.has("tiny.jvp.coulter"));

    CHECK(folder.coulter({"transform", "tiny.coulter", "--vmap", "lane:left,right", "--estimate", "8"}).code == 0);
    check_golden("transform_vmap", folder.read("tiny.vmap.coulter"));
    CHECK(folder.coulter({"verify", "tiny.vmap.coulter", "--cases", "4"}).code == 0);
    const Ran json = folder.coulter({"transform", "tiny.coulter", "--vmap", "lane:left", "--extent", "3", "--json"});
    CHECK(parse_json(json.out)["kernel"] == "tiny.vmap");
    CHECK(contains(folder.read("tiny.vmap.coulter"), "dim lane = 3"));

    const std::vector<std::vector<std::string>> refused{
        {"--vmap", "left"},
        {"--vmap", "lane:left", "--layout", "left"},
        {"--vmap", "lane:left", "--layout", "left=lane", "--layout", "left=lane"},
        {"--vmap", "lane:left", "--grad", "left"},
        {"--grad", "left", "--value-and-grad", "left"},
        {"--value-and-grad", "left", "--layout", "left=lane"},
        {"--grad", "left", "--layout", "left=lane"},
        {"--jvp", "left", "--report"},
    };
    std::string said;
    for (const std::vector<std::string>& each : refused) {
        std::vector<std::string> command{"transform", "tiny.coulter", "-o", "new.coulter"};
        command.insert(command.end(), each.begin(), each.end());
        const Ran ran = folder.coulter(command);
        CHECK(ran.code == 2);
        said += ran.err;
    }
    check_golden("transform_usage", said);
    const Ran layout = folder.coulter(
        {"transform", "tiny.coulter", "--vmap", "lane:left", "--layout", "left=lane,other", "-o", "new.coulter"});
    CHECK(layout.code == 1);
    check_golden("transform_layout", layout.err);
    CHECK_FALSE(folder.has("new.coulter"));
}
