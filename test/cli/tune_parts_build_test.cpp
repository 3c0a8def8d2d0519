// coulter build --tuned of schedules with variants: what was given for all kernels, and parts that nothing can measure.

#include "tune_case.hpp"

#include <doctest/doctest.h>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

// `product` is left out in the common part and in `small`, and not in `done`.
const std::string with_parts = "schedule tiny\n"
                               "variant done when extent(i) < 2 { stage product { vectorize j by 8 } }\n"
                               "variant small when extent(i) < 8 { stage product.acc = accumulate product }\n";

void write_parts(const Folder& folder, const std::string& schedule = with_parts) {
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", schedule);
}

Ran build(const Folder& folder, const std::vector<std::string>& more,
          const std::vector<std::string>& environment = {}) {
    std::vector<std::string> all{
        "build", "tiny.coulter",   "--schedule", "tiny.sched", "--name",  "t",         "-o",
        "out",   "--threads",      "1",          "--tuned",    "--store", "tuning.db", "--budget",
        "2",     "--autoschedule", "scheds"};
    all.insert(all.end(), more.begin(), more.end());
    return folder.coulter(all, environment);
}

} // namespace

TEST_CASE("typical extents choose no part") {
    const Folder folder;
    write_parts(folder);
    const Ran ran = build(folder, {"--sizes", "i=1,j=40,k=9"}); // of which nothing is to be tuned
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err.empty());
    const std::string file = folder.read("scheds/tiny.sched");
    CHECK_MESSAGE(contains(file, "# tuned: `small` at i=2,j=40,k=9: "), file);
    CHECK_MESSAGE(contains(file, "# tuned: the common part at i=8,j=40,k=9: "), file);
}

TEST_CASE("sizes to measure at that say nothing new of a kernel are left out") {
    const Folder folder;
    write_parts(folder);
    const Ran ran =
        build(folder, {"--tune-sizes", "i=1,j=48,k=5", "--tune-sizes", "i=3,j=48,k=5", "--tune-sizes", "i=4,j=48,k=5"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err.empty());
    const std::string file = folder.read("scheds/tiny.sched");
    CHECK_MESSAGE(contains(file, "# tuned: `small` at i=3,j=48,k=5: "), file);
    CHECK_FALSE(contains(file, "the common part at"));
    CHECK_FALSE(contains(file, "i=4,j=48,k=5"));
    // None is left, and the default schedule completes all parts.
    const Ran none = build(folder, {"--tune-sizes", "i=1,j=48,k=5"});
    REQUIRE_MESSAGE(none.code == 0, none.err);
    CHECK(none.err == "note: `tiny` is completed by the default schedule: nothing of its schedule can be tuned here\n");
    CHECK(contains(folder.read("scheds/tiny.sched"), "# Written by `coulter autoschedule` "));
}

TEST_CASE("parts that nothing can measure are completed by the default schedule") {
    const Folder folder;
    write_parts(folder, "schedule tiny\nvariant most when extent(i) >= 0 { stage product { vectorize j by 8 } }\n");
    const Ran ran = build(folder, {});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    CHECK(ran.err == "note: no sizes were found that reach the common part, which is left as it is\n"
                     "help: give --tune-sizes that lie in it\n"
                     "note: `tiny` is completed by the default schedule: nothing of its schedule can be tuned here\n");
    CHECK(contains(folder.read("scheds/tiny.sched"), "# Written by `coulter autoschedule` "));
    CHECK(folder.has("out/libt.a"));
    CHECK_FALSE(folder.has("tuning.db"));
}

TEST_CASE("sizes of a dim that follows from others in one of the kernels are not of that kernel") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("half.coulter", "coulter 1\nkernel half\n\ndim m\ndim i = extent(m) / 2\ndim j\ndim k\n\n"
                                 "input left: f32[m, k]\ninput right: f32[k, j] frozen\n\n"
                                 "product: f32[i, j] =\n    sum {k} left(m = 2 * i) * right\n\noutput product\n\n"
                                 "estimate m = 32, j = 48, k = 16\n");
    const auto all = [&](const std::vector<std::string>& more) {
        std::vector<std::string> words{"build",   "half.coulter", "tiny.coulter", "--name", "t",
                                       "-o",      "out",          "--threads",    "1",      "--tuned",
                                       "--store", "tuning.db",    "--budget",     "1",      "--autoschedule",
                                       "scheds"};
        words.insert(words.end(), more.begin(), more.end());
        return folder.coulter(words);
    };
    for (const char* const option : {"--tune-sizes", "--sizes"}) {
        CAPTURE(option);
        const Ran ran = all({option, "i=5,j=8,k=8"});
        REQUIRE_MESSAGE(ran.code == 0, ran.err);
        CHECK(contains(folder.read("scheds/half.sched"), " at m=32,j=8,k=8"));
        CHECK(contains(folder.read("scheds/tiny.sched"), " at i=5,j=8,k=8"));
    }
}

TEST_CASE("what is wrong with sizes to measure at names their option") {
    const Folder folder;
    write_parts(folder);
    const auto error = [&](const std::vector<std::string>& words) {
        const Ran ran = build(folder, words);
        CHECK(ran.code == 2);
        return ran.err;
    };
    CHECK(error({"--tune-sizes", "i=4,j"}) ==
          "error: --tune-sizes wants dim=n,... with n from 0 to 2147483647, and `j` is none\n");
    CHECK(error({"--tune-sizes", "i=4,i=5"}) == "error: --tune-sizes has `i` twice\n");
    CHECK(error({"--tune-sizes", "i=4", "--tune-sizes", "i=4"}) ==
          "error: --tune-sizes gives `i=4` twice\n"
          "help: each --tune-sizes is a class of its own when all name the same dims\n");
    CHECK(error({"--tune-sizes", "i=4,j=4", "--tune-sizes", "i=4"}) ==
          "error: --tune-sizes gives `i=4,j=4` and `i=4`, which name different dims\n"
          "help: several classes of sizes each name the same dims\n");
    CHECK(error({"--tune-sizes", "q=4"}) == "error: --tune-sizes gives `q`, whose extent no call of `tiny` chooses\n"
                                            "help: did you mean `i`? chosen are `i`, `j` and `k`\n");
    CHECK_FALSE(folder.has("out"));
}

TEST_CASE("without the device several sizes are refused, and the parts of a schedule noted") {
    const Folder folder;
    write_parts(folder);
    const std::vector<std::string> nobody{"HL_OCL_PLATFORM_NAME=nobody"};
    const std::vector<std::string> device{"--target", "x86-64-avx2-opencl"};
    const Ran parts = build(folder, device, nobody);
    CHECK_MESSAGE(parts.code == 0, parts.err);
    CHECK(contains(parts.err, "note: `tiny` is completed by the default schedule: no OpenCL device is here\n"));
    folder.write("tiny.sched", "schedule tiny\n");
    const Ran sizes =
        build(folder, {"--target", "x86-64-avx2-opencl", "--tune-sizes", "i=4", "--tune-sizes", "i=64"}, nobody);
    CHECK(sizes.code == 4);
    CHECK(sizes.err ==
          "error: no OpenCL device is here, and only measuring tells what several sizes and variants want\n"
          "help: candidates at one size, for a schedule without variants, can be ranked by estimates: "
          "give one --tune-sizes\n");
}
