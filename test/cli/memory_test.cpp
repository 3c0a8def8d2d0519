// `show --as memory`, and what it predicts beside what the runtime measures.

#include "run.hpp"

#include "coulter/text.hpp"
#include "models/kernels.hpp"
#include "support/json.hpp"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>
#include <nlohmann/json.hpp>

using namespace coulter::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

void write_model(const Folder& folder, const std::string& name) {
    const auto& all = coulter::models::kernels();
    const auto at = std::ranges::find_if(all, [&](const auto& each) { return each.name == name; });
    REQUIRE(at != all.end());
    coulter::write_kernel(at->make(coulter::Params{}).ir(), folder.path());
    std::filesystem::copy_file(std::filesystem::path(COULTER_TEST_DIR) / "../models/schedules" / (name + ".sched"),
                               folder.path() / (name + ".sched"));
}

/// `memory` of `bench --json`.
nlohmann::json memory_of(const Folder& folder, const std::string& kernel, const std::string& sizes,
                         const std::string& threads = "1") {
    const Ran ran = folder.coulter({"bench", kernel + ".coulter", kernel + ".sched", "--sizes", sizes, "--threads",
                                    threads, "--seconds", "0.01", "--samples", "3", "--json"});
    REQUIRE_MESSAGE(ran.code == 0, ran.err);
    return parse_json(ran.out)["memory"];
}

void check_exact(const nlohmann::json& memory, std::int64_t scratch) {
    CHECK(memory["scratch_predicted"] == scratch);
    CHECK(memory["scratch_peak"] == scratch);
    CHECK(memory["scratch_predicted_is_bound"] == false);
}

/// Blurs along y: each row of `b` is read by three rows of `c`.
const char* const stencil_kernel = R"(coulter 1
kernel stencil

dim y
dim x
dim yy

input image: f32[yy, x]

b: f32[yy, x] =
    image * image

c: f32[y, x] =
    b(yy = y) + b(yy = y + 1) + b(yy = y + 2)

output c

estimate yy = 34, x = 64
)";

} // namespace

TEST_CASE("the predicted heap is the measured one: model kernels") {
    const Folder folder;
    for (const char* const name : {"conv_capsules", "matmul", "conv2d", "softmax"}) {
        write_model(folder, name);
    }
    // Of a vector of output capsules: the variant of conv_capsules.sched that this processor runs.
    const std::int64_t lanes = __builtin_cpu_supports("avx512f") ? 16 : 8;
    SUBCASE("everything in registers, and a pack in the context") {
        const auto memory = memory_of(folder, "conv_capsules", "batch=2,iy=7,ix=9,in=4,out=33");
        check_exact(memory, 0);
        // Whole tiles for 33 capsules; the runtime adds room for the vector that reads past the end.
        const std::int64_t tiles = lanes == 16 ? 3 : 5;
        CHECK(memory["packed_predicted"] == 3 * 3 * 4 * tiles * lanes * 4 * 4 * 4);
        CHECK(memory["packed"].get<std::int64_t>() - memory["packed_predicted"].get<std::int64_t>() == 128);
    }
    SUBCASE("a pack that is wider than its tensor") {
        CHECK(memory_of(folder, "conv_capsules", "batch=1,iy=3,ix=3,in=1,out=5")["packed_predicted"] ==
              3 * 3 * lanes * 4 * 4 * 4);
    }
    SUBCASE("a panel for each task") {
        check_exact(memory_of(folder, "matmul", "i=50,j=200,k=70"), 70 * 64 * 4);
        const auto two = memory_of(folder, "matmul", "i=50,j=200,k=70", "2");
        CHECK(two["scratch_predicted"] == 2 * 70 * 64 * 4);
        CHECK(two["scratch_peak"].get<std::int64_t>() <= 2 * 70 * 64 * 4);
    }
    SUBCASE("a strip with its padding, in whole vectors") {
        check_exact(memory_of(folder, "conv2d", "batch=1,iy=28,ix=28,in=16,out=64"), 9 * 30 * 64 * 4);
    }
    SUBCASE("a row that is stored outside the loop over rows") {
        // In whole vectors of 16.
        check_exact(memory_of(folder, "softmax", "row=70,col=300"), 304 * 4);
    }
}

TEST_CASE("the predicted heap is the measured one: in fused loops of fused loops, one row of what they run over") {
    const Folder folder;
    folder.write("grid.coulter", R"(coulter 1
kernel grid

dim w
dim z
dim y
dim x

input image: i32[w, z, y, x]

f: i32[w, z, y, x] =
    image * 3_i32

g: i32[w, z, y, x] =
    f * f - f

output g

estimate w = 2, z = 3, y = 5, x = 30
)");
    const std::pair<std::string, std::string> nests[] = {
        {"fuse y z as a; fuse a w as b", "b"},
        {"fuse z w as a; fuse y a as b; split b by 4; reorder x b.i b.o", "b.i"}};
    for (const auto& nest : nests) {
        const auto& fuses = nest.first;
        CAPTURE(fuses);
        folder.write("grid.sched", "schedule grid\nstage f { compute at g/" + nest.second +
                                       "; store in heap }\nstage g { " + fuses + " }\n");
        check_exact(memory_of(folder, "grid", "w=2,z=3,y=5,x=30"), 30 * 4);
        check_exact(memory_of(folder, "grid", "w=1,z=7,y=1,x=9"), 9 * 4);
    }
}

