// Default schedules for devices: what becomes a launch, what is computed inside of one, and how the loops are shared
// out.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/defaults.hpp"
#include "coulter/schedule/memory_order.hpp"
#include "coulter/text.hpp"
#include "rewrite_kernels.hpp"
#include "support/golden.hpp"
#include "support/patterns.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

using Sizes = std::map<std::string, std::int64_t>;

DefaultOptions for_device(Device device = Device::opencl, const Sizes& sizes = {}) {
    DefaultOptions options;
    options.device = device;
    options.sizes = sizes;
    return options;
}

std::string target_of(Device device) {
    return device == Device::cuda ? "host-cuda" : "host-opencl";
}

/// The default schedule of a kernel, and its plan as the checker makes it of the text.
struct Scheduled {
    std::string text;
    Plan plan;

    [[nodiscard]] bool has(const std::string& part) const {
        const bool found = text.find(part) != std::string::npos;
        if (!found) {
            MESSAGE(text);
        }
        return found;
    }

    [[nodiscard]] const StagePlan& stage(const std::string& name) const {
        const auto at = std::find_if(plan.stages.begin(), plan.stages.end(),
                                     [&](const StagePlan& each) { return each.name == name; });
        REQUIRE(at != plan.stages.end());
        return *at;
    }

    [[nodiscard]] static bool has_loops(const StagePlan& stage, LoopStep::Kind kind) {
        return std::any_of(stage.main.loops.begin(), stage.main.loops.end(),
                           [&](const Loop& loop) { return loop.kind == kind; });
    }

    /// Kernels that a call launches, initialisations of reductions included.
    [[nodiscard]] int launches() const {
        int count = 0;
        for (const StagePlan& each : plan.stages) {
            count += !each.inlined && has_loops(each, LoopStep::Kind::gpu_block) ? (each.init ? 2 : 1) : 0;
        }
        return count;
    }

    /// Threads of a block.
    [[nodiscard]] std::int64_t threads(const std::string& name) const {
        std::int64_t count = 1;
        for (const Loop& loop : stage(name).main.loops) {
            count *= loop.kind == LoopStep::Kind::gpu_thread ? loop.extent.value_or(0) : 1;
        }
        return count;
    }

    /// The innermost loop over threads.
    [[nodiscard]] std::string neighbours(const std::string& name) const {
        std::string found;
        for (const Loop& loop : stage(name).main.loops) {
            found = loop.kind == LoopStep::Kind::gpu_thread ? loop.name : found;
        }
        return found;
    }
};

Scheduled scheduled(const ir::Kernel& kernel, const DefaultOptions& options = for_device()) {
    Scheduled result;
    result.text = default_schedule(kernel, {}, options);
    const std::string file = "schedule " + kernel.name + "\n" + result.text;
    CheckOptions check_options;
    check_options.target = target_of(options.device);
    CheckResult checked = check_texts(kernel, {{"k.sched", file}}, check_options);
    const std::string refused = checked.ok() ? std::string() : render(checked.diagnostics, {{"k.sched", file}}) + file;
    CHECK(refused == "");
    REQUIRE(checked.ok());
    result.plan = std::move(*checked.plan);
    return result;
}

Scheduled scheduled(const std::string& text, const DefaultOptions& options = for_device()) {
    const ParseResult parsed = parse("coulter 1\nkernel k\n\n" + text, "k.coulter");
    REQUIRE(parsed.kernel);
    return scheduled(*parsed.kernel, options);
}

/// What the checker says to the default schedule, as a file.
std::string refusal(const ir::Kernel& kernel, const DefaultOptions& options) {
    const std::string text = "schedule " + kernel.name + "\n" + default_schedule(kernel, {}, options);
    CheckOptions check_options;
    check_options.target = target_of(options.device);
    const CheckResult result = check_texts(kernel, {{"default.sched", text}}, check_options);
    return result.ok() ? std::string() : render(result.diagnostics, {{"default.sched", text}}) + text;
}

const std::string rows = R"(dim row
dim col

input x: f32[row, col]

)";

} // namespace

