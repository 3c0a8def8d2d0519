// Whole texts of the interpreter's errors.

#include "coulter/interpreter.hpp"
#include "support/array_compare.hpp"
#include "support/build_kernel.hpp"
#include "support/golden.hpp"

#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

using Inputs = std::map<std::string, Array>;

/// Empty where interpret() fails with the golden text, else what it did instead.
std::string refused(const std::string& golden, const ir::Kernel& kernel, const Inputs& inputs,
                    const std::map<std::string, std::int64_t>& extents = {}, const InterpretOptions& options = {},
                    const std::vector<std::string>& keep = {}) {
    try {
        (void)interpret(kernel, inputs, extents, options, keep);
    } catch (const std::runtime_error& error) {
        return golden_difference("interpreter/" + golden, std::string(error.what()) + "\n");
    }
    return "nothing was refused";
}

/// out(x, c) = pose(iy = 2 * x - 1), which leaves the range at x = 0.
KernelBuilder strided() {
    KernelBuilder build("strided");
    build.input("pose", Type::f32, {"iy", "c"});
    build.map("out", {"x", "c"}, {build.at("pose", {{"iy", 2 * loop("x") - 1}})});
    return build;
}

KernelBuilder gather() {
    KernelBuilder build("gather");
    build.input("table", Type::f32, {"word", "feature"}).input("text", Type::i32, {"t"});
    build.map("out", {"t", "feature"}, {build.at("table", {{"word", cast(Type::index, build.at("text"))}})});
    return build;
}

const Array pose = array_of(Type::f32, {3, 2}, {1, 2, 3, 4, 5, 6});

} // namespace

TEST_CASE("an access out of range names the tensor, the index and the loop's point") {
    CHECK(refused("affine_out_of_range", strided().kernel(), {{"pose", pose}}) == "");
    CHECK(refused("gather_out_of_range", gather().kernel(),
                  {{"table", pose}, {"text", array_of(Type::i32, {3}, {0, 2, 3})}}) == "");
    CHECK(refused("gather_from_empty", gather().kernel(),
                  {{"table", Array(Type::f32, {0, 2})}, {"text", array_of(Type::i32, {1}, {0})}}) == "");
}

TEST_CASE("an access out of range in the branch that a select does not take is refused too") {
    KernelBuilder build("guarded");
    build.input("x", Type::f32, {"i"}).input("at", Type::i32, {"n"});
    const E index = cast(Type::index, build.at("at"));
    build.map("out", {"n"}, {select(index < 2, build.at("x", {{"i", index}}), constant(Type::f32, 0))});
    const Array x = array_of({1, 2});
    CHECK(interpret(build.kernel(), {{"x", x}, {"at", array_of(Type::i32, {1}, {1})}}).at("out").real(0) == 2);
    CHECK(refused("select_out_of_range", build.kernel(), {{"x", x}, {"at", array_of(Type::i32, {2}, {1, 2})}}) == "");
}

TEST_CASE("a clamped access needs an element") {
    KernelBuilder build("clamped");
    build.input("x", Type::f32, {"i"}).dim("n", 2);
    build.map("out", {"n"}, {build.clamped("x", {{"i", loop("n") - 1}})});
    CHECK(refused("clamped_empty", build.kernel(), {{"x", Array(Type::f32, {0})}}) == "");
}

TEST_CASE("a scatter outside its tensor") {
    KernelBuilder build("histogram");
    build.input("bin", Type::i32, {"n"}).dim("b", 4);
    build.reduce("count", {"b"}, ir::ReduceOp::sum, {"n"}, {constant(Type::i32, 1)});
    build.into("b", cast(Type::index, build.at("bin")));
    CHECK(refused("scatter_out_of_range", build.kernel(), {{"bin", array_of(Type::i32, {3}, {0, 3, 4})}}) == "");
}

TEST_CASE("argmin over nothing") {
    KernelBuilder build("nearest");
    build.input("x", Type::f32, {"i", "j"});
    build.reduce("best", {"i"}, ir::ReduceOp::argmin, {"j"}, {build.at("x")});
    CHECK(refused("empty_argmin", build.kernel(), {{"x", Array(Type::f32, {2, 0})}}) == "");
}

