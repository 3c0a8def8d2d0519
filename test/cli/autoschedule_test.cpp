// coulter autoschedule: what it writes, that it reads back to what the compiler would have taken, and what it refuses.

#include "models/kernels.hpp"
#include "models/networks.hpp"
#include "run.hpp"
#include "support/golden.hpp"

#include "coulter/text.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

void check_golden(const std::string& name, const std::string& text) {
    CHECK_MESSAGE(golden_difference("cli/" + name, text).empty(), golden_difference("cli/" + name, text));
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

const std::vector<std::string> target{"--target", "x86-64-avx2", "--threads", "2"};

Ran autoschedule(const Folder& folder, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "autoschedule");
    arguments.insert(arguments.end(), target.begin(), target.end());
    return folder.coulter(arguments);
}

std::string loops(const Folder& folder, std::vector<std::string> files) {
    files.insert(files.begin(), "show");
    files.insert(files.end(), {"--as", "loops"});
    const Ran ran = folder.coulter(files);
    CHECK(ran.code == 0);
    CHECK(ran.err == "");
    return ran.out;
}

} // namespace

TEST_CASE("the file has a reason for each directive and what it was made for") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran ran = autoschedule(folder, {"tiny.coulter"});
    CHECK(ran.code == 0);
    CHECK(ran.err == "");
    check_golden("autoschedule", ran.out);
    const Ran sized = autoschedule(folder, {"tiny.coulter", "--sizes", "i=1,j=3", "-o", "tiny.sched"});
    CHECK(sized.code == 0);
    CHECK(sized.out == "");
    CHECK(contains(folder.read("tiny.sched"), "i=1, j=3, k=16"));
    CHECK(folder.read("tiny.sched") != ran.out);
    CHECK(folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--cases", "4"}).code == 0);
}

TEST_CASE("with the file, loops are those that the compiler takes without a schedule") {
    const Folder folder;
    std::vector<KernelFactory> all = models::kernels();
    const std::vector<KernelFactory> networks = models::networks();
    all.insert(all.end(), networks.begin(), networks.end());
    for (const KernelFactory& factory : all) {
        CAPTURE(factory.name);
        folder.write("k.coulter", print(factory.make(Params{}).ir()));
        const Ran ran = folder.coulter({"autoschedule", "k.coulter", "--threads", "16", "-o", "k.sched"});
        CHECK(ran.code == 0);
        CHECK(loops(folder, {"k.coulter", "k.sched"}) == loops(folder, {"k.coulter"}));
    }
    CHECK(all.size() > 20);
}

TEST_CASE("a schedule is completed by a layer, and stays in force") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("mine.sched", "schedule tiny\nstage sums = accumulate product\nstage sums { unroll k by 2 }\n");
    const Ran ran =
        folder.coulter({"autoschedule", "tiny.coulter", "mine.sched", "--threads", "16", "-o", "rest.sched"});
    CHECK(ran.code == 0);
    CHECK(contains(folder.read("rest.sched"), "A layer"));
    CHECK(!contains(folder.read("rest.sched"), "stage sums {"));
    const std::string completed = loops(folder, {"tiny.coulter", "mine.sched", "rest.sched"});
    CHECK(completed == loops(folder, {"tiny.coulter", "mine.sched"}));
    CHECK(contains(completed, "unrolled reduce k.i in 2"));

    folder.write("whole.sched", std::string(tiny_schedule) + "stage right.packed { compute root }\n");
    const Ran whole = autoschedule(folder, {"tiny.coulter", "whole.sched", "-o", "none.sched"});
    CHECK(whole.code == 0);
    CHECK(whole.err == "note: every stage of `tiny` has a schedule already; nothing was written\n");
    CHECK(!folder.has("none.sched"));
}

TEST_CASE("sizes that nobody knows are told, and those that no call chooses refused") {
    const Folder folder;
    folder.write("tiny.coulter", std::string(tiny_kernel).substr(0, std::string(tiny_kernel).find("estimate")));
    const Ran unknown = autoschedule(folder, {"tiny.coulter", "--sizes", "i=3"});
    CHECK(unknown.code == 0);
    CHECK(unknown.err == "warning: kernel `tiny` has no estimate of `j` and `k`, which are taken as 64\n"
                         "help: give --sizes j=n\n");
    const Ran refused = autoschedule(folder, {"tiny.coulter", "--sizes", "kk=3"});
    CHECK(refused.code == 2);
    check_golden("sizes_unknown", refused.err);
}

TEST_CASE("what is refused leaves no file") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("parts.sched",
                 "schedule tiny\nvariant small when extent(j) < 8 { stage product { unroll i by 2 } }\n");
    const Ran parts = autoschedule(folder, {"tiny.coulter", "parts.sched", "-o", "out.sched"});
    CHECK(parts.code == 2);
    CHECK(parts.err == "error: the schedule of `tiny` has variants, and those are not completed yet\n"
                       "help: give the part of the file outside of its variants\n");
    folder.write("wrong.sched", "schedule tiny\nstage produkt { unroll i by 2 }\n");
    CHECK(autoschedule(folder, {"tiny.coulter", "wrong.sched", "-o", "out.sched"}).code == 1);
    CHECK(autoschedule(folder, {"tiny.coulter", "-o", "no/folder/out.sched"}).code == 4);
    CHECK(autoschedule(folder, {"missing.coulter", "-o", "out.sched"}).code == 4);
    CHECK(folder.coulter({"autoschedule", "tiny.coulter", "--target", "vax", "-o", "out.sched"}).code == 2);
    CHECK(folder.coulter({"autoschedule", "tiny.coulter", "--threads", "0", "-o", "out.sched"}).code == 2);
    CHECK(!folder.has("out.sched"));
}

TEST_CASE("a machine with other caches gets another schedule") {
    const Folder folder;
    for (const KernelFactory& factory : models::kernels()) {
        if (factory.name == "capsule_decoder") {
            folder.write("k.coulter", print(factory.make(Params{}).ir()));
        }
    }
    folder.write("large.json", "{\"l2_bytes\": 1e9}");
    // Weights beyond the second cache are read once for 8 images.
    const Ran standard = autoschedule(folder, {"k.coulter"});
    const Ran large = autoschedule(folder, {"k.coulter", "--machine", "large.json"});
    CHECK(standard.code == 0);
    CHECK(large.code == 0);
    CHECK(standard.out != large.out);
}
