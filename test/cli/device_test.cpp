// Targets with a device, as a user meets them, without running anything on one.

#include "device.hpp"

#include <doctest/doctest.h>

using namespace coulter::test;

TEST_CASE("a schedule for a device has no match on a processor, and its kernels can be shown") {
    const Folder folder;
    write_tiny_for_device(folder);
    const Ran ran = folder.coulter({"check", "tiny.coulter", "tiny.sched", "--target", "host"});
    CHECK(ran.code == 3);
    CHECK(contains(ran.err, "build for a target with its device"));
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched", "--target", "host-cuda"}).code == 3);
    CHECK(folder.coulter({"check", "tiny.coulter", "tiny.sched", "--target", "host-opencl"}).code == 0);

    const Ran loops = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--target", "host-opencl"});
    CHECK(contains(loops.out, "gpu_thread for j.i in 8"));
    CHECK(contains(loops.out, "2 launches\n"));
    const Ran source =
        folder.coulter({"show", "tiny.coulter", "tiny.sched", "--target", "host-opencl", "--as", "opencl"});
    CHECK(contains(source.out, "__kernel void _kernel_product"));
    const Ran other = folder.coulter({"show", "tiny.coulter", "tiny.sched", "--target", "host-opencl", "--as", "ptx"});
    CHECK(other.code == 2);
    CHECK(contains(other.err, "--target host-cuda"));

    folder.write("any.sched", "schedule tiny\nstage product { gpu_blocks j i }\n");
    const Ran ptx = folder.coulter({"show", "tiny.coulter", "any.sched", "--target", "host-cuda", "--as", "ptx"});
    CHECK(contains(ptx.out, ".visible .entry"));
    const Ran defaults = folder.coulter({"show", "tiny.coulter", "--target", "host-opencl", "--as", "opencl"});
    CHECK(contains(defaults.out, "__kernel void _kernel_product"));
    folder.write("exact.sched", "schedule tiny\nnumerics exact\n");
    const Ran none =
        folder.coulter({"show", "tiny.coulter", "exact.sched", "--target", "host-opencl", "--as", "opencl"});
    CHECK(none.code == 1);
    CHECK(contains(none.err, "no stage of `tiny` runs on a device"));
}

TEST_CASE("without a device, programs say so and end with exit code 4") {
    const Folder folder;
    write_tiny_for_device(folder);
    for (const char* const command : {"verify", "bench"}) {
        // No installed driver has this name.
        const Ran ran = folder.coulter({command, "tiny.coulter", "tiny.sched", "--target", "host-opencl"},
                                       {"HL_OCL_PLATFORM_NAME=nobody"});
        CAPTURE(ran.err);
        CHECK(ran.code == 4);
        CHECK(contains(ran.err, "error: tiny: no OpenCL device was found: "));
    }
}

TEST_CASE("a plan without kernels needs no device, whatever the target") {
    const Folder folder;
    write_tiny_for_device(folder);
    folder.write("exact.sched", "schedule tiny\nnumerics exact\n");
    const Ran ran =
        folder.coulter({"verify", "tiny.coulter", "exact.sched", "--target", "host-opencl", "--sizes", "i=3,j=5,k=7"},
                       {"HL_OCL_PLATFORM_NAME=nobody"});
    CHECK_MESSAGE(ran.code == 0, ran.err);
}

TEST_CASE("autoschedule writes a schedule for the device of the target, which no processor takes") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    for (const std::string target : {"host-opencl", "host-cuda"}) {
        CAPTURE(target);
        const Ran ran = folder.coulter({"autoschedule", "tiny.coulter", "--target", target, "-o", "device.sched"});
        CHECK(ran.code == 0);
        CHECK(ran.err == "");
        CHECK(contains(folder.read("device.sched"), "gpu_blocks"));
        CHECK(folder.coulter({"check", "tiny.coulter", "device.sched", "--target", target}).code == 0);
        const Ran loops = folder.coulter({"show", "tiny.coulter", "device.sched", "--target", target});
        CHECK(contains(loops.out, "1 launch\n"));
        CHECK(loops.out == folder.coulter({"show", "tiny.coulter", "--target", target}).out);
        const Ran host = folder.coulter({"check", "tiny.coulter", "device.sched", "--target", "host"});
        CHECK(host.code == 1);
        CHECK(contains(host.err, "[S111]"));
    }
    const Ran host = folder.coulter({"autoschedule", "tiny.coulter", "--target", "host"});
    CHECK(host.out.find("gpu") == std::string::npos);
}