TEST_CASE("inputs that do not fit") {
    const ir::Kernel kernel = gather().kernel();
    const Array text = array_of(Type::i32, {1}, {0});
    CHECK(refused("input_missing", kernel, {{"table", pose}}) == "");
    CHECK(refused("input_unknown", kernel, {{"tabel", pose}, {"text", text}}) == "");
    CHECK(refused("input_rank", kernel, {{"table", array_of({1, 2})}, {"text", text}}) == "");
    CHECK(refused("input_type", kernel, {{"table", pose}, {"text", array_of({0})}}) == "");
    CHECK(refused("input_type_in_double", kernel, {{"table", pose}, {"text", array_of({0})}}, {},
                  {.in_double = true}) == "");
    Array torn = pose;
    torn.data.pop_back();
    CHECK(refused("input_bytes", kernel, {{"table", torn}, {"text", text}}) == "");
}

TEST_CASE("extents that disagree, are unknown or are no extents") {
    KernelBuilder build("matmul");
    build.input("a", Type::f32, {"i", "k"}).input("b", Type::f32, {"k", "j"}).dim("k", 3);
    build.reduce("c", {"i", "j"}, ir::ReduceOp::sum, {"k"}, {build.at("a") * build.at("b")});
    const Array square = random_array(Type::f32, {3, 3}, 1);
    const Array narrow = random_array(Type::f32, {2, 3}, 1);
    CHECK(refused("extent_of_inputs", build.kernel(), {{"a", square}, {"b", narrow}}) == "");
    CHECK(refused("extent_given", build.kernel(), {{"a", square}, {"b", square}}, {{"i", 4}}) == "");
    CHECK(refused("extent_name", build.kernel(), {{"a", square}, {"b", square}}, {{"kk", 3}}) == "");
    CHECK(refused("extent_negative", build.kernel(), {{"a", square}, {"b", square}}, {{"k", -3}}) == "");

    KernelBuilder other("halves");
    other.input("a", Type::f32, {"i"}).dim("h", extent("i") / 2).input("b", Type::f32, {"h"});
    other.map("out", {"h"}, {other.at("b")});
    CHECK(refused("extent_expression", other.kernel(), {{"a", array_of({1, 2, 3, 4})}, {"b", array_of({1})}}) == "");

    KernelBuilder free("free");
    free.map("out", {"n"}, {cast(Type::i32, loop("n"))});
    CHECK(refused("extent_unknown", free.kernel(), {}) == "");

    KernelBuilder two("two_unknowns");
    two.input("x", Type::f32, {"i"});
    two.map("out", {"y", "k"}, {two.at("x", {{"i", loop("y") + loop("k")}})});
    CHECK(refused("extent_two_unknowns", two.kernel(), {{"x", array_of({1, 2, 3})}}) == "");
    CHECK(interpret(two.kernel(), {{"x", array_of({1, 2, 3})}}, {{"k", 2}}).at("out").shape[0] == 2);
}

TEST_CASE("limits") {
    KernelBuilder build("long");
    build.dim("n", 1000).map("out", {"n"}, {cast(Type::i32, loop("n") + 1)});
    CHECK(interpret(build.kernel(), {}, {}, {.max_steps = 3000}).at("out").integer(999) == 1000);
    CHECK(refused("too_many_steps", build.kernel(), {}, {}, {.max_steps = 2999}) == "");

    KernelBuilder far("far");
    far.input("x", Type::i32, {"i"}).dim("n", 2);
    const E large = ir::index_constant(std::int64_t{1} << 62);
    far.map("out", {"n"}, {far.clamped("x", {{"i", large * (loop("n") + 1)}})});
    CHECK(refused("index_overflow", far.kernel(), {{"x", array_of(Type::i32, {1}, {1})}}) == "");

    KernelBuilder huge("huge");
    huge.map("out", {"a", "b"}, {constant(Type::f32, 0)});
    const std::int64_t much = std::int64_t{1} << 40;
    CHECK(refused("too_many_points", huge.kernel(), {}, {{"a", much}, {"b", much}}) == "");
    CHECK(refused("too_many_bytes", huge.kernel(), {}, {{"a", much}, {"b", 1 << 21}}) == "");
}

TEST_CASE("names to keep") {
    KernelBuilder build("keep");
    build.input("x", Type::f32, {"i"}).map("votes", {"i"}, {build.at("x")});
    CHECK(refused("keep_unknown", build.kernel(), {{"x", array_of({1})}}, {}, {}, {"vots"}) == "");
}

TEST_CASE("a kernel that breaks the IR's own rules is refused before it is evaluated") {
    KernelBuilder build("broken");
    build.input("x", Type::f32, {"i"}).map("out", {"i"}, {build.at("x")});
    build.last().types = {Type::i32};
    CHECK(refused("invalid_kernel", build.kernel(), {{"x", array_of({1})}}) == "");
}
