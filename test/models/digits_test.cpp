// The digits network through the typed wrapper, with the committed weights, on every held-out image.

#define MODELS_HEADER(kernel) <MODELS_LIBRARY/kernel.h>
#include MODELS_HEADER(digits_cnn)

#include "coulter/safetensors.hpp"

#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

using namespace coulter;

namespace {

const std::string models = std::string(COULTER_TEST_DIR) + "/../models/";

struct Answers {
    std::vector<float> logits;
    std::vector<float> probabilities;
};

/// Runs images `first` to `first + count - 1` of the held-out ones.
Answers run(Context& context, std::int64_t first, std::int64_t count) {
    static Safetensors weights = read_safetensors(models + "weights/digits_cnn.safetensors");
    static Safetensors data = read_safetensors(models + "data/digits.safetensors");
    const auto weight = [](const char* name) {
        return TensorView<const float>(weights.tensors.at(name).view<float>());
    };
    const TensorView<std::uint8_t> images = data.tensors.at("held_out_images").view<std::uint8_t>();
    const TensorView<const std::uint8_t> part(images.data() + first * 64, {count, 8, 8});
    // In the file [256, 64]; the same bytes are [y 2, x 2, channel 64, hidden 64].
    const TensorView<const float> dense1(weight("dense1_weight").data(), {2, 2, 64, 64});
    Tensor<float> logits({count, 10});
    Tensor<float> probabilities({count, 10});
    digits_cnn(context, part, weight("conv1_weight"), weight("conv1_bias"), weight("conv2_weight"),
               weight("conv2_bias"), weight("norm_gamma"), weight("norm_beta"), dense1, weight("dense1_bias"),
               weight("dense2_weight"), weight("dense2_bias"), logits, probabilities);
    return {{logits.values().begin(), logits.values().end()},
            {probabilities.values().begin(), probabilities.values().end()}};
}

} // namespace

TEST_CASE("predictions equal PyTorch's on all held-out images, and at least 97 % are right") {
    Context context;
    const Answers got = run(context, 0, 450);
    Safetensors expected = read_safetensors(models + "weights/digits_cnn_expected.safetensors");
    Safetensors data = read_safetensors(models + "data/digits.safetensors");
    const auto logits = expected.tensors.at("logits").view<float>();
    const auto probabilities = expected.tensors.at("probabilities").view<float>();
    const auto predictions = expected.tensors.at("predictions").view<std::int32_t>();
    const auto labels = data.tensors.at("held_out_labels").view<std::int32_t>();
    REQUIRE(labels.size() == 450);
    float worst = 0;
    int right = 0;
    for (std::int64_t image = 0; image < 450; ++image) {
        const float* const row = got.logits.data() + image * 10;
        const auto prediction = static_cast<std::int32_t>(std::max_element(row, row + 10) - row);
        CHECK(prediction == predictions(image));
        right += prediction == labels(image) ? 1 : 0;
        for (std::int64_t digit = 0; digit < 10; ++digit) {
            REQUIRE(std::isfinite(row[digit]));
            worst = std::max(worst, std::fabs(row[digit] - logits(image, digit)));
            worst = std::max(worst, std::fabs(got.probabilities[static_cast<std::size_t>(image * 10 + digit)] -
                                              probabilities(image, digit)));
        }
    }
    CHECK(worst <= 1e-4F);
    CHECK(right >= 437); // 97 %
}

TEST_CASE("an image gets the same answer alone and in a batch") {
    Context context;
    const Answers together = run(context, 0, 13);
    for (std::int64_t image = 0; image < 13; ++image) {
        const Answers alone = run(context, image, 1);
        for (std::size_t digit = 0; digit < 10; ++digit) {
            const float other = together.logits[static_cast<std::size_t>(image) * 10 + digit];
            CHECK(alone.logits[digit] == doctest::Approx(other).epsilon(1e-5));
        }
    }
}

TEST_CASE("a batch of nothing is accepted, a missing row of logits is not") {
    Context context;
    CHECK(run(context, 0, 0).logits.empty());
    std::vector<float> small(10);
    std::vector<std::uint8_t> pixels(128);
    Safetensors weights = read_safetensors(models + "weights/digits_cnn.safetensors");
    const auto weight = [&](const char* name) {
        return TensorView<const float>(weights.tensors.at(name).view<float>());
    };
    const TensorView<const float> dense1(weight("dense1_weight").data(), {2, 2, 64, 64});
    CHECK_THROWS_AS(digits_cnn(context, TensorView<const std::uint8_t>(pixels.data(), {2, 8, 8}),
                               weight("conv1_weight"), weight("conv1_bias"), weight("conv2_weight"),
                               weight("conv2_bias"), weight("norm_gamma"), weight("norm_beta"), dense1,
                               weight("dense1_bias"), weight("dense2_weight"), weight("dense2_bias"),
                               TensorView<float>(small.data(), {1, 10}), TensorView<float>(small.data(), {1, 10})),
                    Error);
}
