// Against NumPy: reductions, matmul, strided convolution, softmax, from test/goldens (scripts/make_goldens.py).

#include "coulter/interpreter.hpp"
#include "support/array_compare.hpp"
#include "support/build_kernel.hpp"
#include "support/json.hpp"
#include "support/safetensors_read.hpp"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace coulter;
using namespace coulter::test;
using ir::Op;
using ir::ReduceOp;

namespace {

const std::string folder = std::string(COULTER_TEST_DIR) + "/goldens/";

/// Calls `interpret` for every golden case of `kernel`, and compares the outputs within the tolerances that the
/// manifest gives. `interpreted` names a kernel's outputs as the goldens do.
template <class F>
int check_cases(const std::string& kernel, const F& interpreted) {
    const auto manifest = read_json(folder + "manifest.json");
    int cases = 0;
    for (const auto& entry : manifest.at("cases")) {
        if (entry.at("kernel") != kernel) {
            continue;
        }
        const auto tensors = read_safetensors(folder + entry.at("file").get<std::string>());
        const auto got = interpreted(tensors);
        CAPTURE(entry.at("file").get<std::string>());
        int compared = 0;
        for (const auto& [output, allowed] : entry.at("tolerance").items()) {
            const std::string name = output; // clang 14 captures no structured binding
            CAPTURE(name);
            REQUIRE(got.contains(name));
            const Tolerance tolerance{0, allowed.at("atol").template get<double>(),
                                      allowed.at("rtol").template get<double>()};
            CHECK(difference(got.at(name), tensors.at(name), tolerance) == "");
            ++compared;
        }
        CHECK(compared > 0);
        ++cases;
    }
    return cases;
}

} // namespace

TEST_CASE("reductions equal NumPy's") {
    KernelBuilder build("reductions");
    build.input("x", Type::f32, {"i", "j"});
    const E x = build.at("x");
    build.reduce("sum", {"i"}, ReduceOp::sum, {"j"}, {x});
    build.reduce("product", {"i"}, ReduceOp::product, {"j"}, {x});
    build.reduce("min", {"i"}, ReduceOp::min, {"j"}, {x});
    build.reduce("max", {"i"}, ReduceOp::max, {"j"}, {x});
    build.reduce("argmin", {"i"}, ReduceOp::argmin, {"j"}, {x});
    build.reduce("argmax", {"i"}, ReduceOp::argmax, {"j"}, {x});
    const E n = cast(Type::f32, extent("j"));
    build.map("mean", {"i"}, {build.at("sum") / n});
    const E away = x - build.at("mean");
    build.reduce("squares", {"i"}, ReduceOp::sum, {"j"}, {away * away});
    build.map("variance", {"i"}, {build.at("squares") / n});
    const E top = select(call(Op::is_finite, {build.at("max")}), build.at("max"), constant(Type::f32, 0));
    build.reduce("exponentials", {"i"}, ReduceOp::sum, {"j"}, {call(Op::exp, {x - top})});
    build.map("logsumexp", {"i"}, {call(Op::log, {build.at("exponentials")}) + top});
    const ir::Kernel kernel =
        build.kernel({"sum", "product", "min", "max", "argmin", "argmax", "mean", "variance", "logsumexp"});
    const int cases = check_cases("reductions", [&](const std::map<std::string, Array>& tensors) {
        auto got = interpret(kernel, {{"x", tensors.at("x")}});
        got["argmin"] = got.at("argmin.0");
        got["argmax"] = got.at("argmax.0");
        return got;
    });
    CHECK(cases >= 10);
}

TEST_CASE("matmul equals NumPy's") {
    KernelBuilder build("matmul");
    build.input("a", Type::f32, {"i", "k"}).input("b", Type::f32, {"k", "j"});
    build.reduce("c", {"i", "j"}, ReduceOp::sum, {"k"}, {build.at("a") * build.at("b")});
    CHECK(check_cases("matmul", [&](const std::map<std::string, Array>& tensors) {
              return interpret(build.kernel(), {{"a", tensors.at("a")}, {"b", tensors.at("b")}});
          }) >= 5);
}

TEST_CASE("convolutional capsules equal NumPy's, the output's shape too") {
    KernelBuilder build("conv_capsules");
    build.input("pose", Type::f32, {"batch", "iy", "ix", "in", "row", "k"});
    build.input("weight", Type::f32, {"ky", "kx", "in", "out", "k", "col"});
    const E row = 2 * loop("y") + loop("ky");
    const E column = 2 * loop("x") + loop("kx");
    build.reduce("votes", {"batch", "y", "x", "out", "row", "col"}, ReduceOp::sum, {"ky", "kx", "in", "k"},
                 {build.at("pose", {{"iy", row}, {"ix", column}}) * build.at("weight")});
    CHECK(check_cases("conv_capsules", [&](const std::map<std::string, Array>& tensors) {
              return interpret(build.kernel(), {{"pose", tensors.at("pose")}, {"weight", tensors.at("weight")}});
          }) >= 5);
}

TEST_CASE("a padded, strided convolution equals NumPy's, with an expression for its extent") {
    KernelBuilder build("conv2d_strided");
    build.input("image", Type::f32, {"batch", "iy", "ix", "in"}).input("weight", Type::f32, {"ky", "kx", "in", "out"});
    build.input("bias", Type::f32, {"out"});
    build.dim("y", (extent("iy") + 2 - 3) / 2 + 1).dim("x", (extent("ix") + 2 - 3) / 2 + 1);
    const E row = 2 * loop("y") + loop("ky") - 1;
    const E column = 2 * loop("x") + loop("kx") - 1;
    build.reduce("sums", {"batch", "y", "x", "out"}, ReduceOp::sum, {"ky", "kx", "in"},
                 {build.padded("image", {{"iy", row}, {"ix", column}}, 0) * build.at("weight")});
    build.map("result", {"batch", "y", "x", "out"}, {build.at("sums") + build.at("bias")});
    CHECK(check_cases("conv2d_strided", [&](const std::map<std::string, Array>& tensors) {
              return interpret(
                  build.kernel(),
                  {{"image", tensors.at("image")}, {"weight", tensors.at("weight")}, {"bias", tensors.at("bias")}});
          }) >= 5);
}

TEST_CASE("max pooling that pads with -inf equals NumPy's") {
    KernelBuilder build("max_pool2d_padded");
    build.input("image", Type::f32, {"batch", "iy", "ix", "channel"}).dim("ky", 3).dim("kx", 3);
    build.dim("y", (extent("iy") + 2 - 3) / 2 + 1).dim("x", (extent("ix") + 2 - 3) / 2 + 1);
    const E row = 2 * loop("y") + loop("ky") - 1;
    const E column = 2 * loop("x") + loop("kx") - 1;
    build.reduce("result", {"batch", "y", "x", "channel"}, ReduceOp::max, {"ky", "kx"},
                 {build.padded("image", {{"iy", row}, {"ix", column}}, -infinity)});
    CHECK(check_cases("max_pool2d_padded", [&](const std::map<std::string, Array>& tensors) {
              return interpret(build.kernel(), {{"image", tensors.at("image")}});
          }) >= 5);
}
