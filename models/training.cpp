#include "models/training.hpp"

#include "models/digits_capsules.hpp"
#include "models/hinton_capsules.hpp"
#include "models/losses.hpp"
#include "models/optimisers.hpp"

#include <coulter/transform.hpp>

namespace coulter::models {
namespace {

/// The inputs of floats that are tensors: a network's parameters, where the images are bytes and the rest scalars.
std::vector<std::string> parameters_of(const Kernel& loss) {
    std::vector<std::string> names;
    for (const ir::Input& input : loss.ir().inputs) {
        if (is_float(input.type) && !input.dims.empty()) {
            names.push_back(input.name);
        }
    }
    return names;
}

Kernel with_gradient(const Kernel& loss, const std::string& name) {
    ir::Kernel made = value_and_grad(loss.ir(), parameters_of(loss));
    made.name = name;
    return Kernel(std::move(made));
}

} // namespace

Clipped clipped_by_norm(const Arg& gradient, const Dims& over, const Arg& largest) {
    Function f("clipped_by_norm", {gradient, largest});
    const Type type = gradient.type().value_or(f32);
    Clipped clipped{Tensor("gradient"), Tensor("norm")};
    Tensor squares("squares"), share("share");
    squares = sum(over, gradient * gradient);
    clipped.norm = sqrt(squares);
    share = min(cast(type, 1.0), largest / (clipped.norm + cast(type, 1e-6)));
    clipped.gradient = gradient * share;
    return clipped;
}

Kernel clipped_adam(const std::string& name, Type type) {
    Dim n("n");
    Input w("w", type, {n}), gradient("gradient", type, {n}), mean("mean", type, {n}), variance("variance", type, {n}),
        rate("rate", type), t("t", type), largest("largest", type);
    Tensor clipped("clipped"), norm("norm");
    const Clipped by_norm = clipped_by_norm(gradient, {n}, largest);
    clipped = by_norm.gradient;
    norm() = by_norm.norm;
    const AdamStep step = adam_step(w, clipped, mean, variance, rate, t);
    Tensor w_new("w_new"), mean_new("mean_new"), variance_new("variance_new");
    w_new(n) = step.parameters;
    mean_new(n) = step.mean;
    variance_new(n) = step.variance;
    return Kernel(name, {w_new, mean_new, variance_new, norm},
                  updates({{w, w_new}, {mean, mean_new}, {variance, variance_new}}), estimates({{n, 1 << 15}}));
}

Kernel digits_training(const std::string& name, Type type) {
    Dim batch("batch"), digit("digit", 10);
    Input label("label", i32, {batch}), margin("margin", type);
    const DigitsLayers layers = digits_layers({.type = type, .frozen = false, .beta_a_unit = 1000});
    Tensor activation("activation"), image_loss("image_loss"), loss("loss");
    activation(batch, digit) = layers.classes.activation;
    image_loss = spread_loss(activation, label, digit, margin);
    loss() = mean({batch}, image_loss);
    const Kernel forward("digits_loss", {loss}, estimates({{batch, 32}}));
    return with_gradient(forward, name);
}

Kernel hinton_training() {
    Dim batch("batch"), y("y", 32), x("x", 32), channel("channel", 2), category("category", 5);
    Input label("label", i32, {batch}), margin("margin", f32), image("image", u8, {batch, y, x, channel});
    Tensor shade("shade"), activation("activation"), image_loss("image_loss"), loss("loss");
    shade(batch, y, x, channel) = f32(image()) / 128 - 1;
    activation(batch, category) = hinton_layers(shade, {.frozen = false, .beta_a_unit = 1000}).activation;
    image_loss = spread_loss(activation, label, category, margin);
    loss() = mean({batch}, image_loss);
    const Kernel forward("hinton_loss", {loss}, estimates({{batch, 20}}));
    return with_gradient(forward, "hinton_training");
}

const std::vector<KernelFactory>& training() {
    static const std::vector<KernelFactory> list{
        {"digits_training", [] { return digits_training("digits_training", f32); }},
        {"hinton_training", hinton_training},
        {"clipped_adam", [] { return clipped_adam("clipped_adam", f32); }},
        {"digits_training_f64", [] { return digits_training("digits_training_f64", f64); }},
        {"clipped_adam_f64", [] { return clipped_adam("clipped_adam_f64", f64); }},
    };
    return list;
}

} // namespace coulter::models
