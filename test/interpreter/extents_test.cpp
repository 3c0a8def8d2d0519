// Where the interpreter finds extents. Expected values come from enumerating the indices, not from a formula.

#include "coulter/interpreter.hpp"
#include "support/array_compare.hpp"
#include "support/build_kernel.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

E index_of(std::int64_t value) {
    return ir::index_constant(value);
}

/// The extent of `x` in out(x) = sum of image[ix = c0 + c1 * x + c2 * k], k of extent `window`.
std::int64_t inferred(std::int64_t size, std::int64_t c0, std::int64_t c1, std::int64_t c2, std::int64_t window) {
    KernelBuilder build;
    build.input("image", Type::f32, {"ix"}).dim("k", window);
    const E index = index_of(c0) + index_of(c1) * loop("x") + index_of(c2) * loop("k");
    build.map("out", {"x", "k"}, {build.at("image", {{"ix", index}})});
    return interpret(build.kernel(), {{"image", random_array(Type::f32, {size}, 1)}}).at("out").shape[0];
}

/// The number of first x for which all k stay inside.
std::int64_t enumerated(std::int64_t size, std::int64_t c0, std::int64_t c1, std::int64_t c2, std::int64_t window) {
    for (std::int64_t x = 0;; ++x) {
        for (std::int64_t k = 0; k < window; ++k) {
            const std::int64_t index = c0 + c1 * x + c2 * k;
            if (index < 0 || index >= size) {
                return x;
            }
        }
    }
}

} // namespace

TEST_CASE("inferred extents equal enumeration for windows, strides, dilations and reversals") {
    int tried = 0;
    for (const std::int64_t size : {1, 2, 5, 8, 13, 64}) {
        for (const std::int64_t window : {1, 2, 3, 7}) {
            for (const std::int64_t stride : {1, 2, 3, -1, -2}) {
                for (const std::int64_t dilation : {0, 1, 2, -1}) {
                    // Starts so that the first window is inside whenever it can be.
                    const std::int64_t reach = dilation * (window - 1);
                    const std::int64_t first =
                        stride > 0 ? std::max<std::int64_t>(0, -reach) : size - 1 - std::max<std::int64_t>(0, reach);
                    const std::int64_t wanted = enumerated(size, first, stride, dilation, window);
                    if (wanted == 0) {
                        continue;
                    } // out of range on the side that no extent helps
                    CAPTURE(size);
                    CAPTURE(window);
                    CAPTURE(stride);
                    CAPTURE(dilation);
                    CHECK(inferred(size, first, stride, dilation, window) == wanted);
                    ++tried;
                }
            }
        }
    }
    CHECK(tried > 200);
}

TEST_CASE("a window larger than its tensor gives an empty output") {
    CHECK(inferred(2, 0, 1, 1, 3) == 0);
}

TEST_CASE("of several accesses the smallest extent counts") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"});
    build.map("out", {"x"}, {build.at("a", {{"i", loop("x") + 2}}) - build.at("a", {{"i", 2 * loop("x")}})});
    const auto out = interpret(build.kernel(), {{"a", random_array(Type::f32, {10}, 2)}});
    CHECK(out.at("out").shape[0] == 5); // 2 * x < 10, and x + 2 < 10 would allow 8
}

TEST_CASE("an inner dim is found through a definition that is itself inferred") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"}).dim("k", 3);
    build.reduce("mid", {"x"}, ir::ReduceOp::sum, {"k"}, {build.at("a", {{"i", loop("x") + loop("k")}})});
    build.reduce("out", {"y"}, ir::ReduceOp::max, {"k"}, {build.at("mid", {{"x", 2 * loop("y") + loop("k")}})});
    const auto out = interpret(build.kernel({"out", "mid"}), {{"a", random_array(Type::f32, {12}, 3)}});
    CHECK(out.at("mid").shape[0] == 10);
    CHECK(out.at("out").shape[0] == 4);
}

TEST_CASE("a dim waits for the extents of all tensors that it indexes") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"}).dim("k", 3);
    build.reduce("mid", {"x"}, ir::ReduceOp::sum, {"k"}, {build.at("a", {{"i", loop("x") + loop("k")}})});
    build.map("out", {"y"}, {build.at("a", {{"i", loop("y")}}) + build.at("mid", {{"x", 2 * loop("y")}})});
    ir::Kernel kernel = build.kernel();
    std::reverse(kernel.dims.begin(), kernel.dims.end()); // `y` comes first, and `a` alone would allow 12
    CHECK(interpret(kernel, {{"a", random_array(Type::f32, {12}, 3)}}).at("out").shape[0] == 5);
}