TEST_CASE("a softmax and a layer norm are one launch, a block for each row") {
    for (const char* const name : {"softmax", "layer_norm"}) {
        const Scheduled schedule = scheduled(table_kernel(name).kernel, for_device(Device::opencl, {{"col", 1024}}));
        CHECK(schedule.launches() == 1);
        CHECK(schedule.has("gpu_blocks row "));
        CHECK(schedule.neighbours("y") == "col.thread");
        CHECK(schedule.threads("y") == 64);
    }
    const Scheduled softmax = scheduled(table_kernel("softmax").kernel, for_device(Device::opencl, {{"col", 1024}}));
    CHECK(softmax.stage("y.softmax.max").compute.loop == "row");
    CHECK(softmax.stage("y.softmax.max.part").compute.loop == "row");
    CHECK(softmax.threads("y.softmax.max.part") == 64);
    CHECK(softmax.stage("y.softmax.exp").inlined);
}

TEST_CASE("a thread has a row where neighbouring rows lie side by side, or where rows are short") {
    const std::string normed =
        "total: f32[row] =\n    sum {col} x\n\ny: f32[row, col] =\n    x / total\n\noutput y\n\n";
    const Scheduled shorter = scheduled(rows + normed + "estimate row = 100000, col = 6\n");
    CHECK(shorter.launches() == 1);
    CHECK(shorter.neighbours("y") == "row.thread");
    CHECK(shorter.stage("total").compute.loop == "row.thread");
    CHECK(shorter.stage("total").memory == Memory::registers);
    const Scheduled turned =
        scheduled("dim row\ndim col\n\ninput x: f32[col, row]\n\ntotal: f32[row] =\n    sum {col} "
                  "x\n\ny: f32[col, row] =\n    x / total\n\noutput y\n\nestimate row = 100000, col = 500\n");
    CHECK(turned.launches() == 1);
    CHECK(turned.neighbours("y") == "row.thread");
    // The other way round, a block has a row.
    const Scheduled longer = scheduled(rows + normed + "estimate row = 1000, col = 5000\n");
    CHECK(longer.neighbours("y") == "col.thread");
    CHECK(longer.stage("total").compute.loop == "row");
}

TEST_CASE("a dim of one index in a thread's row takes no place among the threads") {
    // The checker, which scheduled() asks, allows three loops of threads.
    const Scheduled four =
        scheduled("dim a\ndim b\ndim c\ndim u = 1\ndim k\n\ninput x: f32[a, b, c, k]\ninput w: f32[a, b, "
                  "c, u]\n\ntotal: f32[a, b, c] =\n    sum {k} x\n\ny: f32[a, b, c, u] =\n    w / "
                  "total\n\noutput y\n\nestimate a = 4096, b = 4, c = 4, k = 8\n");
    CHECK(four.launches() == 1);
}

TEST_CASE("a reduction whose order counts is not shared by threads") {
    const Scheduled schedule =
        scheduled(rows + "last: f32[row] =\n    reduce {col} x identity 0.0 combine left.0 * 0.0 + right.0\n\n"
                         "y: f32[row, col] =\n    x - last\n\noutput y\n\nestimate row = 1000, col = 5000\n");
    CHECK(schedule.text.find("rfactor") == std::string::npos);
    CHECK(schedule.launches() == 2);
}

TEST_CASE("the threads of a block share an argmax") {
    const Scheduled schedule =
        scheduled(rows + "best: (i32, f32)[row] =\n    argmax {col} x\n\ny: f32[row, col] =\n    x - "
                         "best.1\n\noutput y\n\nestimate row = 1000, col = 5000\n");
    CHECK(schedule.has("rfactor best: col.i as best.part"));
    CHECK(schedule.launches() == 1);
}

TEST_CASE("the threads of a block share the sums of rows that lie apart") {
    const Scheduled schedule =
        scheduled(rows + "y: f32[row] =\n    sum {col} x\n\noutput y\n\nestimate row = 1000, col = 5000\n");
    CHECK(schedule.launches() == 1);
    CHECK(schedule.threads("y.acc.part") == 64);
    CHECK(schedule.stage("y.acc.part").compute.stage == "y");
    // Sums of columns lie side by side: a thread has one of them.
    const Scheduled columns =
        scheduled(rows + "y: f32[col] =\n    sum {row} x\n\noutput y\n\nestimate row = 5000, col = 100000\n");
    CHECK(columns.text.find("rfactor") == std::string::npos);
    CHECK(columns.neighbours("y") == "col.thread");
}

