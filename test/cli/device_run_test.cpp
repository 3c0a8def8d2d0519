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
}
