// What is emitted agrees with the headers whose numbers it repeats.

#include "coulter/descriptor.h"
#include "coulter/schedule/emit.hpp"

#include <HalideRuntime.h>
#include <doctest/doctest.h>

using namespace coulter;

namespace {

ir::Kernel copy_kernel(const std::string& name, const std::string& input, const std::string& output) {
    ir::Kernel kernel;
    kernel.name = name;
    kernel.dims = {{"n", std::nullopt, nullptr, {}}};
    kernel.inputs = {{input, Type::f32, {"n"}, false, {}}};
    ir::Definition definition;
    definition.name = output;
    definition.dims = {"n"};
    definition.types = {Type::f32};
    ir::Node access;
    access.kind = ir::Kind::access;
    access.type = Type::f32;
    access.name = input;
    definition.values = {ir::make_node(access)};
    kernel.definitions = {definition};
    kernel.outputs = {output};
    return kernel;
}

} // namespace

TEST_CASE("numbers of target features are Halide's") {
    CHECK(schedule::feature_bit("sse41") == halide_target_feature_sse41);
    CHECK(schedule::feature_bit("avx") == halide_target_feature_avx);
    CHECK(schedule::feature_bit("avx2") == halide_target_feature_avx2);
    CHECK(schedule::feature_bit("avxvnni") == halide_target_feature_avxvnni);
    CHECK(schedule::feature_bit("fma") == halide_target_feature_fma);
    CHECK(schedule::feature_bit("f16c") == halide_target_feature_f16c);
    CHECK(schedule::feature_bit("avx512") == halide_target_feature_avx512);
    CHECK(schedule::feature_bit("avx512_skylake") == halide_target_feature_avx512_skylake);
    CHECK(schedule::feature_bit("avx512_cannonlake") == halide_target_feature_avx512_cannonlake);
    CHECK(schedule::feature_bit("avx512_zen4") == halide_target_feature_avx512_zen4);
    CHECK(schedule::feature_bit("avx512_sapphirerapids") == halide_target_feature_avx512_sapphirerapids);
    CHECK(schedule::feature_bit("opencl") == halide_target_feature_opencl);
    CHECK(schedule::feature_bit("cuda") == halide_target_feature_cuda);
    CHECK(schedule::feature_bit("cuda_capability_70") == halide_target_feature_cuda_capability70);
    CHECK(schedule::feature_bit("x86") == -1);
    // Every feature of every target has a number.
    std::vector<std::string> names = schedule::target_names();
    for (const std::string& suffix : schedule::device_suffixes()) {
        names.push_back("x86-64" + suffix);
    }
    for (const std::string& name : names) {
        const std::string features = schedule::find_target(name)->halide.substr(std::string("x86-64-linux").size());
        for (std::size_t at = 0; at < features.size();) {
            const std::size_t end = std::min(features.find('-', at + 1), features.size());
            CAPTURE(features.substr(at + 1, end - at - 1));
            CHECK(schedule::feature_bit(features.substr(at + 1, end - at - 1)) >= 0);
            at = end;
        }
    }
}

TEST_CASE("a plan begins with the ABI that the runtime knows") {
    const ir::Kernel kernel = copy_kernel("copied", "x", "y");
    schedule::Plan plan;
    plan.kernel = kernel;
    const std::string text =
        schedule::plan_data(kernel, plan, {}, {*schedule::find_target("x86-64"), "a \"b\"\n", "1", "2", {}});
    CHECK(text.find("copied__plan:\n    .quad " + std::to_string(COULTER_ABI) + "\n") != std::string::npos);
    CHECK(text.find(".ascii \"a \\\"b\\\"\\012\"") != std::string::npos);
    CHECK(text.find(".note.GNU-stack") != std::string::npos);
}

namespace {

schedule::Variant variant_of(const ir::Kernel& kernel, const std::string& name, ir::Ref extents) {
    schedule::Variant variant;
    variant.name = name;
    variant.when.extents = std::move(extents);
    variant.plan.kernel = kernel;
    variant.span = {"k.sched", 7, 1, 7};
    return variant;
}

} // namespace