TEST_CASE("a thread of a matrix product has a tile of sums in registers, and moves vectors") {
    const Scheduled schedule =
        scheduled(table_kernel("matmul").kernel, for_device(Device::opencl, {{"i", 1024}, {"j", 1024}, {"k", 1024}}));
    CHECK(schedule.launches() == 1);
    const StagePlan& sums = schedule.stage("c.acc");
    CHECK(sums.memory == Memory::registers);
    CHECK(sums.compute.loop == "j.thread");
    CHECK(sums.tile == Sizes{{"i", 4}, {"j", 4}});
    CHECK(schedule.has("vectorize j.i "));
    CHECK(schedule.neighbours("c") == "j.thread");
    CHECK(schedule.threads("c") == 256);
    // So few results that tiles would leave most threads without any.
    const Scheduled small =
        scheduled(table_kernel("matmul").kernel, for_device(Device::opencl, {{"i", 64}, {"j", 64}, {"k", 64}}));
    CHECK(small.stage("c.acc").tile == Sizes{{"i", 1}, {"j", 1}});
}

TEST_CASE("a tile has no more values than a thread has registers") {
    const auto results = [](const std::string& type, const std::string& term) {
        std::string kernel = "dim i\ndim j\ndim k\n\n";
        for (const char* const input : {"a: $[i, k]", "b: $[k, j]", "d: $[k]"}) {
            kernel += "input " + std::string(input) + '\n';
        }
        kernel += "\nc: $[i, j] =\n    sum {k} " + term + "\n\noutput c\n\nestimate i = 1024, j = 1024, k = 1024\n";
        const Scheduled schedule = scheduled(replace_matches(kernel, "\\$", type));
        std::int64_t count = 1;
        for (const auto& [dim, size] : schedule.stage("c.acc").tile) {
            count *= size;
        }
        return count;
    };
    CHECK(results("f32", "a * b * d") == 16);
    CHECK(results("f64", "a * b * d") == 8); // a register has 32 bits
    // Where rows may lie beyond the ends, that is kept for each.
    CHECK(results("f32", "padded(a(k = k - 1), 0.0) * padded(b(k = k - 1), 0.0) * d") == 8);
}

TEST_CASE("what has conditions is not moved in vectors") {
    const std::string head = "dim i\ndim j\ndim k\n\ninput a: f32[i, k]\ninput b: f32[k, j]\n\n";
    const std::string sizes = "\n\noutput c\n\nestimate i = 1024, j = 1024, k = 1024\n";
    CHECK(scheduled(head + "c: f32[i, j] =\n    sum {k} a * b" + sizes).has("vectorize"));
    CHECK_FALSE(scheduled(head + "c: f32[i, j] =\n    sum {k where k <= i} a * b" + sizes).text.find("vectorize") !=
                std::string::npos);
    CHECK_FALSE(scheduled(head + "c: f32[i, j] =\n    max {k} a * b" + sizes).text.find("vectorize") !=
                std::string::npos);
}

TEST_CASE("neighbouring threads have what lies side by side") {
    // By what is read and written, and not by the order of the dims.
    const std::string text =
        "dim i\ndim j\n\ninput x: f32[j, i]\ninput z: f32[j, i]\n\ny: f32[j, i] =\n    x * z + x(i = 2)\n\noutput "
        "y\n\nestimate i = 1000, j = 1000\n";
    CHECK(scheduled(text).neighbours("y") == "i.thread");
    const std::string turned =
        "dim i\ndim j\n\ninput x: f32[i, j]\ninput z: f32[i, j]\n\ny: f32[j, i] =\n    x * z + tanh(x)\n\noutput "
        "y\n\nestimate i = 1000, j = 1000\n";
    CHECK(scheduled(turned).neighbours("y") == "j.thread");
}

TEST_CASE("what lies between launches is laid out for them") {
    const Scheduled schedule = scheduled(R"(dim n
dim out
dim row = 4
dim in

input x: f32[n, in, row]
input w: f32[in, out]

pose: f32[n, out, row] =
    sum {in} x * w

length: f32[n, out] =
    sum {row} pose * pose

y: f32[n, out] =
    sum {row} pose(out = 3) / length

output y

estimate n = 4096, out = 64, in = 64
)");
    const ir::Definition& pose = *schedule.plan.kernel.find_definition("pose");
    CHECK(memory_order(schedule.plan.kernel, pose, schedule.stage("pose")) ==
          std::vector<std::string>{"n", "row", "out"});
    CHECK(schedule.neighbours("pose") == "out.thread");
}