TEST_CASE("the predicted heap is the measured one: two levels of tiles") {
    const Folder folder;
    write_model(folder, "matmul");
    folder.write("matmul.sched", R"(schedule matmul
stage c.acc = accumulate c
stage c {
    split j by 64
    split i by 32
    split i.i by 8
    reorder j.i i.i.i i.i.o i.o j.o
    vectorize j.i by 16
}
stage a.panel = copy a for c.acc at c/i.o
stage b.panel = copy b for c.acc at c/j.o
stage c.acc {
    compute at c/i.i.o
    store in heap
    vectorize j by 16
}
)");
    const std::int64_t wanted = 4 * (64 * 90 + 32 * 90 + 8 * 64);
    check_exact(memory_of(folder, "matmul", "i=100,j=150,k=90"), wanted);
    const Ran shown =
        folder.coulter({"show", "matmul.coulter", "matmul.sched", "--as", "memory", "--sizes", "i=100,j=150,k=90"});
    CHECK(shown.code == 0);
    CHECK(contains(shown.out, "b.panel  23040        1  heap, at c/j.o\n"));
    CHECK(contains(shown.out, "c.acc     2048        1  heap, at c/i.i.o\n"));
    CHECK(contains(shown.out, "heap at most " + std::to_string(wanted) + " B, packed 0 B\n"));
}

TEST_CASE("the predicted heap is the measured one: stencils, root, and storage that is folded") {
    const Folder folder;
    folder.write("stencil.coulter", stencil_kernel);
    const auto memory = [&](const std::string& statements) {
        folder.write("stencil.sched", "schedule stencil\n" + statements);
        return memory_of(folder, "stencil", "yy=34,x=100");
    };
    check_exact(memory("stage b { compute root }"), 34 * 100 * 4);
    check_exact(memory("stage c { split y by 8 }\nstage b { compute at c/y.o }"), 10 * 100 * 4);
    check_exact(memory("stage c { split y by 8 }\nstage b { compute at c/y.i }"), 3 * 100 * 4);
    // Three rows at a time, of which two are kept from the iteration before: a ring of four.
    check_exact(memory("stage c { serial y }\nstage b { compute at c/y; store root }"), 4 * 100 * 4);
    check_exact(memory("stage c { split x by 16 }\nstage b { compute at c/x.o; store in stack }"), 0);
}

TEST_CASE("what cannot be followed is a bound, and says so") {
    const Folder folder;
    std::string text = stencil_kernel;
    text.replace(text.find("b(yy = y) + b(yy = y + 1)"), 25, "b(yy = y) + b(yy = 2 * y)");
    folder.write("stencil.coulter", text);
    folder.write("stencil.sched", "schedule stencil\nstage c { split y by 8 }\nstage b { compute at c/y.o }\n");
    const Ran shown = folder.coulter(
        {"show", "stencil.coulter", "stencil.sched", "--as", "memory", "--sizes", "yy=33,x=100", "--threads", "3"});
    CHECK_MESSAGE(shown.code == 0, shown.err);
    CHECK(contains(shown.out, "<= 13200"));
    CHECK(contains(shown.out, "heap at most <= 13200 B"));
    const auto memory = memory_of(folder, "stencil", "yy=33,x=100");
    CHECK(memory["scratch_predicted_is_bound"] == true);
    CHECK(memory["scratch_peak"].get<std::int64_t>() <= 13200);
}

TEST_CASE("threads multiply what is stored inside a parallel loop, as far as it has iterations") {
    const Folder folder;
    folder.write("stencil.coulter", stencil_kernel);
    folder.write("stencil.sched", "schedule stencil\nstage c { split y by 8; parallel y.o }\n"
                                  "stage b { compute at c/y.o }\n");
    const auto peak = [&](const std::string& threads) {
        return folder
            .coulter({"show", "stencil.coulter", "stencil.sched", "--as", "memory", "--sizes", "yy=34,x=100",
                      "--threads", threads})
            .out;
    };
    CHECK(contains(peak("1"), "heap at most 4000 B"));
    CHECK(contains(peak("3"), "b       4000        3  heap, at c/y.o"));
    CHECK(contains(peak("3"), "heap at most 12000 B"));
    CHECK(contains(peak("64"), "heap at most 16000 B"));
}

TEST_CASE("sizes of the memory are those of the kernel") {
    const Folder folder;
    folder.write("stencil.coulter", stencil_kernel);
    CHECK(folder.coulter({"show", "stencil.coulter", "--as", "memory"}).code == 0);
    const Ran unknown = folder.coulter({"show", "stencil.coulter", "--as", "memory", "--sizes", "q=4"});
    CHECK(unknown.code == 2);
    CHECK(contains(unknown.err, "`q`"));
    CHECK(folder.coulter({"show", "stencil.coulter", "--as", "loops", "--sizes", "x=4"}).code == 2);
    CHECK(folder.coulter({"show", "stencil.coulter", "--as", "memory", "--threads", "0"}).code == 2);
    std::string without = stencil_kernel;
    without.replace(without.find(", x = 64"), 8, "");
    folder.write("stencil.coulter", without);
    CHECK(folder.coulter({"show", "stencil.coulter", "--as", "memory"}).code == 2);
}
