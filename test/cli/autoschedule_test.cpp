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

TEST_CASE("a file that is the output too is completed in place, again and again, until its author edits it") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::string mine = "# mine\nschedule tiny  # this one\nrequire memory <= 1 MB\n"
                             "stage sums = accumulate product\n\nstage sums {   unroll k by 2 }";
    folder.write("mine.sched", mine);
    const auto complete = [&] { return autoschedule(folder, {"tiny.coulter", "mine.sched", "-o", "./mine.sched"}); };
    REQUIRE(complete().code == 0);
    const std::string once = folder.read("mine.sched");
    CHECK(once.starts_with(mine + "\n\n# completed "));
    CHECK(contains(once, "\nstage product {"));
    CHECK(folder.coulter({"check", "tiny.coulter", "mine.sched"}).code == 0);
    REQUIRE(complete().code == 0);
    CHECK(folder.read("mine.sched") == once);
    folder.write("mine.sched", once + "# edited\n");
    CHECK(complete().err == "note: every stage of `tiny` has a schedule already; nothing was written\n");
    CHECK(folder.read("mine.sched") == once + "# edited\n");

    folder.write("above.sched", "schedule tiny\n");
    const Ran below = autoschedule(folder, {"tiny.coulter", "mine.sched", "above.sched", "-o", "mine.sched"});
    CHECK(below.code == 2);
    CHECK(below.err == "error: `mine.sched` is below `above.sched`, and only the highest file is completed in place\n"
                       "help: -o above.sched, or another name\n");
    folder.write("other.sched", "schedule other\n");
    CHECK(autoschedule(folder, {"tiny.coulter", "other.sched", "-o", "other.sched"}).code == 1);
    CHECK(folder.read("other.sched") == "schedule other\n");
    folder.write("tight.sched", "schedule tiny\nrequire memory <= 1 B\nstage product { compute root }\n"
                                "stage right.packed = pack right by j 4 at root\n");
    CHECK(autoschedule(folder, {"tiny.coulter", "tight.sched", "-o", "tight.sched"}).code == 1);
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

TEST_CASE("each variant is completed by what it leaves out itself") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const std::string small = "variant small when extent(j) < 8 ";
    const std::string flat = "variant flat when extent(i) == 1 ";
    const std::vector<std::string> schedules{
        // A variant schedules what the common part leaves out, or the other way round, or makes a stage of the same
        // name.
        small + "{ stage product { unroll i by 2 } }\n",
        "stage product { unroll i by 2 }\n" + small + "{ drop product; stage sums = accumulate product }\n",
        small + "{ stage product.acc = accumulate product\n stage product.acc { unroll k by 2 } }\n" + flat + "{}\n",
        "stage product.acc = accumulate product\n" + small + "{ stage product.acc { unroll k by 2 } }\n" + flat +
            "{ stage product { vectorize j by 4 } }\n",
        "stage product { vectorize j by 8 }\n" + small + "{ drop product }\n"};
    for (const std::string& statements : schedules) {
        CAPTURE(statements);
        folder.write("parts.sched", "schedule tiny\n" + statements);
        folder.write("own.sched", "schedule tiny\n" + statements);
        const std::string wanted = loops(folder, {"tiny.coulter", "parts.sched"});
        const auto complete = [&](const std::vector<std::string>& more) {
            std::vector<std::string> words{"autoschedule", "tiny.coulter", "--threads", "16"};
            words.insert(words.end(), more.begin(), more.end());
            const Ran ran = folder.coulter(words);
            CHECK_MESSAGE(ran.code == 0, ran.err);
        };
        complete({"parts.sched", "-o", "rest.sched"});
        CHECK(loops(folder, {"tiny.coulter", "parts.sched", "rest.sched"}) == wanted);
        complete({"own.sched", "-o", "own.sched"});
        CHECK(loops(folder, {"tiny.coulter", "own.sched"}) == wanted);
        const Ran shown = folder.coulter({"show", "tiny.coulter", "own.sched", "--as", "schedule"});
        CHECK(!contains(shown.out, "completed by the default schedule"));
    }
}

TEST_CASE("what is refused leaves no file") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
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
    folder.write("slow.json", "{\"l3_rate\": 2}");
    // Weights beyond the second cache are read beside the arithmetic for a block of images, where that is fast enough.
    const Ran standard = autoschedule(folder, {"k.coulter"});
    const Ran slow = autoschedule(folder, {"k.coulter", "--machine", "slow.json"});
    CHECK(standard.code == 0);
    CHECK(slow.code == 0);
    CHECK(standard.out != slow.out);
}
