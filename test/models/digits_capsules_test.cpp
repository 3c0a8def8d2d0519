// The capsule network for digits through the typed wrapper, with the committed weights, on every held-out image.

#include "coulter/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <digits_capsules/digits_capsules.h>
#include <doctest/doctest.h>

using namespace coulter;

namespace {

const std::string models = std::string(COULTER_TEST_DIR) + "/../models/";

struct Answers {
    explicit Answers(std::int64_t count)
        : activation({count, 10}), pose({count, 10, 4, 4}), assignment({count, 4, 4, 8, 10}),
          agreement({count, 4, 4, 8, 10}) {}
    Tensor<float> activation;
    Tensor<float> pose;
    Tensor<float> assignment;
    Tensor<float> agreement;
};

void call(Context& context, const TensorView<const std::uint8_t>& images, Answers& answers) {
    static Safetensors weights = read_safetensors(models + "weights/digits_capsules.safetensors");
    const auto weight = [](const char* name) {
        return TensorView<const float>(weights.tensors.at(name).view<float>());
    };
    digits_capsules(context, images, weight("conv_weight"), weight("conv_bias"), weight("primary_pose_weight"),
                    weight("primary_pose_bias"), weight("primary_activation_weight"), weight("primary_activation_bias"),
                    weight("capsules_weight"), weight("capsules_beta_u"), weight("capsules_beta_a"),
                    weight("class_weight"), weight("class_beta_u"), weight("class_beta_a"), answers.activation,
                    answers.pose, answers.assignment, answers.agreement);
}

/// Runs images `first` to `first + count - 1` of the held-out ones.
Answers run(Context& context, std::int64_t first, std::int64_t count) {
    static Safetensors data = read_safetensors(models + "data/digits.safetensors");
    const TensorView<std::uint8_t> images = data.tensors.at("held_out_images").view<std::uint8_t>();
    Answers answers(count);
    call(context, TensorView<const std::uint8_t>(images.data() + first * 64, {count, 8, 8}), answers);
    return answers;
}

/// Of the first elements, as many as `wanted` has.
float largest_difference(const Tensor<float>& got, const TensorView<const float>& wanted) {
    REQUIRE(got.size() >= wanted.size());
    float worst = 0;
    for (std::int64_t i = 0; i < wanted.size(); ++i) {
        REQUIRE(std::isfinite(got.data()[i]));
        worst = std::max(worst, std::fabs(got.data()[i] - wanted.data()[i]));
    }
    return worst;
}

} // namespace

TEST_CASE("capsules predict what PyTorch's predict on all held-out images, and at least 96 % are right") {
    Context context;
    const Answers got = run(context, 0, 450);
    Safetensors expected = read_safetensors(models + "weights/digits_capsules_expected.safetensors");
    Safetensors data = read_safetensors(models + "data/digits.safetensors");
    const auto predictions = expected.tensors.at("predictions").view<std::int32_t>();
    const auto labels = data.tensors.at("held_out_labels").view<std::int32_t>();
    REQUIRE(predictions.size() == 450);
    int right = 0;
    for (std::int64_t image = 0; image < 450; ++image) {
        const float* const row = got.activation.data() + image * 10;
        const auto prediction = static_cast<std::int32_t>(std::max_element(row, row + 10) - row);
        CHECK(prediction == predictions(image));
        right += prediction == labels(image) ? 1 : 0;
    }
    CHECK(right >= 432); // 96 %
}

TEST_CASE("activations, poses and what routing did equal PyTorch's") {
    Context context;
    const Answers got = run(context, 0, 450);
    Safetensors expected = read_safetensors(models + "weights/digits_capsules_expected.safetensors");
    const auto wanted = [&](const char* name) {
        return TensorView<const float>(expected.tensors.at(name).view<float>());
    };
    // PyTorch's f32 has errors of 2e-6 and, for poses of up to 11, of 7e-5 itself.
    CHECK(largest_difference(got.activation, wanted("activation")) <= 2e-5F);
    CHECK(largest_difference(got.pose, wanted("pose")) <= 5e-4F);
    CHECK(largest_difference(got.assignment, wanted("assignment")) <= 1e-4F);
    CHECK(largest_difference(got.agreement, wanted("agreement")) <= 1e-4F);
}

TEST_CASE("an image gets the same capsules alone and in a batch") {
    Context context;
    const Answers together = run(context, 0, 7);
    for (std::int64_t image = 0; image < 7; ++image) {
        const Answers alone = run(context, image, 1);
        for (std::int64_t digit = 0; digit < 10; ++digit) {
            CHECK(alone.activation.data()[digit] ==
                  doctest::Approx(together.activation.data()[image * 10 + digit]).epsilon(1e-4));
        }
    }
}

TEST_CASE("a batch of nothing is accepted, an image of another size is not") {
    Context context;
    CHECK(run(context, 0, 0).activation.size() == 0);
    const Tensor<std::uint8_t> large({1, 9, 9});
    Answers answers(1);
    CHECK_THROWS_AS(call(context, large, answers), Error);
}
