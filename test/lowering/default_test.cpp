// The default schedule: model kernels, kernels of every type, random kernels.

#include "cases.hpp"
#include "forked.hpp"
#include "models/kernels.hpp"
#include "models/library.hpp"
#include "schedule/rewrite_kernels.hpp"
#include "support/random_kernel.hpp"
#include "support/run_options.hpp"

#include <algorithm>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

/// Maps and reductions of one type; `logic` of comparisons.
SizedKernel typed(Type type) {
    using ir::Op;
    using ir::ReduceOp;
    KernelBuilder b("typed_" + std::string(name(type)));
    b.dim("i").dim("j").input("x", type, {"i", "j"}).input("y", type, {"j"});
    const ir::Ref x = b.read("x");
    const ir::Ref y = b.read("y");
    std::vector<std::string> outputs;
    const auto reduced = [&](const std::string& tensor, ReduceOp op, const ir::Ref& value) {
        b.reduce(tensor, {"i"}, op, {"j"}, {value});
        outputs.push_back(tensor);
    };
    if (type == Type::boolean) {
        b.map("mixed", {"i", "j"}, {ir::binary(Op::bit_xor, x, ir::binary(Op::logical_and, x, y))});
    } else {
        b.map("mixed", {"i", "j"}, {x * y + x});
        reduced("total", ReduceOp::sum, x * y);
        reduced("product", ReduceOp::product,
                ir::binary(Op::min, x, ir::cast(type, ir::integer_constant(Type::i8, 1))));
    }
    outputs.emplace_back("mixed");
    if (type != Type::boolean) {
        reduced("least", ReduceOp::min, x);
        reduced("most", ReduceOp::max, x);
    }
    reduced("some", ReduceOp::any, ir::binary(Op::ne, x, y));
    reduced("every", ReduceOp::all, ir::binary(Op::eq, x, y));
    if (type != Type::boolean) {
        b.reduce("best", {"i"}, ReduceOp::argmax, {"j"}, {x});
        b.map("best_index", {"i"}, {b.read("best", {}, 0)}).map("best_value", {"i"}, {b.read("best", {}, 1)});
        outputs.insert(outputs.end(), {"best_index", "best_value"});
    }
    return {b.outputs(outputs), {"i", "j"}};
}

Case random_case(std::uint64_t seed, bool ordered = true, bool grids = false) {
    Case test = make_case(random_sized_kernel(seed, 3 + static_cast<int>(seed % 5), ordered, grids), seed);
    test.target = seed % 3 == 0 ? "x86-64-sse41" : "host";
    test.threads = seed % 2 == 0 ? 2 : 16;
    return test;
}

void expect_passed(const std::vector<Case>& cases) {
    const Summary summary = run_cases(cases);
    MESSAGE(cases.size() << " cases, " << summary.seconds << " s of processor time");
    CHECK(summary.failures == "");
    CHECK((summary.passed == cases.size() || std::getenv("COULTER_CASE") != nullptr));
}

} // namespace

TEST_CASE("model kernels under their default schedules give the interpreter's results") {
    std::vector<Case> cases;
    for (const KernelFactory& factory : models::kernels()) {
        const SizedKernel kernel = sized_by_inputs(factory.make(Params{}).ir());
        for (const std::uint64_t seed : {1, 2, 3}) {
            Case test = make_case(kernel, seed, factory.name == "digits_cnn" ? 1500000 : 20000);
            test.target = seed == 2 ? "x86-64-sse41" : "host";
            test.threads = seed == 1 ? 2 : 16;
            test.special = seed == 3 && factory.name != "digits_cnn";
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

// Estimated, the image is large enough for rows that are copied with their padding, and kept for the next ones.
TEST_CASE("windows that slide over what is kept of their rows read what they ask for") {
    const std::vector<KernelFactory>& all = models::library();
    const auto factory =
        std::find_if(all.begin(), all.end(), [](const KernelFactory& each) { return each.name == "depthwise_conv3d"; });
    REQUIRE(factory != all.end());
    std::vector<Case> cases;
    for (const std::uint64_t seed : {1, 2, 3, 4, 5, 6}) {
        Case test = make_case(sized_by_inputs(factory->make(Params{}).ir()), seed, 200000);
        test.threads = 2;
        test.special = seed % 2 == 0;
        cases.push_back(std::move(test));
    }
    expect_passed(cases);
}

TEST_CASE("kernels of every type under their default schedules give the interpreter's results") {
    std::vector<Case> cases;
    for (const Type type : {Type::f64, Type::f32, Type::f16, Type::bf16, Type::i8, Type::i16, Type::i32, Type::i64,
                            Type::u8, Type::u16, Type::u32, Type::u64, Type::boolean}) {
        for (const std::uint64_t seed : {1, 2}) {
            Case test = make_case(typed(type), seed);
            test.special = seed == 2;
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

TEST_CASE("random kernels under their default schedules give the interpreter's results") {
    std::vector<Case> cases;
    const std::uint64_t first = first_seed();
    for (std::uint64_t seed = first; seed < first + (is_long_run() ? 1000U : 100U); ++seed) {
        cases.push_back(random_case(seed));
    }
    expect_passed(cases);
}

TEST_CASE("random kernels with 16-bit floats under their default schedules give the interpreter's results") {
    std::vector<Case> cases;
    RandomKernelOptions options;
    options.halves = true;
    for (std::uint64_t seed = 1; seed <= (is_long_run() ? 500U : 12U); ++seed) {
        options.stages = 3 + static_cast<int>(seed % 3);
        Case test = make_case({random_kernel(seed, options), {"i", "j", "k"}}, seed);
        test.threads = 2;
        cases.push_back(std::move(test));
    }
    expect_passed(cases);
}

TEST_CASE("random kernels with scans over several dims under their default schedules give the interpreter's results") {
    std::vector<Case> cases;
    const std::uint64_t count = is_long_run() ? 1000 : 25;
    for (std::uint64_t seed = first_seed() + 500; cases.size() < count; ++seed) {
        Case test = random_case(seed, true, true);
        if (std::any_of(test.kernel.definitions.begin(), test.kernel.definitions.end(),
                        [](const ir::Definition& each) { return each.scan && !ir::distances(*each.scan).empty(); })) {
            cases.push_back(std::move(test));
        }
    }
    expect_passed(cases);
}

// 206: a pack of a constant. 323: a part of a `where` is about no reduced index once it is simplified, below a split.
// 573: a select over another stage compares an index. 653: as 323, without a split.
TEST_CASE("conditions do not make Halide ask producers for more than a tile") {
    expect_passed({random_case(206, false), random_case(323, false), random_case(573, false), random_case(653, false)});
}
