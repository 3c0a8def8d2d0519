#include "run.hpp"
#include "support/json.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter::test;

TEST_CASE("bench tells time, rates, shares of what the machine can do, and memory") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    folder.write("tiny.sched", tiny_schedule);
    const Ran ran = folder.coulter({"bench", "tiny.coulter", "tiny.sched", "--sizes", "i=64,j=64,k=64", "--threads",
                                    "1", "--seconds", "0.1", "--samples", "5", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    const auto figures = parse_json(ran.out);
    CHECK(figures["kernel"] == "tiny");
    CHECK(figures["flops"] == 2 * 64 * 64 * 64);
    CHECK(figures["extents"]["i"] == 64);
    CHECK(figures["threads"] == 1);
    CHECK(figures["samples"].get<int>() >= 5);
    const double median = figures["seconds"]["median"];
    CHECK(median > 0);
    CHECK(figures["seconds"]["lower_quartile"].get<double>() <= median);
    CHECK(median <= figures["seconds"]["upper_quartile"].get<double>());
    CHECK(figures["gflops"].get<double>() == doctest::Approx(2 * 64 * 64 * 64 / median / 1e9));
    CHECK(figures["share_of_peak_flops"].get<double>() > 0);
    CHECK(figures["share_of_peak_flops"].get<double>() < 1.5);
    CHECK(figures["peak"]["gbytes_per_second"].get<double>() > 0.1);
    CHECK(figures["memory"]["packed"].get<std::int64_t>() >= 64 * 64 * 4);
}

TEST_CASE("bench prints a table, and refuses sizes that the kernel has not") {
    const Folder folder;
    folder.write("tiny.coulter", tiny_kernel);
    const Ran ran = folder.coulter({"bench", "tiny.coulter", "--seconds", "0.05", "--samples", "3", "--threads", "1"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    for (const char* const word : {"kernel", "i=32,j=48,k=16", "GFLOP/s", "GB/s", "scratch"}) {
        CAPTURE(word);
        CHECK(ran.out.find(word) != std::string::npos);
    }
    CHECK(folder.coulter({"bench", "tiny.coulter", "--sizes", "q=1"}).code == 2);
    CHECK(folder.coulter({"bench", "nowhere.coulter"}).code == 4);
}
