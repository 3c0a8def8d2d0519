// Under `numerics exact` a schedule changes no bit.

#include "cases.hpp"
#include "forked.hpp"
#include "schedule/rewrite_kernels.hpp"
#include "support/random_schedule.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace coulter;
using namespace coulter::test;
using ir::Op;
using ir::ReduceOp;

namespace {

SizedKernel with_rows(KernelBuilder& b, const std::vector<std::string>& outputs) {
    return {b.outputs(outputs), {"row", "col"}};
}

/// exp, log, tanh and erf of sums, and sums of them.
SizedKernel functions() {
    KernelBuilder b("functions");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"}).input("y", Type::f32, {"col"});
    const ir::Ref x = b.read("x");
    const ir::Ref y = b.read("y");
    b.map("shifted", {"row", "col"}, {x * y + x});
    const ir::Ref shifted = b.read("shifted");
    b.map("curves", {"row", "col"},
          {ir::call(Op::tanh, {shifted}) + ir::call(Op::erf, {x}) * ir::call(Op::sigmoid, {shifted - y})});
    b.reduce("total", {"row"}, ReduceOp::sum, {"col"}, {ir::call(Op::exp, {b.read("curves")}) * y});
    b.map("logs", {"row"}, {ir::call(Op::log, {ir::call(Op::abs, {b.read("total")})})});
    return with_rows(b, {"curves", "logs"});
}

/// Smallest and largest of what holds both zeros, and which one wins shows in the sign of 1 / x.
SizedKernel zeros() {
    KernelBuilder b("zeros");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"});
    const ir::Ref zero = ir::real_constant(Type::f32, 0);
    const ir::Ref signed_zero = b.read("x") * zero;
    b.reduce("least", {"row"}, ReduceOp::min, {"col"}, {signed_zero});
    b.reduce("most", {"row"}, ReduceOp::max, {"col"}, {signed_zero});
    b.map("relu", {"row", "col"}, {ir::binary(Op::max, zero, b.read("x")) + b.read("most") * b.read("least")});
    return with_rows(b, {"least", "most", "relu"});
}

/// Indices of the best of values of which many are equal, zeros of both signs among them, and some left out.
SizedKernel ties() {
    KernelBuilder b("ties");
    b.dim("row").dim("col").input("x", Type::f32, {"row", "col"}).input("n", Type::u8, {"row", "col"});
    const ir::Ref few = ir::call(Op::round, {b.read("x") * ir::real_constant(Type::f32, 0.7)});
    const ir::Ref beyond =
        ir::binary(Op::ne, ir::binary(Op::mod, ir::dim_node("col"), ir::index_constant(5)), ir::index_constant(0));
    b.reduce("least", {"row"}, ReduceOp::argmin, {"col"}, {few});
    b.reduce("most", {"row"}, ReduceOp::argmax, {"col"}, {few}, beyond);
    b.reduce("lowest", {"row"}, ReduceOp::argmin, {"col"}, {b.read("n")});
    // 0 / 0, and infinities of both signs.
    const ir::Ref wild = ir::binary(Op::div, few, ir::binary(Op::mul, few, b.read("x")) * few);
    b.reduce("wild", {"row"}, ReduceOp::argmax, {"col"}, {wild});
    // Rows without any element.
    b.reduce("none", {"row"}, ReduceOp::argmin, {"col"}, {few},
             ir::binary(Op::lt, ir::dim_node("row"), ir::dim_node("col")));
    b.map("at", {"row"}, {b.read("least", {}, 0) + b.read("lowest", {}, 0) * ir::integer_constant(Type::i32, 1000)});
    b.map("most_at", {"row"}, {b.read("most", {}, 0)});
    b.map("wild_at", {"row"}, {b.read("wild", {}, 0) * ir::integer_constant(Type::i32, 1000) + b.read("none", {}, 0)});
    b.map("values", {"row"}, {b.read("least", {}, 1) - b.read("most", {}, 1)});
    return with_rows(b, {"at", "most_at", "wild_at", "values"});
}

} // namespace

TEST_CASE("random schedules under `numerics exact` keep every bit") {
    std::vector<SizedKernel> kernels{functions(), zeros(), ties()};
    for (const SizedKernel& kernel : lowering_kernels()) {
        const std::string& name = kernel.kernel.name;
        if (name == "conv_capsules" || name == "softmax" || name == "layer_norm" || name == "valid_chain" ||
            name == "online_softmax" || name == "matmul_f16") {
            kernels.push_back(kernel);
        }
    }
    REQUIRE(kernels.size() == 9);
    const int each = is_long_run() ? 150 : 6;
    std::vector<Case> cases;
    for (const SizedKernel& kernel : kernels) {
        RandomScheduleOptions options;
        options.numerics = schedule::Numerics::exact;
        const std::uint64_t first = first_seed() + 500;
        std::uint64_t seed = first;
        for (int accepted = 0; accepted < each && seed < first + 60 * static_cast<std::uint64_t>(each); ++seed) {
            Case test = make_case(kernel, seed);
            test.schedule = random_schedule(kernel.kernel, seed, options);
            test.bitwise = true;
            test.special = seed % 3 == 0;
            if (is_accepted(test)) {
                cases.push_back(std::move(test));
                ++accepted;
            }
        }
    }
    CHECK(cases.size() == kernels.size() * static_cast<std::size_t>(each));
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " schedules, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

TEST_CASE("the first of equals wins, in whatever order the elements come") {
    std::vector<Case> cases;
    for (const std::string& loops : std::vector<std::string>{
             "", "split col by 4; reorder col.o col.i", "split col by 4; split col.i by 2; reorder col.o col.i.o",
             "split col by 4; vectorize col.i", "vectorize col by 8", "split col by 3; unroll col.i"}) {
        for (const std::int64_t col : {1, 3, 16, 37}) {
            Case test = make_case(ties(), 7);
            test.extents = {{"row", 5}, {"col", col}};
            test.special = col % 2 == 0;
            test.schedule = "schedule ties\nnumerics exact\n";
            for (const char* const stage : {"least", "most", "lowest", "wild", "none"}) {
                test.schedule += fmt::format("stage {} {{ compute root; {} }}\n", stage, loops);
            }
            test.bitwise = true;
            REQUIRE_MESSAGE(is_accepted(test), test.schedule);
            cases.push_back(std::move(test));
        }
    }
    const Summary summary = run_cases(cases);
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}
