// Default schedules are legal for every kernel, and have the shape that makes them fast.

#include "coulter/schedule/check.hpp"
#include "coulter/schedule/defaults.hpp"
#include "rewrite_kernels.hpp"
#include "rewrite_run.hpp"
#include "support/golden.hpp"
#include "support/random_kernel.hpp"
#include "support/random_schedule.hpp"
#include "support/run_options.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::schedule;
using namespace coulter::test;

namespace {

DefaultOptions avx2(Numerics numerics = Numerics::reassociate) {
    DefaultOptions options;
    options.numerics = numerics;
    return options;
}

DefaultOptions avx512(Numerics numerics = Numerics::reassociate) {
    DefaultOptions options = avx2(numerics);
    options.vector_bytes = 64;
    options.vector_registers = 32;
    return options;
}

/// What the checker says to the default schedule of all stages, as a file.
std::string refusal(const ir::Kernel& kernel, const DefaultOptions& options) {
    const std::string text = "schedule " + kernel.name + "\nnumerics " + std::string(name(options.numerics)) + "\n" +
                             default_schedule(kernel, {}, options);
    CheckOptions check_options;
    check_options.complete = true;
    const CheckResult result = check_texts(kernel, {{"default.sched", text}}, check_options);
    return result.ok() ? std::string() : render(result.diagnostics, {{"default.sched", text}}) + text;
}

/// Typical extents, and inputs of them.
Arrays inputs_of(const ir::Kernel& kernel, std::uint64_t seed) {
    return random_inputs(kernel, Extents(kernel.estimates.begin(), kernel.estimates.end()), seed);
}

/// The first difference between what two kernels compute.
std::string change(const ir::Kernel& before, const ir::Kernel& after, const Arrays& inputs) {
    InterpretOptions options;
    options.in_double = true;
    return difference(interpret(before, inputs, {}, options), interpret(after, inputs, {}, options), 1e-9);
}

bool contains(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("the default schedule of every table kernel is accepted") {
    for (const TableKernel& entry : table_kernels()) {
        CAPTURE(entry.kernel.name);
        for (const Numerics numerics : {Numerics::exact, Numerics::reassociate, Numerics::fast}) {
            CHECK(refusal(entry.kernel, avx2(numerics)) == "");
            CHECK(refusal(entry.kernel, avx512(numerics)) == "");
        }
    }
}

TEST_CASE("the default schedule of random kernels is accepted") {
    for (std::uint64_t seed = first_seed(); seed < first_seed() + 300; ++seed) {
        CAPTURE(seed);
        RandomKernelOptions options;
        options.wild = seed % 3 == 0;
        const ir::Kernel kernel = random_kernel(seed, options);
        CHECK(refusal(kernel, avx2(Numerics::exact)) == "");
        CHECK(refusal(kernel, avx512(Numerics::reassociate)) == "");
    }
}

TEST_CASE("the default schedule keeps the results of random kernels") {
    for (std::uint64_t seed = first_seed() + 1000; seed < first_seed() + 1100; ++seed) {
        CAPTURE(seed);
        const ir::Kernel kernel = random_kernel(seed);
        const CheckResult result = check(kernel, {});
        REQUIRE(result.ok());
        CHECK(change(kernel, result.plan->kernel, inputs_of(kernel, seed)) == "");
    }
}

TEST_CASE("stages at hand stay as they are") {
    const ir::Kernel kernel = table_kernel("conv_capsules").kernel;
    CHECK(default_schedule(kernel, {"votes"}).empty());
    CHECK_FALSE(default_schedule(kernel, {}).empty());
}

TEST_CASE("default schedules are the same each time") {
    const ir::Kernel kernel = table_kernel("softmax").kernel;
    CHECK(default_schedule(kernel, {}) == default_schedule(kernel, {}));
}

TEST_CASE("a capsule convolution keeps its sums in registers, over a packed weight") {
    const std::string text = default_schedule(table_kernel("conv_capsules").kernel, {}, avx512());
    CHECK(contains(text, "stage weight.packed = pack weight by out 16 once"));
    CHECK(contains(text, "stage votes.acc = accumulate votes"));
    CHECK(contains(text, "store in registers"));
    CHECK(contains(text, "unroll out.o col row"));
    CHECK(contains(text, "parallel batch"));
}

TEST_CASE("whole default schedules, with their reasons") {
    for (const char* kernel : {"conv_capsules", "matmul", "softmax", "layer_norm", "masked"}) {
        const std::string text = default_schedule(table_kernel(kernel).kernel, {}, avx512());
        CHECK(golden_difference(std::string("schedule/default_") + kernel, text) == "");
    }
}

TEST_CASE("what is not frozen is not packed") {
    ir::Kernel kernel = table_kernel("conv_capsules").kernel;
    kernel.inputs[1].frozen = false;
    CHECK_FALSE(contains(default_schedule(kernel, {}, avx512()), "pack"));
}

TEST_CASE("bias and relu finish a convolution's register tile") {
    const std::string text = default_schedule(table_kernel("conv2d").kernel, {}, avx512());
    CHECK_FALSE(contains(text, "accumulate"));
    CHECK(contains(text, "stage sums {\n  compute at result/"));
}

TEST_CASE("the rows of a softmax stay in the cache, their sums in lanes") {
    const std::string text = default_schedule(table_kernel("softmax").kernel, {}, avx512());
    CHECK(contains(text, "stage y.softmax.exp {\n  compute at y/row"));
    CHECK(contains(text, "stage y.softmax.max {\n  compute at y/row"));
    CHECK(contains(text, "split col by 64"));
    CHECK(contains(text, "a partial result in each lane"));
    const std::string exact = default_schedule(table_kernel("layer_norm").kernel, {}, avx512(Numerics::exact));
    CHECK_FALSE(contains(exact, "a partial result in each lane"));
}

TEST_CASE("loops too short for threads stay serial") {
    ir::Kernel kernel = table_kernel("matmul").kernel;
    CHECK(contains(default_schedule(kernel, {}), "parallel"));
    kernel.estimates = {{"i", 8}, {"j", 8}, {"k", 8}};
    CHECK_FALSE(contains(default_schedule(kernel, {}), "parallel"));
    DefaultOptions options;
    options.sizes = {{"i", 1024}, {"j", 1024}, {"k", 1024}};
    CHECK(contains(default_schedule(kernel, {}, options), "parallel"));
}

TEST_CASE("random schedules parse, repeat, keep the kernel's results, and are accepted often enough") {
    int accepted = 0;
    constexpr int total = 400;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + total; ++seed) {
        RandomKernelOptions kernel_options;
        kernel_options.stages = 4;
        const ir::Kernel kernel = random_kernel(seed / 2, kernel_options);
        RandomScheduleOptions options;
        options.numerics = seed % 5 == 0 ? Numerics::exact : Numerics::reassociate;
        const std::string text = random_schedule(kernel, seed, options);
        CAPTURE(text);
        CHECK(parse_schedule(text, "random.sched").ok());
        CHECK(random_schedule(kernel, seed, options) == text);
        const CheckResult result = check_texts(kernel, {{"random.sched", text}});
        if (result.ok()) {
            ++accepted;
            CHECK(problems(result.plan->kernel) == "");
            CHECK(change(kernel, result.plan->kernel, inputs_of(kernel, seed)) == "");
        }
        for (const Diagnostic& diagnostic : result.diagnostics) {
            CAPTURE(diagnostic.message);
            CHECK(diagnostic.span.file == "random.sched"); // the stages left to the default schedule are legal
        }
    }
    MESSAGE("accepted " << accepted << " of " << total);
    CHECK(accepted * 10 >= total * 4);
}

TEST_CASE("random schedules in other words parse, print as they parse, and are accepted often enough") {
    int accepted = 0;
    int variants = 0;
    constexpr int total = 400;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + total; ++seed) {
        RandomKernelOptions kernel_options;
        kernel_options.stages = 4;
        const ir::Kernel kernel = random_kernel(seed / 2, kernel_options);
        const std::string text = modular_schedule(kernel, random_schedule(kernel, seed), seed);
        CAPTURE(text);
        const SyntaxResult parsed = parse_schedule(text, "random.sched");
        REQUIRE(parsed.ok());
        CHECK(format(parsed.file) == text);
        const CheckResult result = check_texts(kernel, {{"random.sched", text}});
        if (!result.ok()) {
            continue;
        }
        ++accepted;
        variants += static_cast<int>(result.variants.size());
        CHECK(change(kernel, result.plan->kernel, inputs_of(kernel, seed)) == "");
        for (const Variant& each : result.variants) {
            CHECK(change(kernel, each.plan.kernel, inputs_of(kernel, seed)) == "");
        }
        // What is in force says the same without macros, layers and wildcards.
        const CheckResult again = check_texts(kernel, {{"again.sched", result.plan->schedule_text}});
        CAPTURE(result.plan->schedule_text);
        REQUIRE(again.ok());
        CHECK(loops_text(*again.plan) == loops_text(*result.plan));
    }
    MESSAGE("accepted " << accepted << " of " << total << ", with " << variants << " variants");
    CHECK(accepted * 10 >= total * 3);
    CHECK(variants > 10);
}

TEST_CASE("careless random schedules are refused as well as accepted") {
    int accepted = 0;
    for (std::uint64_t seed = first_seed(); seed < first_seed() + 100; ++seed) {
        RandomScheduleOptions options;
        options.careless = 3;
        const ir::Kernel kernel = table_kernel("conv_capsules").kernel;
        accepted += check_texts(kernel, {{"random.sched", random_schedule(kernel, seed, options)}}).ok() ? 1 : 0;
    }
    CHECK(accepted > 0);
    CHECK(accepted < 100);
}

TEST_CASE("the reducer keeps what fails and drops the rest") {
    const std::string text =
        "schedule k\nstage a { split i by 4; vectorize i.i; parallel i.o }\nstage b { unroll j }\n";
    const auto fails = [](const std::string& candidate) { return contains(candidate, "split i by 4"); };
    CHECK(reduce_schedule(text, fails) == "schedule k\nstage a { split i by 4 }\n");
}