TEST_CASE("a block is whole warps, and there are blocks enough") {
    for (const std::int64_t extent : {1, 3, 31, 33, 100, 1000, 100000, 10000000}) {
        const Scheduled schedule = scheduled("dim i\n\ninput x: f32[i]\n\ny: f32[i] =\n    tanh(x)\n\noutput y\n",
                                             for_device(Device::opencl, {{"i", extent}}));
        CAPTURE(extent);
        CHECK(schedule.threads("y") % 32 == 0);
        CHECK(schedule.threads("y") <= 256);
        CHECK(schedule.threads("y") == (extent >= 100000 ? 256 : 32));
    }
    const Scheduled plane = scheduled("dim i\ndim j = 5\ndim k = 3\n\ninput x: f32[i, j, k]\n\ny: f32[i, j, k] =\n    "
                                      "tanh(x)\n\noutput y\n\nestimate i = 100000\n");
    CHECK(plane.threads("y") == 256);
}

TEST_CASE("constant extents alone leave loops for blocks") {
    for (const char* const shape :
         {"dim i = 32\ndim j = 4\n", "dim i = 4\ndim j = 4\n", "dim i = 1\ndim j = 1\n", "dim i = 64\ndim j = 256\n"}) {
        CAPTURE(shape);
        const Scheduled map =
            scheduled(std::string(shape) + "\ninput x: f32[i, j]\n\ny: f32[i, j] =\n    tanh(x)\n\noutput y\n");
        CHECK(map.launches() == 1);
        const Scheduled sum =
            scheduled(std::string(shape) + "dim k\n\ninput x: f32[i, k]\ninput w: f32[k, j]\n\ny: f32[i, j] "
                                           "=\n    sum {k} x * w\n\noutput y\n\nestimate k = 1000\n");
        CHECK(sum.launches() == 1);
    }
}

TEST_CASE("at most three loops over blocks, fused of two at most") {
    std::string dims;
    std::string list;
    for (const char* const dim : {"a", "b", "c", "d", "e", "f", "g", "h"}) {
        dims += std::string("dim ") + dim + "\n";
        list += (list.empty() ? "" : ", ") + std::string(dim);
        const Scheduled schedule =
            scheduled(dims + "\ninput x: f32[" + list + "]\n\ny: f32[" + list + "] =\n    x * x\n\noutput y\n",
                      for_device(Device::opencl,
                                 {{"a", 9}, {"b", 9}, {"c", 9}, {"d", 9}, {"e", 9}, {"f", 9}, {"g", 9}, {"h", 9}}));
        int blocks = 0;
        for (const Loop& loop : schedule.stage("y").main.loops) {
            blocks += loop.kind == LoopStep::Kind::gpu_block ? 1 : 0;
        }
        CHECK(blocks == std::min<int>(3, static_cast<int>(std::count(dims.begin(), dims.end(), '\n'))));
    }
}

TEST_CASE("the processor keeps what a device cannot compute, and says why") {
    const Scheduled scan =
        scheduled("dim i\n\ninput x: f32[i]\n\nrun: f32[i] =\n    scan {i} x\n    identity 0.0\n    combine left.0 + "
                  "right.0\n\ny: f32[i] =\n    run * x\n\noutput y\n\nestimate i = 100000\n");
    CHECK(
        scan.has("compute root                                             # by the processor: a scan runs in order"));
    CHECK(scan.launches() == 1);
    const std::string narrow =
        "dim i\n\ninput x: bf16[i]\n\ny: f32[i] =\n    f32(x)\n\noutput y\n\nestimate i = 100000\n";
    CHECK(scheduled(narrow).has("# by the processor: computes with a type that devices lack"));
    CHECK(scheduled(narrow).launches() == 0);
    const std::string half = "dim i\n\ninput x: f16[i]\n\ny: f32[i] =\n    f32(x)\n\noutput y\n\nestimate i = 100000\n";
    CHECK(scheduled(half).launches() == 0);
    CHECK(scheduled(half, for_device(Device::cuda)).launches() == 1);
    const Scheduled value =
        scheduled("dim i\n\ninput x: f32[i]\n\nbest: (i32, f32) =\n    argmax {i} x\n\nc: f32 =\n    "
                  "best.1\n\noutput c\n");
    CHECK(value.launches() == 0);
}