TEST_CASE("variants stand in a plan in their order, the common part last") {
    const ir::Kernel kernel = copy_kernel("copied", "x", "y");
    schedule::Plan plan;
    plan.kernel = kernel;
    const ir::Ref n = ir::extent_node("n");
    schedule::Variant small = variant_of(kernel, "small", ir::binary(ir::Op::lt, n, ir::index_constant(16)));
    schedule::Variant wide = variant_of(kernel, "wide", nullptr);
    wide.when.compact = true;
    wide.when.alignment = 64;
    const std::string text =
        schedule::plan_data(kernel, plan, {small, wide}, {*schedule::find_target("x86-64"), {}, {}, {}, {}});
    // function, condition, compact, alignment, features, packs
    CHECK(text.find(
              "    .quad copied__variant_small_argv\n    .quad 0\n    .quad 0\n    .quad 1\n    .quad 0\n    .quad 0\n"
              "    .quad 0\n    .quad 0\n"
              "    .quad copied__variant_wide_argv\n    .quad -1\n    .quad 1\n    .quad 64\n    .quad 0\n    .quad 0\n"
              "    .quad 0\n    .quad 0\n"
              "    .quad copied__main_argv\n    .quad -1\n    .quad 0\n    .quad 1\n    .quad 0\n    .quad 0\n"
              "    .quad 0\n    .quad 0\n") != std::string::npos);
    wide.when.target = "x86-64-avx2";
    const std::string avx2 =
        schedule::plan_data(kernel, plan, {wide}, {*schedule::find_target("x86-64"), {}, {}, {}, {}});
    CHECK(avx2.find("    .quad 0xae0\n") != std::string::npos); // sse41, avx, avx2, fma, f16c
}

TEST_CASE("variants that a plan cannot hold are refused") {
    const ir::Kernel kernel = copy_kernel("copied", "x", "y");
    const ir::Ref n = ir::extent_node("n");
    const ir::Ref fits = ir::binary(ir::Op::lt, ir::binary(ir::Op::mod, n, n), ir::index_constant(16));
    CHECK(schedule::check_variants(kernel, {variant_of(kernel, "a", fits), variant_of(kernel, "b", nullptr)}).empty());

    // The right operands stay on the stack.
    ir::Ref deep = n;
    for (int level = 0; level < 100; ++level) {
        deep = ir::binary(ir::Op::add, n, deep);
    }
    ir::Ref longer = fits;
    for (int level = 0; level < 2000; ++level) {
        longer = ir::binary(ir::Op::logical_and, longer, fits);
    }
    for (const ir::Ref& condition : {ir::binary(ir::Op::lt, deep, n), longer}) {
        const auto diagnostics = schedule::check_variants(kernel, {variant_of(kernel, "a", condition)});
        REQUIRE(diagnostics.size() == 1);
        CHECK(diagnostics.front().code == "B004");
        CHECK(diagnostics.front().span.line == 7);
        CHECK(diagnostics.front().message.find("the condition of variant `a` of kernel `copied`") == 0);
    }
    const auto twice =
        schedule::check_variants(kernel, {variant_of(kernel, "a.b", fits), variant_of(kernel, "a_b", fits)});
    REQUIRE(twice.size() == 1);
    CHECK(twice.front().code == "B003");
}

TEST_CASE("parameters keep clear of the words of C and C++") {
    CHECK(schedule::parameter_name("pose") == "pose");
    CHECK(schedule::parameter_name("d.pose[1]") == "d_pose_1");
    CHECK(schedule::parameter_name("double") == "double_");
    CHECK(schedule::parameter_name("context") == "context_");
}

TEST_CASE("what generated C cannot express is refused") {
    CHECK(schedule::check_emission({copy_kernel("copied", "x", "y")}).empty());
    CHECK(schedule::check_emission({copy_kernel("copied", "a.b", "a_b")}).front().code == "B003");
    CHECK(schedule::check_emission({copy_kernel("while", "x", "y")}).front().code == "B003");
    // Of the C library: in the list that is the same everywhere, and beyond it.
    for (const char* name : {"exp", "random", "index", "exp10", "environ", "pthread_create"}) {
        const auto diagnostics = schedule::check_emission({copy_kernel(name, "x", "y")});
        REQUIRE_MESSAGE(diagnostics.size() == 1, name);
        CHECK(diagnostics.front().code == "B003");
        const std::string quoted = std::string("`") + name + "`";
        CHECK(diagnostics.front().message ==
              "kernel " + quoted + " cannot be a C function " + quoted + ": the name is taken");
    }
    for (const char* name : {"softmax", "scan", "random.grad", "exp_of"}) {
        CHECK_MESSAGE(schedule::check_emission({copy_kernel(name, "x", "y")}).empty(), name);
    }
    CHECK(schedule::check_emission({copy_kernel("k", "x", "y"), copy_kernel("k_info", "x", "y")}).front().code ==
          "B003");

    // n + (n + (n + ...)) holds an operand for each level.
    ir::Kernel deep = copy_kernel("deep", "x", "y");
    deep.dims.push_back({"m", std::nullopt, nullptr, {}});
    ir::Ref extent = ir::extent_node("n");
    for (int level = 0; level < 100; ++level) {
        extent =
            ir::binary(ir::Op::mul, ir::extent_node("n"), ir::binary(ir::Op::add, extent, ir::index_constant(level)));
    }
    deep.dims.back().extent = extent;
    deep.definitions.front().dims = {"n", "m"};
    const auto diagnostics = schedule::check_emission({deep});
    REQUIRE_FALSE(diagnostics.empty());
    CHECK(diagnostics.front().code == "B004");
}
