#include "coulter/estimates.hpp"
#include "support/build_kernel.hpp"

#include <doctest/doctest.h>
#include <limits>

using namespace coulter;
using namespace coulter::test;
using ir::Op;
using ir::ReduceOp;

namespace {

/// Floating point operations per element of out(n) = value.
double per_element(KernelBuilder& build, const std::vector<E>& values) {
    build.map("out", {"n"}, values);
    return estimate(build.kernel(), {{"n", 10}}).tensors.back().flops / 10;
}

} // namespace

TEST_CASE("conv_capsules is two operations per multiply-add") {
    KernelBuilder build("conv_capsules");
    build.input("pose", Type::f32, {"batch", "iy", "ix", "in", "row", "k"});
    build.input("weight", Type::f32, {"ky", "kx", "in", "out", "k", "col"});
    const E row = 2 * loop("y") + loop("ky");
    const E column = 2 * loop("x") + loop("kx");
    build.reduce("votes", {"batch", "y", "x", "out", "row", "col"}, ReduceOp::sum, {"ky", "kx", "in", "k"},
                 {build.at("pose", {{"iy", row}, {"ix", column}}) * build.at("weight")});
    const KernelEstimate all = estimate(build.kernel(), {{"batch", 64},
                                                         {"y", 7},
                                                         {"x", 7},
                                                         {"iy", 15},
                                                         {"ix", 15},
                                                         {"in", 32},
                                                         {"out", 32},
                                                         {"ky", 3},
                                                         {"kx", 3},
                                                         {"row", 4},
                                                         {"col", 4},
                                                         {"k", 4}});
    CHECK(all.flops == 2.0 * 64 * 7 * 7 * 32 * 4 * 4 * 3 * 3 * 32 * 4);
    REQUIRE(all.tensors.size() == 3);
    CHECK(all.tensors[0].name == "pose");
    CHECK(all.tensors[0].elements == 64 * 15 * 15 * 32 * 16);
    CHECK(all.tensors[0].flops == 0);
    CHECK(all.tensors[2].bytes == 4 * 64 * 7 * 7 * 32 * 16);
    CHECK(all.argument_bytes == all.tensors[0].bytes + all.tensors[1].bytes + all.tensors[2].bytes);
}

TEST_CASE("what counts, and how much") {
    KernelBuilder build;
    build.input("x", Type::f32, {"n"}).input("i", Type::i32, {"n"});
    const E x = build.at("x");
    const E i = build.at("i");
    SUBCASE("arithmetic") {
        CHECK(per_element(build, {x * x + x / x - binary(Op::max, x, unary(Op::neg, x))}) == 6);
    }
    SUBCASE("fma is two") {
        CHECK(per_element(build, {call(Op::fma, {x, x, x})}) == 2);
    }
    SUBCASE("a call is one") {
        CHECK(per_element(build, {call(Op::exp, {call(Op::sqrt, {x})})}) == 2);
    }
    SUBCASE("integers count") {
        CHECK(per_element(build, {i * i}) == 1);
    }
    SUBCASE("a shared node counts once") {
        const E square = x * x;
        CHECK(per_element(build, {square + square}) == 2);
    }
    SUBCASE("comparisons, selects, casts, bits and index arithmetic do not") {
        CHECK(per_element(build, {select(x < x, cast(Type::f32, loop("n") * loop("n")), x)}) == 0);
        CHECK(per_element(build, {binary(Op::bit_and, i, i)}) == 0);
        CHECK(per_element(build, {call(Op::is_nan, {x})}) == 0);
    }
}

TEST_CASE("reductions, scans and scatters count per point of their loops") {
    KernelBuilder build;
    build.input("x", Type::f64, {"i", "j"}).input("bin", Type::i32, {"j"});
    const E x = build.at("x");
    const Type t = Type::f64;
    build.reduce("sum", {"i"}, ReduceOp::sum, {"j"}, {x});
    build.reduce("square", {"i"}, ReduceOp::max, {"j"}, {x * x});
    build.reduce("found", {"i"}, ReduceOp::argmax, {"j"}, {x});
    build.reduce("any", {}, ReduceOp::any, {"i", "j"}, {x < 0});
    build.reduce("bins", {"b", "i"}, ReduceOp::sum, {"j"}, {x}).into("b", cast(Type::index, build.at("bin")));
    build.reduce("custom", {"i"}, ReduceOp::custom, {"j"}, {x});
    build.combine({constant(t, 0)}, {left(t) * right(t) + left(t)});
    ir::Scan scan{"j", {}, false, false, true, {constant(t, 0).ref}, {(left(t) + right(t)).ref}};
    build.scan("scan", {"i", "j"}, scan, {x * x});
    const KernelEstimate all = estimate(build.kernel({"found", "scan"}), {{"i", 3}, {"j", 5}, {"b", 100}});
    std::map<std::string, TensorEstimate> by_name;
    for (const TensorEstimate& tensor : all.tensors) {
        by_name[tensor.name] = tensor;
    }
    CHECK(by_name.at("sum").flops == 15);
    CHECK(by_name.at("square").flops == 30);
    CHECK(by_name.at("found").flops == 0);
    CHECK(by_name.at("found").bytes == 3 * (4 + 8));
    CHECK(by_name.at("any").flops == 0);
    CHECK(by_name.at("bins").flops == 15);
    CHECK(by_name.at("bins").elements == 300);
    CHECK(by_name.at("custom").flops == 30);
    CHECK(by_name.at("scan").flops == 30);
    CHECK(all.flops == 120);
    CHECK(all.argument_bytes == 15 * 8 + 5 * 4 + 36 + 15 * 8);
}

TEST_CASE("empty and enormous extents") {
    KernelBuilder build;
    build.input("x", Type::f64, {"i", "j"});
    build.map("out", {"i", "j"}, {build.at("x") * build.at("x")});
    CHECK(estimate(build.kernel(), {{"i", 0}, {"j", 5}}).flops == 0);
    CHECK(estimate(build.kernel(), {{"i", 0}, {"j", 5}}).argument_bytes == 0);
    const std::int64_t much = std::int64_t{1} << 40;
    const KernelEstimate all = estimate(build.kernel(), {{"i", much}, {"j", much}});
    CHECK(all.tensors[0].elements == std::numeric_limits<std::int64_t>::max());
    CHECK(all.argument_bytes == std::numeric_limits<std::int64_t>::max());
    CHECK_THROWS_AS((void)estimate(build.kernel(), {{"i", 2}}), InternalError);
}
