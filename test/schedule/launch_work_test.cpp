// What launches move and compute, against counts made by hand.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/launch_work.hpp"
#include "coulter/text.hpp"

#include "support/random_kernel.hpp"
#include "support/run_options.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;

namespace {

const std::string copied = R"(coulter 1
kernel copied

dim i
dim j

input x: f32[i, j]

y: f32[i, j] =
    x

output y
)";

const std::string product = R"(coulter 1
kernel product

dim i
dim j
dim k

input a: f32[i, k]
input b: f32[k, j]

c: f32[i, j] =
    sum {k} a * b

output c
)";

const std::string rows = R"(coulter 1
kernel rows

dim i
dim j

input x: f32[i, j]

most: f32[i] =
    max {j} x

y: f32[i, j] =
    x - most

output y
)";

DeviceWork work_of(const std::string& kernel, const std::string& schedule,
                   const std::map<std::string, std::int64_t>& extents) {
    const ParseResult parsed = parse(kernel, "k.coulter");
    REQUIRE(parsed.kernel);
    CheckOptions options;
    options.target = "host-cuda";
    const CheckResult checked =
        check_texts(*parsed.kernel, {{"k.sched", "schedule " + parsed.kernel->name + "\n" + schedule}}, options);
    REQUIRE_MESSAGE(checked.ok(), render(checked.diagnostics, {{"k.sched", schedule}}));
    return device_work(*checked.plan, extents, {});
}

double time_of(const DeviceWork& work) {
    double seconds = host_seconds(work, {});
    for (const LaunchWork& launch : work.launches) {
        seconds += launch_seconds(launch, {}, blocks_by_threads(launch, {}));
    }
    return seconds;
}

const std::map<std::string, std::int64_t> square{{"i", 1024}, {"j", 1024}, {"k", 1024}};

} // namespace

TEST_CASE("threads side by side move whole sectors") {
    const DeviceWork work =
        work_of(copied, "stage y { split j by 256; gpu_blocks j.o i; gpu_threads j.i }", {{"i", 1024}, {"j", 1024}});
    REQUIRE(work.launches.size() == 1);
    const LaunchWork& launch = work.launches.front();
    CHECK(launch.stage == "y");
    CHECK(launch.blocks == 4096);
    CHECK(launch.threads == 256);
    // Each element is loaded and stored: 32 bytes hold 8.
    CHECK(launch.near == 2 * 1024 * 1024 / 8);
    CHECK(launch.far == launch.near);
    CHECK(launch.memory == launch.near);
    CHECK(work.host_operations == 0);
}

TEST_CASE("threads that lie apart move a sector each") {
    const DeviceWork work =
        work_of(copied, "stage y { split i by 256; reorder i.i j i.o; gpu_blocks j i.o; gpu_threads i.i }",
                {{"i", 1024}, {"j", 1024}});
    const LaunchWork& launch = work.launches.front();
    CHECK(launch.near == 2 * 1024 * 1024);
    CHECK(launch.far == 2 * 1024 * 1024);
    CHECK(time_of(work) > time_of(work_of(copied, "stage y { split j by 256; gpu_blocks j.o i; gpu_threads j.i }",
                                          {{"i", 1024}, {"j", 1024}})));
}

TEST_CASE("what does not move in an unrolled loop is loaded once for it, and a vector in one instruction") {
    const std::string plain = "stage c.acc = accumulate c at c/j.i in registers\n"
                              "stage c { split j by 32; gpu_blocks j.o i; gpu_threads j.i }";
    const std::string tiled = "stage c.acc = accumulate c at c/j.i in registers\n"
                              "stage c { split i by 4; split j by 32; reorder i.i j.i j.o i.o; gpu_blocks j.o i.o;"
                              " gpu_threads j.i; unroll i.i }\n"
                              "stage c.acc { reorder i k; unroll i }";
    const LaunchWork one = work_of(product, plain, square).launches.front();
    const LaunchWork four = work_of(product, tiled, square).launches.front();
    const double warps = 1024.0 * 1024 / 32;
    // Of `a` all threads of a warp load the same; of `b` 32 neighbours, 4 sectors; the sums are stored.
    CHECK(one.near == warps * (1024 * (1 + 4) + 4));
    // Four rows of `a`, and `b` once for them.
    CHECK(four.near == warps / 4 * (1024 * (4 + 4) + 4 * 4));
    CHECK(one.operations > four.operations);
    CHECK(one.blocks == 4 * four.blocks);
    CHECK(time_of(work_of(product, plain, square)) > time_of(work_of(product, tiled, square)));
}

