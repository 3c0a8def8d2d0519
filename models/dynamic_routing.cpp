#include "models/dynamic_routing.hpp"

#include "models/activations.hpp"
#include "models/capsule_votes.hpp"
#include "models/softmax.hpp"

namespace coulter::models {

Tensor squash(const Arg& s, const Dim& over) {
    Function f("squash", {s});
    Tensor squares("squares"), scale("scale");
    squares = sum({over}, s * s);
    scale = squares / ((1 + squares) * sqrt(squares + 1e-7));
    return s * scale;
}

Tensor capsule_length(const Arg& v, const Dim& over) {
    Function f("capsule_length", {v});
    return sqrt(sum({over}, v * v));
}

Tensor dynamic_routing(const Arg& predictions, const VectorCapsules& capsules, int iterations) {
    Function f("routing", {predictions});
    const Type type = predictions.type().value_or(f32);
    // Equal for all parents before anything is known.
    Expr coupling = cast(type, 1.0) / cast(type, extent(capsules.out));
    std::optional<Expr> agreement;
    for (int t = 0;; ++t) {
        Tensor weighted("weighted"), parents("parents");
        weighted = sum({capsules.in}, coupling * predictions);
        parents = squash(weighted, capsules.pose);
        if (t + 1 >= iterations) {
            return parents;
        }
        const Expr agrees = sum({capsules.pose}, predictions * parents);
        Tensor logits("logits"), couplings("couplings");
        logits = agreement ? *agreement + agrees : agrees;
        couplings = softmax(logits, capsules.out);
        agreement = logits;
        coupling = couplings;
    }
}

Tensor masked_capsules(const Arg& v, const Arg& chosen, const Dim& classes) {
    Function f("masked_capsules", {v, chosen});
    return select(i32(classes) == chosen, v, cast(v.type().value_or(f32), 0.0));
}

Tensor dense(const Arg& x, const Arg& weight, const Arg& bias, const Dims& over) {
    Function f("dense", {x, weight, bias});
    Tensor sums("sums");
    sums = sum(over, x * weight);
    return sums + bias;
}

Kernel dynamic_routing() {
    Dim batch("batch"), in("in"), out("out"), k("k", 8), d("d", 16);
    Input u("u", f32, {batch, in, k});
    Input weight("weight", f32, {in, out, k, d});
    weight.frozen();

    Tensor predictions("predictions"), v("v"), length("length");
    predictions(batch, in, out, d) = capsule_votes(u, weight, k);
    v(batch, out, d) = dynamic_routing(predictions, {in, out, d});
    length(batch, out) = capsule_length(v, d);
    return Kernel("dynamic_routing", {v, length}, estimates({{batch, 128}, {in, 1152}, {out, 10}}));
}

Kernel capsule_decoder() {
    Dim batch("batch"), digit("digit"), d("d", 16), hidden1("hidden1"), hidden2("hidden2"), pixel("pixel");
    Input v("v", f32, {batch, digit, d});
    Input chosen("chosen", i32, {batch});
    Input weight1("weight1", f32, {digit, d, hidden1}), bias1("bias1", f32, {hidden1});
    Input weight2("weight2", f32, {hidden1, hidden2}), bias2("bias2", f32, {hidden2});
    Input weight3("weight3", f32, {hidden2, pixel}), bias3("bias3", f32, {pixel});
    for (Input* parameter : {&weight1, &bias1, &weight2, &bias2, &weight3, &bias3}) {
        parameter->frozen();
    }

    Tensor seen("seen"), layer1("layer1"), layer2("layer2"), layer3("layer3"), act1("act1"), act2("act2"),
        image("image");
    seen = masked_capsules(v, chosen, digit);
    layer1 = dense(seen, weight1, bias1, {digit, d});
    act1 = relu(layer1);
    layer2 = dense(act1, weight2, bias2, {hidden1});
    act2 = relu(layer2);
    layer3 = dense(act2, weight3, bias3, {hidden2});
    image(batch, pixel) = sigmoid(layer3);
    return Kernel("capsule_decoder", {image},
                  estimates({{batch, 128}, {digit, 10}, {hidden1, 512}, {hidden2, 1024}, {pixel, 784}}));
}

} // namespace coulter::models
