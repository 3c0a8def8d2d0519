// The command line with a device: skipped where none is found.

#include "device.hpp"

#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>

using namespace coulter::test;

TEST_CASE("a kernel is verified and measured on the device") {
    const Folder folder;
    write_tiny_for_device(folder);
    const Ran ran = folder.coulter({"verify", "tiny.coulter", "tiny.sched", "--target", "host-opencl"});
    if (ran.code == 4 && contains(ran.err, "no OpenCL device was found")) {
        std::printf("SKIPPED: %s", ran.err.c_str());
        std::fflush(stdout);
        std::_Exit(77);
    }
    CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
    const Ran bench = folder.coulter(
        {"bench", "tiny.coulter", "tiny.sched", "--target", "host-opencl", "--sizes", "i=9,j=17,k=5", "--json"});
    CHECK_MESSAGE(bench.code == 0, bench.err);

    const std::vector<std::string> tune{"tune", "tiny.coulter", "--target", "host-opencl", "--budget",
                                        "6",    "--threads",    "1",        "--store",     "tuning.db"};
    auto measured = tune;
    measured.insert(measured.end(), {"-o", "tuned.sched", "--json"});
    const Ran tuned = folder.coulter(measured);
    REQUIRE_MESSAGE(tuned.code == 0, tuned.err);
    CHECK(tuned.err == "");
    CHECK(contains(tuned.out, "\"timed\": 6"));
    CHECK(contains(folder.read("tuned.sched"), "gpu_blocks"));
    CHECK_FALSE(contains(folder.read("tuned.sched"), "ranked without a device"));
    CHECK(folder.coulter({"verify", "tiny.coulter", "tuned.sched", "--target", "host-opencl"}).code == 0);
    // Where a device is there, estimates are for those who ask for them.
    auto ranked = tune;
    ranked.insert(ranked.end(), {"-o", "ranked.sched", "--rank"});
    const Ran estimated = folder.coulter(ranked);
    REQUIRE_MESSAGE(estimated.code == 0, estimated.err);
    CHECK(estimated.err == "");
    CHECK(contains(folder.read("ranked.sched"), "# tuned: ranked without a device: "));
}