TEST_CASE("floor division in an index repeats elements") {
    KernelBuilder build;
    build.input("a", Type::i32, {"i"});
    build.map("out", {"x"}, {build.at("a", {{"i", loop("x") / 2}})});
    const auto out = interpret(build.kernel(), {{"a", array_of(Type::i32, {2}, {7, 8})}});
    CHECK(difference(out.at("out"), array_of(Type::i32, {4}, {7, 7, 8, 8})) == "");
}

TEST_CASE("expressions over extents, of inferred dims too") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"}).dim("k", 3);
    build.dim("padded", (extent("i") + 2 - 3) / 2 + 1).dim("twice", extent("x") + extent("x"));
    build.map("inner", {"x", "k"}, {build.at("a", {{"i", loop("x") + loop("k")}})});
    build.map("wide", {"twice"}, {cast(Type::i32, loop("twice"))});
    build.map("out", {"padded"}, {build.padded("a", {{"i", 2 * loop("padded") - 1}}, 0)});
    const auto out = interpret(build.kernel({"inner", "wide", "out"}), {{"a", array_of({1, 2, 3, 4, 5})}});
    CHECK(out.at("wide").shape[0] == 6);
    CHECK(difference(out.at("out"), array_of({0, 2, 4})) == "");
}

TEST_CASE("an expression below 0 is an empty dim") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"}).dim("x", (extent("i") - 3) / 1 + 1);
    build.map("out", {"x"}, {build.padded("a", {{"i", loop("x")}}, 0)});
    CHECK(interpret(build.kernel(), {{"a", Array(Type::f32, {0})}}).at("out").shape[0] == 0);
}

TEST_CASE("the caller gives what nothing else does, and may ask for less than could be inferred") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"});
    build.map("free", {"n"}, {cast(Type::i32, loop("n"))});
    build.map("out", {"x"}, {build.at("a", {{"i", loop("x") + 1}})});
    const auto out = interpret(build.kernel({"free", "out"}), {{"a", array_of({1, 2, 3, 4})}}, {{"n", 2}, {"x", 1}});
    CHECK(out.at("free").shape[0] == 2);
    CHECK(difference(out.at("out"), array_of({2})) == "");
}

TEST_CASE("only what the outputs need is evaluated") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"});
    build.map("unknown", {"n"}, {cast(Type::i32, loop("n"))});
    build.map("out", {"i"}, {build.at("a")});
    CHECK(difference(interpret(build.kernel({"out"}), {{"a", array_of({1})}}).at("out"), array_of({1})) == "");
    CHECK_THROWS_AS((void)interpret(build.kernel({"out"}), {{"a", array_of({1})}}, {}, {}, {"unknown"}),
                    std::runtime_error);
}

TEST_CASE("coefficients near the end of 64 bits") {
    KernelBuilder build;
    build.input("a", Type::f32, {"i"});
    build.map("out", {"x"}, {build.at("a", {{"i", index_of(std::int64_t{1} << 50) * loop("x")}})});
    CHECK(interpret(build.kernel(), {{"a", array_of({1, 2})}}).at("out").shape[0] == 1);
    KernelBuilder wide;
    wide.input("a", Type::f32, {"i"}).dim("x", index_of(std::int64_t{1} << 62) * extent("i"));
    wide.map("out", {"x"}, {constant(Type::f32, 0)});
    CHECK_THROWS_WITH_AS((void)interpret(wide.kernel(), {{"a", array_of({1, 2})}}),
                         "the expression for the extent of `x` leaves the range of 64-bit integers",
                         std::runtime_error);
}

TEST_CASE("extents of 0 are legal for every dim") {
    KernelBuilder build("matmul");
    build.input("a", Type::f32, {"i", "k"}).input("b", Type::f32, {"k", "j"});
    build.reduce("c", {"i", "j"}, ir::ReduceOp::sum, {"k"}, {build.at("a") * build.at("b")});
    const auto run = [&](std::int64_t i, std::int64_t j, std::int64_t k) {
        return interpret(build.kernel(),
                         {{"a", random_array(Type::f32, {i, k}, 1)}, {"b", random_array(Type::f32, {k, j}, 2)}})
            .at("c");
    };
    CHECK(run(0, 3, 2).shape == std::vector<std::int64_t>{0, 3});
    CHECK(run(2, 0, 2).data.empty());
    CHECK(difference(run(2, 1, 0), array_of(Type::f32, {2, 1}, {0, 0}), exactly) == "");
}
