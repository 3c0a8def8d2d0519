// The kernel of the lesson: the last layer of a network that says which of 32 labels a picture has, and how surely.
//
// Probabilities are a softmax over the labels. The highest logit is subtracted first, so that no exponential overflows.

#include <coulter/coulter.h>

using namespace coulter;

Kernel labels() {
    Dim image("image"), label("label", 32), feature("feature", 64);

    Input features("features", f32, {image, feature});
    Input weight("weight", f32, {feature, label});

    Tensor logits("logits");
    logits(image, label) = sum({feature}, features * weight);
    Tensor highest("highest");
    highest(image) = max({label}, logits);
    Tensor power("power");
    power(image, label) = exp(logits - highest);
    Tensor total("total");
    total(image) = sum({label}, power);
    Tensor probability("probability");
    probability(image, label) = power / total;
    return Kernel("labels", {probability}, estimates({{image, 10000}}));
}

int main(int argc, char** argv) {
    return generate(argc, argv, {{"labels", labels}});
}