TEST_CASE("sums in memory are loaded and stored at each step, and their initialisation is a launch") {
    const DeviceWork work = work_of(product, "stage c { split j by 32; gpu_blocks j.o i; gpu_threads j.i }", square);
    REQUIRE(work.launches.size() == 2);
    CHECK(work.launches[0].stage == "c.init");
    CHECK(work.launches[1].stage == "c");
    const double warps = 1024.0 * 1024 / 32;
    CHECK(work.launches[0].near == warps * 4);
    CHECK(work.launches[1].near == warps * 1024 * (1 + 4 + 4 + 4));
}

TEST_CASE("what a block shares stays in it, and one thread that combines takes a warp") {
    const DeviceWork work = work_of(rows, R"(
stage y { split j by 64 as j.step j.thread; reorder j.step j.thread i; gpu_blocks i; gpu_threads j.thread }
stage most { compute at y/i; split j by 64 }
rfactor most: j.i as most.part
stage most.part { compute at y/i; gpu_threads j.i }
)",
                                    {{"i", 1024}, {"j", 1024}});
    REQUIRE(work.launches.size() == 1);
    const LaunchWork& launch = work.launches.front();
    CHECK(launch.blocks == 1024);
    CHECK(launch.threads == 64);
    // `x` in and `y` out; that `x` is read again is left to the nearest cache.
    CHECK(launch.memory == 2 * 1024 * 1024 / 8);
    CHECK(launch.far == launch.memory);
    CHECK(launch.near > 3 * 1024 * 1024 / 8);
}

TEST_CASE("the processor's part counts, and what crosses over to it") {
    const std::string on_device = "stage most.acc = accumulate most at most/i.i in registers\n"
                                  "stage most { split i by 64; gpu_blocks i.o; gpu_threads i.i }\n";
    const DeviceWork work = work_of(rows, on_device + "stage y { compute root }", {{"i", 1024}, {"j", 1024}});
    CHECK(work.launches.size() == 1);
    CHECK(work.host_operations > 1024 * 1024);
    CHECK(work.host_bytes == 4 * 1024);
    CHECK(host_seconds(work, {}) > 0);
    const DeviceWork none = work_of(rows, "stage most { compute root }\nstage y { compute root }", square);
    CHECK(none.launches.empty());
    CHECK(none.host_bytes == 0);
}

TEST_CASE("a launch in a loop of the processor counts for each of its steps") {
    const DeviceWork work = work_of(rows,
                                    "stage y { compute root }\n"
                                    "stage most { compute at y/i; split i by 1; gpu_blocks i.o; gpu_threads i.i }\n",
                                    {{"i", 100}, {"j", 64}});
    REQUIRE(!work.launches.empty());
    for (const LaunchWork& launch : work.launches) {
        CHECK(launch.stage.starts_with("most"));
        CHECK(launch.times == 100);
        CHECK(launch.blocks == 1);
    }
    CHECK(work.host_operations >= 6400); // the map is the processor's
}

TEST_CASE("every default schedule for a device has an estimate, whatever the kernel") {
    std::size_t launches = 0;
    for (std::uint64_t seed = 0; seed < (test::is_long_run() ? 2000U : 150U); ++seed) {
        test::RandomKernelOptions random;
        random.stages = 3 + static_cast<int>(seed % 6);
        const ir::Kernel kernel = test::random_kernel(seed, random);
        CheckOptions options;
        options.target = seed % 2 == 0 ? "host-cuda" : "host-opencl";
        options.defaults.sizes = {{"i", 1000}, {"j", 64 + static_cast<std::int64_t>(seed)}, {"k", 64}};
        const CheckResult checked = check_texts(kernel, {}, options);
        REQUIRE(checked.ok());
        const DeviceWork work = device_work(*checked.plan, options.defaults.sizes, {});
        CAPTURE(seed);
        for (const LaunchWork& each : work.launches) {
            CHECK(each.blocks >= 1);
            CHECK(each.threads <= 1024);
            CHECK(each.near >= 0);
            CHECK(each.far >= each.memory);
            CHECK(each.operations >= 0);
            CHECK(launch_seconds(each, {}, 1) < 1e6);
        }
        CHECK(std::isfinite(time_of(work)));
        launches += work.launches.size();
    }
    CHECK(launches > 200);
}

TEST_CASE("few threads leave a device idle, and fewer blocks at once take longer") {
    LaunchWork launch;
    launch.blocks = 100000;
    launch.threads = 256;
    launch.memory = launch.far = launch.near = 1e7;
    const DeviceModel device;
    const double full = launch_seconds(launch, device, 8);
    CHECK(full > device.launch_seconds);
    CHECK(launch_seconds(launch, device, 1) > full);
    launch.blocks = 4;
    CHECK(launch_seconds(launch, device, 8) > 10 * full);
    launch.threads = 1024;
    CHECK(blocks_by_threads(launch, device) == 2);
}
