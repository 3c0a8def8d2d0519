// Schedules with variants on the command line: what is shown, told, verified and measured of each part.

#include "run.hpp"
#include "support/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::string narrow = "{\n    stage product { vectorize i by 4 }\n}\n";

std::string schedule_with(const std::string& variants) {
    return "schedule tiny\nstage product { vectorize j by 8 }\n" + variants;
}

void write_tiny(const Folder& folder, const std::string& variants) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", schedule_with(variants));
}

} // namespace

TEST_CASE("check tells when each part is taken") {
    const Folder folder;
    write_tiny(folder, "variant flat when extent(i) == 1 and compact " + narrow + "variant small when extent(j) < 50 " +
                           narrow);
    const Ran ran = folder.coulter({"check", "tiny.coulter", "tiny.sched"});
    CHECK(ran.code == 0);
    CHECK(ran.out.empty());
    CHECK(ran.err ==
          "note: tiny: `flat` when extent(i) == 1 and compact, else `small` when extent(j) < 50, else the common "
          "part; at the estimates: `small`\n");
    const Ran json = folder.coulter({"check", "tiny.coulter", "tiny.sched", "--json"});
    CHECK(json.out == "[]\n");
    CHECK(json.err.empty());
}

TEST_CASE("show has every part, or the one that is asked for") {
    const Folder folder;
    write_tiny(folder, "variant small when extent(j) < 8 " + narrow);
    const auto show = [&](std::vector<std::string> more) {
        more.insert(more.begin(), {"show", "tiny.coulter", "tiny.sched", "--target", "x86-64-avx2"});
        return folder.coulter(more);
    };
    for (const char* const form : {"loops", "schedule", "memory"}) {
        CAPTURE(form);
        const Ran all = show({"--as", form});
        const Ran small = show({"--as", form, "--variant", "small"});
        const Ran common = show({"--as", form, "--variant", "common"});
        CHECK(all.code == 0);
        CHECK(all.out == "# variant small when extent(j) < 8\n" + small.out + "# common\n" + common.out);
    }
    CHECK(contains(show({"--as", "loops", "--variant", "small"}).out, "vectorized for i.i in 4"));
    CHECK(contains(show({"--as", "loops", "--variant", "common"}).out, "vectorized for j.i in 8"));
    const Ran assembly = show({"--as", "asm"});
    CHECK(contains(assembly.out, "tiny__variant_small_argv:"));
    CHECK(contains(assembly.out, "tiny__main_argv:"));
    const Ran one = show({"--as", "asm", "--variant", "small"});
    CHECK(contains(one.out, "tiny__variant_small_argv:"));
    CHECK_FALSE(contains(one.out, "tiny__main_argv:"));
    const Ran passes = show({"--as", "halide", "--time-passes", "--print-after", "declare-stages"});
    CHECK(contains(passes.err, " ms  declare-stages\n"));
    CHECK(contains(passes.err, " ms  declare-stages of variant small\n"));
    CHECK(contains(passes.err, "# after declare-stages of variant small\n"));
    const Ran unknown = show({"--as", "loops", "--variant", "smal"});
    CHECK(unknown.code == 2);
    CHECK(unknown.err == "error: the schedule of `tiny` has no variant `smal`\n"
                         "help: did you mean `small`? there are `small` and `common`\n");
}

TEST_CASE("verify reaches every part") {
    const Folder folder;
    write_tiny(folder, "variant wide when extent(j) >= 100 and extent(k) % 7 == 0 and compact " + narrow +
                           "variant aligned when aligned(256) " + narrow);
    const Ran ran = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "4", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, (ran.out + ran.err));
    CHECK(ran.err.empty());
    std::map<std::string, int> counts;
    for (const auto& each : parse_json(ran.out)) {
        CHECK(each["status"] == "ok");
        ++counts[each["part"].get<std::string>()];
    }
    CHECK(counts["wide"] > 0);
    CHECK(counts["aligned"] > 0);
    CHECK(counts["common"] > 0);
    const Ran text = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--sizes", "i=2,j=100,k=7"});
    CHECK_MESSAGE(contains(text.out, "cases of each part: wide 1, aligned 0, common 1\n"), text.out);
    CHECK(text.err.empty());
}

