// The untrained network of Hinton et al. through the typed wrapper: it gives what PyTorch gives.

#include "coulter/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>
#include <hinton_capsules/hinton_capsules.h>

using namespace coulter;

namespace {

const std::string weights_folder = std::string(COULTER_TEST_DIR) + "/../models/weights/";

struct Answers {
    Tensor<float> activation;
    Tensor<float> pose;
};

Answers run(Context& context, const TensorView<const float>& images) {
    static Safetensors weights = read_safetensors(weights_folder + "hinton_capsules.safetensors");
    const auto weight = [](const char* name) {
        return TensorView<const float>(weights.tensors.at(name).view<float>());
    };
    const std::int64_t count = images.shape().front();
    Answers answers{Tensor<float>({count, 5}), Tensor<float>({count, 5, 4, 4})};
    hinton_capsules(context, images, weight("conv_weight"), weight("conv_bias"), weight("primary_pose_weight"),
                    weight("primary_pose_bias"), weight("primary_activation_weight"), weight("primary_activation_bias"),
                    weight("capsules1_weight"), weight("capsules1_beta_u"), weight("capsules1_beta_a"),
                    weight("capsules2_weight"), weight("capsules2_beta_u"), weight("capsules2_beta_a"),
                    weight("class_weight"), weight("class_beta_u"), weight("class_beta_a"), answers.activation,
                    answers.pose);
    return answers;
}

float largest_difference(const TensorView<const float>& got, const TensorView<const float>& wanted) {
    REQUIRE(got.size() == wanted.size());
    float worst = 0;
    for (std::int64_t i = 0; i < got.size(); ++i) {
        REQUIRE(std::isfinite(got.data()[i]));
        worst = std::max(worst, std::fabs(got.data()[i] - wanted.data()[i]));
    }
    return worst;
}

} // namespace

TEST_CASE("class activations and poses equal PyTorch's within 2e-5") {
    Context context;
    Safetensors expected = read_safetensors(weights_folder + "hinton_capsules_expected.safetensors");
    const TensorView<const float> images = expected.tensors.at("image").view<float>();
    const Answers got = run(context, images);
    // PyTorch's own f32 is within 2e-6 of its f64. Three rounds of routing in three layers multiply roundings.
    CHECK(largest_difference(got.activation, expected.tensors.at("activation").view<float>()) <= 2e-5F);
    CHECK(largest_difference(got.pose, expected.tensors.at("pose").view<float>()) <= 2e-5F);
}

TEST_CASE("an image of another size is refused") {
    Context context;
    const Tensor<float> small({1, 28, 28, 2});
    CHECK_THROWS_AS(run(context, small), Error);
}
