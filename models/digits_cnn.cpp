#include "models/digits_cnn.hpp"

#include "models/activations.hpp"
#include "models/convolution.hpp"
#include "models/layer_norm.hpp"
#include "models/matmul.hpp"
#include "models/pooling.hpp"
#include "models/softmax.hpp"

namespace coulter::models {

Kernel digits_cnn() {
    Dim batch("batch"), hidden("hidden", 64), digit("digit", 10);
    Dim y("y", 8), x("x", 8), y4("y4", 4), x4("x4", 4), y2("y2", 2), x2("x2", 2);
    Dim c1("c1", 1), c32("c32", 32), c64("c64", 64);
    Dim ky("ky", 3), kx("kx", 3), py("py", 2), px("px", 2);

    Input image("image", u8, {batch, y, x});
    Input conv1_weight("conv1_weight", f32, {ky, kx, c1, c32});
    Input conv1_bias("conv1_bias", f32, {c32});
    Input conv2_weight("conv2_weight", f32, {ky, kx, c32, c64});
    Input conv2_bias("conv2_bias", f32, {c64});
    Input norm_gamma("norm_gamma", f32, {c64});
    Input norm_beta("norm_beta", f32, {c64});
    Input dense1_weight("dense1_weight", f32, {y2, x2, c64, hidden});
    Input dense1_bias("dense1_bias", f32, {hidden});
    Input dense2_weight("dense2_weight", f32, {hidden, digit});
    Input dense2_bias("dense2_bias", f32, {digit});
    for (Input* parameter : {&conv1_weight, &conv1_bias, &conv2_weight, &conv2_bias, &norm_gamma, &norm_beta,
                             &dense1_weight, &dense1_bias, &dense2_weight, &dense2_bias}) {
        parameter->frozen();
    }

    Tensor ink("ink"), sums1("sums1"), act1("act1"), pool1("pool1");
    ink(batch, y, x, c1) = f32(image()) / 16;
    sums1 = convolution(ink, conv1_weight, {y, y, ky}, {x, x, kx}, {c1}, {.padding = 1});
    act1 = gelu(sums1 + conv1_bias);
    pool1 = max_pool(act1, {y, y4, py}, {x, x4, px}, {.stride = 2});

    Tensor sums2("sums2"), conv2("conv2"), norm("norm"), act2("act2"), pool2("pool2");
    sums2 = convolution(pool1, conv2_weight, {y4, y4, ky}, {x4, x4, kx}, {c32}, {.padding = 1});
    conv2 = sums2 + conv2_bias;
    norm = layer_norm(conv2, norm_gamma, norm_beta, c64);
    act2 = gelu(norm);
    pool2 = average_pool(act2, {y4, y2, py}, {x4, x2, px}, {.stride = 2});

    Tensor dense1("dense1"), act3("act3"), dense2("dense2"), logits("logits"), probabilities("probabilities");
    dense1 = matmul(pool2, dense1_weight, {y2, x2, c64});
    act3 = gelu(dense1 + dense1_bias);
    dense2 = matmul(act3, dense2_weight, {hidden});
    logits(batch, digit) = dense2 + dense2_bias;
    probabilities(batch, digit) = softmax(logits, digit);
    return Kernel("digits_cnn", {logits, probabilities}, estimates({{batch, 450}}));
}

} // namespace coulter::models