TEST_CASE("verify reaches a part of large sizes by making all others small") {
    const Folder folder;
    // Windows need 5 rows: with all dims of that size, 512 pairs of `in` and `out` take 53 million operations.
    folder.write("wide.coulter", R"(coulter 1
kernel wide

dim batch
dim y
dim iy
dim in
dim out
dim tap = 5
dim step = 2048

input image: f32[batch, iy, in, step]
input weight: f32[tap, in, out]

sums: f32[batch, y, out] =
    sum {tap, in, step} image(iy = y + tap) * weight

output sums
)");
    folder.write("wide.sched", "schedule wide\nvariant many when extent(in) * extent(out) > 512 {\n"
                               "    stage sums { vectorize out by 8 }\n}\n");
    const Ran ran = folder.coulter({"verify", "wide.coulter", "wide.sched", "--cases", "2", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, (ran.out + ran.err));
    CHECK(ran.err.empty());
    std::map<std::string, int> counts;
    for (const auto& each : parse_json(ran.out)) {
        ++counts[each["part"].get<std::string>()];
    }
    CHECK(counts["many"] > 0);
    CHECK(counts["common"] > 0);
}

TEST_CASE("verify names the parts that it could not reach") {
    const Folder folder;
    write_tiny(folder, "variant huge when extent(j) > 1000000000 " + narrow);
    const Ran ran = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "2"});
    CHECK(ran.code == 0);
    CHECK(contains(ran.out, "cases of each part: huge 0, common 4\n"));
    CHECK(contains(ran.err, "warning: no case reached the part `huge` of the schedule\n"));
}

TEST_CASE("a part that is wrong is found") {
    const Folder folder;
    write_tiny(folder, "variant few when extent(i) < 3 " + narrow);
    folder.write("kernel.c", "int tiny__variant_few_argv(void** argv) { return argv == 0; }\n");
    // The variant's function is another one, which writes nothing.
    folder.write_script(
        "lower",
        "while [ \"$1\" != --object ]; do set -- \"$@\" \"$1\"; shift; done; object=$2; shift 2\n"
        "\"" COULTER_LOWER_PROGRAM "\" \"$@\" --object whole.o &&\n"
        "cc -c -fPIC kernel.c -o kernel.o &&\n"
        "objcopy --weaken-symbol=tiny__variant_few_argv whole.o && cc -r -nostdlib kernel.o whole.o -o \"$object\"\n");
    const Ran common =
        folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--sizes", "i=3,j=9,k=2"}, {"COULTER_LOWER=./lower"});
    CHECK_MESSAGE(common.code == 0, (common.out + common.err));
    const Ran few =
        folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--sizes", "i=2,j=9,k=2"}, {"COULTER_LOWER=./lower"});
    CHECK(few.code == 1);
}

TEST_CASE("bench says which part it measures") {
    const Folder folder;
    write_tiny(folder, "variant small when extent(j) < 50 " + narrow);
    const auto bench = [&](const std::string& sizes, bool json) {
        std::vector<std::string> words{"bench", "tiny.coulter", "tiny.sched", "--sizes",   sizes, "--threads",
                                       "1",     "--seconds",    "0.01",       "--samples", "3"};
        if (json) {
            words.emplace_back("--json");
        }
        return folder.coulter(words).out;
    };
    CHECK(parse_json(bench("j=49", true))["part"] == "small");
    CHECK(contains(bench("j=50", false), "`common` of the schedule"));
    folder.write("tiny.sched", schedule_with(""));
    CHECK(parse_json(bench("j=49", true))["part"].is_null());
}

TEST_CASE("a library has the variants of all processors, and says so") {
    const Folder folder;
    write_tiny(folder,
               "variant better when target(x86-64-avx2) " + narrow + "variant small when extent(j) < 8 " + narrow);
    const auto build = [&](const std::string& to) {
        return folder.coulter({"build", "tiny.coulter", "--schedule", "tiny.sched", "--name", "t", "--target", "x86-64",
                               "-o", to, "--emit", "stub,object"});
    };
    const Ran ran = build("one");
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const std::string plan = folder.read("one/tiny.plan.s");
    CHECK(contains(plan, "# variant better when target(x86-64-avx2)\\012schedule tiny"));
    CHECK(contains(plan, "# common"));
    const std::string symbols = folder.command({"nm", "one/tiny.o"}).out;
    for (const char* const symbol :
         {" T tiny__main_argv\n", " T tiny__variant_better_argv\n", " T tiny__variant_small_argv\n"}) {
        CAPTURE(symbol);
        CHECK(contains(symbols, symbol));
    }
    CHECK(build("two").code == 0);
    CHECK(folder.read("one/libt.a") == folder.read("two/libt.a"));
    const Ran verified = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--target", "x86-64", "--cases", "4"});
    CHECK_MESSAGE(verified.code == 0, (verified.out + verified.err));
}

TEST_CASE("variants that a library cannot hold are refused") {
    const Folder folder;
    std::string all = "extent(j) % 3 == 0";
    for (int more = 0; more < 1000; ++more) {
        all += " and extent(j) % 3 == 0";
    }
    write_tiny(folder, "variant endless when " + all + " " + narrow);
    const Ran endless = folder.coulter({"check", "tiny.coulter", "tiny.sched"});
    CHECK(endless.code == 1);
    CHECK(contains(endless.err, "tiny.sched:3:"));
    CHECK(contains(endless.err, "[S101]"));
    write_tiny(folder, "variant common when extent(j) < 7 " + narrow);
    const Ran common = folder.coulter({"check", "tiny.coulter", "tiny.sched"});
    CHECK(common.code == 1);
    CHECK(contains(common.err, "[B003]"));
}