TEST_CASE("a large sum of everything is begun by the device") {
    const std::string text = "dim i\n\ninput x: f32[i]\n\ny: f32 =\n    sum {i} x\n\noutput y\n\n";
    const Scheduled large = scheduled(text + "estimate i = 1000000\n");
    CHECK(large.has("rfactor y: i.i as y.part"));
    CHECK(large.threads("y.part") == 64);
    CHECK(scheduled(text + "estimate i = 100\n").launches() == 0);
}

TEST_CASE("what several launches read, or other elements of, is a launch of its own") {
    const Scheduled shifted =
        scheduled("dim i\ndim k\n\ninput x: f32[i, k]\n\na: f32[i] =\n    sum {k} x\n\ny: f32[i] =\n    "
                  "padded(a(i = i + 1), 0.0) - a\n\noutput y\n\nestimate i = 100000, k = 10\n");
    CHECK(shifted.launches() == 2);
    const Scheduled twice =
        scheduled("dim i\ndim k\n\ninput x: f32[i, k]\n\na: f32[i] =\n    sum {k} x\n\ny: f32[i] =\n    a + "
                  "1.0\n\nz: f32[i] =\n    a * 2.0\n\noutput y\noutput z\n\nestimate i = 100000, k = 10\n");
    CHECK(twice.launches() == 3);
    const Scheduled once =
        scheduled("dim i\ndim k\n\ninput x: f32[i, k]\n\na: f32[i] =\n    sum {k} x\n\ny: f32[i] =\n    a + "
                  "1.0\n\noutput y\n\nestimate i = 100000, k = 10\n");
    CHECK(once.launches() == 1);
}

TEST_CASE("what a thread keeps of a producer fits its registers") {
    for (const int extent : {8, 64}) {
        CAPTURE(extent);
        const Scheduled schedule =
            scheduled("dim i\ndim k = " + std::to_string(extent) +
                      "\ndim m\n\ninput x: f32[i, k, m]\n\na: f32[i, k] =\n    sum {m} x\n\ny: f32[i] "
                      "=\n    max {k} a\n\noutput y\n\nestimate i = 100000, m = 8\n");
        CHECK(schedule.launches() == (extent == 8 ? 1 : 2));
    }
}

TEST_CASE("the rows of a block fit its shared memory") {
    for (const int count : {20, 140}) {
        CAPTURE(count);
        std::string text = "dim row\ndim col\n\ninput x: f32[row, col]\n\n";
        std::string all;
        for (int i = 0; i < count; ++i) {
            const std::string name = "s" + std::to_string(i);
            text += name + ": f32[row] =\n    sum {col} x * " + std::to_string(i) + ".0\n\n";
            all += (i == 0 ? "" : " + ") + name;
        }
        const Scheduled schedule =
            scheduled(text + "y: f32[row] =\n    " + all + "\n\noutput y\n\nestimate row = 10000, col = 2000\n");
        CHECK((schedule.launches() == 1) == (count == 20));
    }
}

TEST_CASE("a condition without a reduced index keeps a reduction out of launches") {
    const std::string head =
        "dim i\ndim j\ndim k\n\ninput a: f32[i, k]\ninput b: f32[k, j]\n\ns: f32[i, j] =\n    sum {k where ";
    const std::string rest =
        "} a * b\n\nc: f32[i, j] =\n    tanh(s)\n\noutput c\n\nestimate i = 1024, j = 1024, k = 1024\n";
    for (const std::string where :
         {"i < 3", "k < i && j == 2", "extent(k) == 5", "2 * k <= -3 || i == 0", "!(k < 2 && j == 1)"}) {
        CAPTURE(where);
        const Scheduled schedule = scheduled(head + where + rest);
        CHECK(schedule.text.find("accumulate") == std::string::npos);
        CHECK(schedule.launches() == 3);
        // The sums of an output have memory of their own first.
        const Scheduled output = scheduled(head + where + "} a * b\n\noutput s\n");
        CHECK(output.stage("s.acc").compute.is_root());
        CHECK(output.launches() == 3);
    }
    for (const std::string where : {"k < i", "k < i && j + k == 2", "k < i || k == j"}) {
        CAPTURE(where);
        const Scheduled schedule = scheduled(head + where + rest);
        CHECK(schedule.stage("s").compute.stage == "c");
        CHECK(schedule.launches() == 1);
        const Scheduled output = scheduled(head + where + "} a * b\n\noutput s\n");
        CHECK(output.stage("s.acc").compute.stage == "s");
        CHECK(output.launches() == 1);
    }
}

