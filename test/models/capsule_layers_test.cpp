// Layers of capsules of several geometries, interpreted and compiled with the default schedule: they give what the f64
// reference in scripts/em_reference.py gives.

#include "models/capsule_layers.hpp"

#include "coulter/interpreter.hpp"
#include "models/compiled_kernels.hpp"
#include "models/em_routing.hpp"
#include "models/goldens.hpp"

#include <cmath>
#include <doctest/doctest.h>

using namespace coulter;
using namespace coulter::test;

namespace {

const CompiledKernel& compiled(const std::string& name) {
    for (const CompiledKernel& kernel : compiled_capsule_layers()) {
        if (kernel.name == name) {
            return kernel;
        }
    }
    throw std::runtime_error("no kernel " + name);
}

/// All children of a 3x3 layer, their activations and the weights.
std::map<std::string, Array> small_layer() {
    std::map<std::string, Array> inputs{{"pose", random_array(Type::f32, {1, 5, 5, 2, 4, 4}, 1)},
                                        {"activation", random_array(Type::f32, {1, 5, 5, 2}, 2)},
                                        {"weight", random_array(Type::f32, {3, 3, 2, 3, 4, 4}, 3)},
                                        {"beta_u", random_array(Type::f32, {3}, 4)},
                                        {"beta_a", random_array(Type::f32, {3}, 5)}};
    Array& activation = inputs.at("activation");
    for (std::int64_t i = 0; i < activation.size(); ++i) {
        activation.set_real(i, std::fabs(activation.real(i)) / 2);
    }
    return inputs;
}

} // namespace

TEST_CASE("capsule layers of every geometry equal the reference in f64") {
    int cases = 0;
    for (const KernelFactory& factory : capsule_layers()) {
        const ir::Kernel kernel = factory.make(Params{}).ir();
        for (const GoldenCase& golden : golden_cases(factory.name)) {
            CAPTURE(golden.name);
            CHECK(difference_from(golden, interpret(kernel, golden.inputs)) == "");
            std::map<std::string, std::vector<std::int64_t>> shapes;
            for (const auto& [name, array] : golden.outputs) {
                shapes[name] = array.shape;
            }
            const CallResult result = call(compiled(factory.name), golden.inputs, shapes);
            CHECK(result.message == "");
            CHECK(difference_from(golden, result.outputs) == "");
            CHECK(result.gaps_untouched);
            ++cases;
        }
    }
    CHECK(cases == 11);
}

TEST_CASE("a child of activation 0 assigns nothing") {
    const ir::Kernel kernel = capsule_layers().front().make(Params{}).ir();
    std::map<std::string, Array> inputs = small_layer();
    constexpr std::int64_t child = 24; // (2, 2, in 0), which all parents see
    inputs.at("activation").set_real(child, 0);
    const auto without = interpret(kernel, inputs);
    for (std::int64_t h = 0; h < 16; ++h) {
        inputs.at("pose").set_real(child * 16 + h, 2 - inputs.at("pose").real(child * 16 + h));
    }
    const auto still_without = interpret(kernel, inputs);
    inputs.at("activation").set_real(child, 0.5);
    const auto with = interpret(kernel, inputs);
    for (const std::string name : {"pose_out", "activation_out"}) {
        CHECK(difference(still_without.at(name), without.at(name), exactly) == "");
        CHECK(difference(with.at(name), without.at(name)) != "");
    }
}

TEST_CASE("one pass for the variance and two give the same") {
    const ir::Kernel two = capsule_layers().front().make(Params{}).ir();
    Dim batch("batch"), y("y"), x("x"), iy("iy"), ix("ix"), in("in"), out("out");
    Dim ky("ky", 3), kx("kx", 3), row("row", 4), col("col", 4), k("k", 4), py("py", 3), px("px", 3);
    Input pose("pose", f32, {batch, iy, ix, in, row, k}), activation("activation", f32, {batch, iy, ix, in});
    Input weight("weight", f32, {ky, kx, in, out, k, col});
    Input beta_u("beta_u", f32, {out}), beta_a("beta_a", f32, {out});
    Tensor votes("votes"), result("pose_out"), active("activation_out");
    votes = models::conv_capsule_votes(pose, weight, {iy, y, ky}, {ix, x, kx}, k, 1);
    const models::CapsuleLayer layer{{{{iy, y, ky}, py}, {{ix, x, kx}, px}}, 1, {in}, out, {row, col}};
    const models::Capsules parents =
        models::em_routing(votes, activation, beta_u, beta_a, layer, {.variance = models::VariancePasses::one});
    result(batch, y, x, out, row, col) = parents.pose;
    active(batch, y, x, out) = parents.activation;
    const Kernel one("one", {result, active});
    const auto inputs = small_layer();
    const auto got = interpret(one.ir(), inputs, {}, {.in_double = true});
    const auto wanted = interpret(two, inputs, {}, {.in_double = true});
    CHECK(difference(got.at("pose_out"), wanted.at("pose_out"), {1e-9, 0, 0}) == "");
    CHECK(difference(got.at("activation_out"), wanted.at("activation_out"), {1e-9, 0, 0}) == "");
}

TEST_CASE("primary capsules are a 1x1 convolution and a sigmoid") {
    Dim y("y"), channel("channel"), in("in"), row("row", 2), col("col", 2);
    Input image("image", f32, {y, channel}), weight("weight", f32, {channel, in, row, col}),
        bias("bias", f32, {in, row, col});
    Input gate("gate", f32, {channel, in}), offset("offset", f32, {in});
    const models::Capsules capsules = models::primary_capsules(image, {weight, bias}, {gate, offset}, channel);
    Tensor pose("pose"), activation("activation");
    pose(y, in, row, col) = capsules.pose;
    activation(y, in) = capsules.activation;
    const Kernel kernel("primary", {pose, activation});
    const auto got =
        interpret(kernel.ir(), {{"image", array_of(Type::f32, {1, 2}, {1, 2})},
                                {"weight", array_of(Type::f32, {2, 1, 2, 2}, {1, 2, 3, 4, 10, 20, 30, 40})},
                                {"bias", array_of(Type::f32, {1, 2, 2}, {0.5, 0, 0, -1})},
                                {"gate", array_of(Type::f32, {2, 1}, {-1, 1})},
                                {"offset", array_of({-1})}});
    CHECK(difference(got.at("pose"), array_of(Type::f32, {1, 1, 2, 2}, {21.5, 42, 63, 83})) == "");
    CHECK(difference(got.at("activation"), array_of(Type::f32, {1, 1}, {0.5})) == "");
}

TEST_CASE("routing without an iteration is refused") {
    Dim in("in"), out("out"), h("h", 4);
    Input votes("votes", f32, {in, out, h}), activation("activation", f32, {in}), beta("beta", f32, {out});
    const models::CapsuleLayer layer{{}, 1, {in}, out, {h}};
    CHECK_THROWS_WITH((void)models::em_routing(votes, activation, beta, beta, layer, {.iterations = 0}),
                      "em_routing: 0 iterations, where 1 or more are needed");
}
