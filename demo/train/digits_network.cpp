#include "digits_network.hpp"

#include "networks.hpp"

#include <digits_capsules/digits_capsules.h>
#include <training/clipped_adam.h>
#include <training/digits_training.h>

#include <cmath>

namespace train {

const std::vector<Parameter>& digits_parameters() {
    // Votes begin as the poses with some noise: were they random, the first assignments would be as well, and as hard.
    // The first beta_a makes the first activations 0.5 on average; a beta_u below 0 makes a parent the more active the
    // more its children give to it.
    static const std::vector<Parameter> list{
        {.name = "conv_weight", .shape = {5, 5, 1, 64}, .deviation = 0.6},
        {.name = "conv_bias", .shape = {64}},
        {.name = "primary_pose_weight", .shape = {64, 8, 4, 4}, .deviation = 2 / std::sqrt(64.0)},
        {.name = "primary_pose_bias", .shape = {8, 4, 4}},
        {.name = "primary_activation_weight", .shape = {64, 8}, .deviation = 1 / std::sqrt(64.0)},
        {.name = "primary_activation_bias", .shape = {8}},
        {.name = "capsules_weight", .shape = {3, 3, 8, 8, 4, 4}, .mean = 1, .deviation = 0.2, .is_pose = true},
        {.name = "capsules_beta_u", .shape = {8}, .mean = -1.5},
        {.name = "capsules_beta_a", .shape = {8}, .mean = -1.3, .unit = 1000},
        {.name = "class_weight", .shape = {8, 10, 4, 4}, .mean = 1, .deviation = 0.2, .is_pose = true},
        {.name = "class_beta_u", .shape = {10}, .mean = -1.5},
        {.name = "class_beta_a", .shape = {10}, .mean = -1.3, .unit = 1000}};
    return list;
}

namespace {

using coulter::TensorView;

class Digits : public Network<float> {
public:
    [[nodiscard]] const std::vector<Parameter>& parameters() const override { return digits_parameters(); }

    float gradient(coulter::Context& context, Batch& batch, float margin, std::span<const float> weights,
                   std::span<float> gradient) override {
        const auto count = static_cast<std::int64_t>(batch.labels.size());
        float loss = 0;
        const auto in = slices<const float>(parameters(), weights);
        const auto out = slices<float>(parameters(), gradient);
        coulter::digits_training(context, TensorView<const std::int32_t>(batch.labels, {count}), margin,
                                 TensorView<const std::uint8_t>(batch.pixels, {count, 8, 8}), in[0], in[1], in[2],
                                 in[3], in[4], in[5], in[6], in[7], in[8], in[9], in[10], in[11], 1, scalar(loss),
                                 out[0], out[1], out[2], out[3], out[4], out[5], out[6], out[7], out[8], out[9],
                                 out[10], out[11]);
        return loss;
    }

    float step(coulter::Context& context, std::span<float> weights, std::span<const float> gradient,
               std::span<float> mean, std::span<float> variance, float rate, float t, float largest) override {
        const auto n = static_cast<std::int64_t>(weights.size());
        float norm = 0;
        const TensorView<float> w(weights.data(), {n}), m(mean.data(), {n}), v(variance.data(), {n});
        coulter::clipped_adam(context, w, TensorView<const float>(gradient.data(), {n}), m, v, rate, t, largest, w, m,
                              v, scalar(norm));
        return norm;
    }

    std::int64_t right(coulter::Context& context, const Images& images, std::span<const float> weights) override {
        const std::int64_t count = images.count();
        const std::vector<float> used = in_units(parameters(), weights);
        coulter::Tensor<float> activation({count, 10}), pose({count, 10, 4, 4}), assignment({count, 4, 4, 8, 10}),
            agreement({count, 4, 4, 8, 10});
        const auto in = slices<const float>(parameters(), used);
        context.forget(); // the kernel packs its weights once, and these are new ones
        coulter::digits_capsules(context, TensorView<const std::uint8_t>(images.pixels.data(), {count, 8, 8}), in[0],
                                 in[1], in[2], in[3], in[4], in[5], in[6], in[7], in[8], in[9], in[10], in[11],
                                 activation, pose, assignment, agreement);
        context.forget();
        return count_right(activation.data(), images.labels, 10);
    }
};

} // namespace

std::unique_ptr<Network<float>> digits_network() {
    return std::make_unique<Digits>();
}

const NetworkKind& network_kind() {
    static const NetworkKind kind{"coulter-train",
                                  "digits_capsules",
                                  "the capsule network for 8x8 digits",
                                  "models/data/digits.safetensors",
                                  digits_shape,
                                  32,
                                  1,
                                  30,
                                  digits_network};
    return kind;
}

} // namespace train