TEST_CASE("loops over tiles are not fused, and none is fused twice") {
    const Scheduled schedule =
        scheduled("dim a\ndim b\ndim i\ndim j\ndim k\n\ninput x: f32[a, b, i, k]\ninput w: f32[a, b, k, "
                  "j]\n\nc: f32[a, b, i, j] =\n    sum {k} x * w\n\noutput c\n\nestimate a = 8, b = 8, i = "
                  "256, j = 256, k = 256\n");
    CHECK(schedule.has("split i.tile by "));
    CHECK(schedule.has("split j.tile by "));
    CHECK(schedule.has("fuse b a as a.b "));
    CHECK(schedule.stage("c.acc").memory == Memory::registers);
    const Scheduled plain =
        scheduled("dim a\ndim b\ndim c\ndim d\ndim e\ndim f\n\ninput x: f32[a, b, c, d, e, f]\n\ny: f32[a, b, "
                  "c, d, e, f] =\n    x * x\n\noutput y\n\nestimate a = 9, b = 9, c = 9, d = 9, e = 9, f = 900\n");
    CHECK(has_match(plain.text, "fuse [a-z.]+ [a-z.]+ as "));
    CHECK_FALSE(has_match(plain.text, "fuse [^#]*[a-e]\\.[a-e] [^#]*as "));
}

TEST_CASE("under numerics exact all is left to the processor, as without a device") {
    const ir::Kernel kernel = table_kernel("matmul").kernel;
    DefaultOptions options = for_device();
    options.numerics = Numerics::exact;
    DefaultOptions without = options;
    without.device = Device::none;
    CHECK(default_schedule(kernel, {}, options) ==
          "# all by the processor: the arithmetic of a device is not exact\n" + default_schedule(kernel, {}, without));
}

TEST_CASE("stages at hand stay as they are, on a device too") {
    const ir::Kernel kernel = table_kernel("softmax").kernel;
    const std::string all = default_schedule(kernel, {"y.softmax.max"}, for_device());
    CHECK(all.find("y.softmax.max") == std::string::npos);
    CHECK(all.find("gpu_blocks") != std::string::npos);
    CHECK(default_schedule(table_kernel("conv_capsules").kernel, {"votes"}, for_device()).empty());
}

TEST_CASE("the target decides whether stages without a schedule run on a device") {
    const ir::Kernel kernel = table_kernel("matmul").kernel;
    for (const auto& [target, wanted] :
         std::map<std::string, bool>{{"host", false}, {"host-opencl", true}, {"host-cuda", true}}) {
        CheckOptions options;
        options.target = target;
        const CheckResult checked = check(kernel, {}, options);
        REQUIRE(checked.ok());
        CHECK((checked.plan->completion_text.find("gpu_blocks") != std::string::npos) == wanted);
    }
}

TEST_CASE("whole default schedules for a device, with their reasons") {
    for (const char* kernel : {"conv_capsules", "matmul", "softmax", "layer_norm", "masked"}) {
        const std::string text = default_schedule(table_kernel(kernel).kernel, {}, for_device());
        CHECK(golden_difference(std::string("schedule/default_device_") + kernel, text) == "");
    }
}

TEST_CASE("default schedules for devices are accepted, for all kernels and sizes") {
    for (const TableKernel& entry : table_kernels()) {
        CAPTURE(entry.kernel.name);
        for (const Device device : {Device::opencl, Device::cuda}) {
            CHECK(refusal(entry.kernel, for_device(device)) == "");
        }
    }
    const Sizes sizes[] = {{},
                           {{"i", 1000}, {"j", 500}, {"k", 64}},
                           {{"i", 4000}, {"j", 3}, {"k", 300}},
                           {{"i", 20}, {"j", 100000}, {"k", 30}}};
    for (std::uint64_t seed = first_seed(); seed < first_seed() + mutations(300); ++seed) {
        CAPTURE(seed);
        RandomKernelOptions options;
        options.wild = seed % 3 == 0;
        options.stages = 4 + static_cast<int>(seed % 8);
        const ir::Kernel kernel = random_kernel(seed, options);
        for (const Sizes& each : sizes) {
            CHECK(refusal(kernel, for_device(seed % 2 == 0 ? Device::opencl : Device::cuda, each)) == "");
        }
    }
}
