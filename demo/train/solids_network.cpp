#include "solids_network.hpp"

#include "networks.hpp"

#include <hinton_capsules/hinton_capsules.h>
#include <training/clipped_adam.h>
#include <training_solids/hinton_training.h>

#include <algorithm>
#include <cmath>

namespace train {

const std::vector<Parameter>& solids_parameters() {
    // As those of digits_parameters.
    static const std::vector<Parameter> list{
        {.name = "conv_weight", .shape = {5, 5, 2, 64}, .deviation = 0.3},
        {.name = "conv_bias", .shape = {64}},
        {.name = "primary_pose_weight", .shape = {64, 8, 4, 4}, .deviation = 2 / std::sqrt(64.0)},
        {.name = "primary_pose_bias", .shape = {8, 4, 4}},
        {.name = "primary_activation_weight", .shape = {64, 8}, .deviation = 1 / std::sqrt(64.0)},
        {.name = "primary_activation_bias", .shape = {8}},
        {.name = "capsules1_weight", .shape = {3, 3, 8, 16, 4, 4}, .mean = 1, .deviation = 0.2, .is_pose = true},
        {.name = "capsules1_beta_u", .shape = {16}, .mean = -1.5},
        {.name = "capsules1_beta_a", .shape = {16}, .mean = -1.3, .unit = 1000},
        {.name = "capsules2_weight", .shape = {3, 3, 16, 16, 4, 4}, .mean = 1, .deviation = 0.2, .is_pose = true},
        {.name = "capsules2_beta_u", .shape = {16}, .mean = -1.5},
        {.name = "capsules2_beta_a", .shape = {16}, .mean = -1.3, .unit = 1000},
        {.name = "class_weight", .shape = {16, 5, 4, 4}, .mean = 1, .deviation = 0.2, .is_pose = true},
        {.name = "class_beta_u", .shape = {5}, .mean = -1.5},
        {.name = "class_beta_a", .shape = {5}, .mean = -1.3, .unit = 1000}};
    return list;
}

namespace {

using coulter::TensorView;

class Solids : public Network<float> {
public:
    [[nodiscard]] const std::vector<Parameter>& parameters() const override { return solids_parameters(); }

    float gradient(coulter::Context& context, Batch& batch, float margin, std::span<const float> weights,
                   std::span<float> gradient) override {
        const auto count = static_cast<std::int64_t>(batch.labels.size());
        float loss = 0;
        const auto in = slices<const float>(parameters(), weights);
        const auto out = slices<float>(parameters(), gradient);
        coulter::hinton_training(context, TensorView<const std::int32_t>(batch.labels, {count}), margin,
                                 TensorView<const std::uint8_t>(batch.pixels, {count, 32, 32, 2}), in[0], in[1], in[2],
                                 in[3], in[4], in[5], in[6], in[7], in[8], in[9], in[10], in[11], in[12], in[13],
                                 in[14], 1, scalar(loss), out[0], out[1], out[2], out[3], out[4], out[5], out[6],
                                 out[7], out[8], out[9], out[10], out[11], out[12], out[13], out[14]);
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
        std::vector<float> shades;
        for (const std::uint8_t pixel : images.pixels) {
            shades.push_back(static_cast<float>(pixel) / 128 - 1);
        }
        coulter::Tensor<float> activation({count, 5}), pose({count, 5, 4, 4});
        const auto in = slices<const float>(parameters(), used);
        context.forget(); // the kernel packs its weights once, and these are new ones
        coulter::hinton_capsules(context, TensorView<const float>(shades.data(), {count, 32, 32, 2}), in[0], in[1],
                                 in[2], in[3], in[4], in[5], in[6], in[7], in[8], in[9], in[10], in[11], in[12], in[13],
                                 in[14], activation, pose);
        context.forget();
        return count_right(activation.data(), images.labels, 5);
    }
};

} // namespace

std::unique_ptr<Network<float>> solids_network() {
    return std::make_unique<Solids>();
}

const NetworkKind& network_kind() {
    static const NetworkKind kind{"coulter-train-solids",
                                  "hinton_capsules",
                                  "the small network of Hinton et al. 2018, on stereo pairs of five solids,",
                                  "solids.safetensors",
                                  solids_shape,
                                  20,
                                  0,
                                  1,
                                  solids_network};
    return kind;
}

} // namespace train
