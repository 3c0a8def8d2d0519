// One step of training the network for solids, against PyTorch's from the same weights on the same images.

#include "networks.hpp"
#include "solids_network.hpp"

#include <coulter/safetensors.hpp>

#include <cmath>
#include <doctest/doctest.h>

using namespace coulter;

namespace {

const std::string golden_file = std::string(COULTER_TEST_DIR) + "/goldens/training/hinton_capsules.safetensors";

/// The distance of two arrays by the length of the second.
double relative_distance(const TensorView<const float>& got, const TensorView<const float>& wanted) {
    REQUIRE(got.size() == wanted.size());
    double apart = 0, length = 0;
    for (std::int64_t i = 0; i < got.size(); ++i) {
        REQUIRE(std::isfinite(got.data()[i]));
        apart += std::pow(got.data()[i] - wanted.data()[i], 2);
        length += std::pow(wanted.data()[i], 2);
    }
    REQUIRE(length > 0);
    return std::sqrt(apart / length);
}

} // namespace

TEST_CASE("loss and gradient of a step are PyTorch's, and the same for any number of threads") {
    Safetensors golden = read_safetensors(golden_file);
    const TensorView<const std::uint8_t> images = golden.tensors.at("images").view<std::uint8_t>();
    const TensorView<const std::int32_t> labels = golden.tensors.at("labels").view<std::int32_t>();
    const double loss = *TensorView<const double>(golden.tensors.at("loss").view<double>()).data();
    const auto margin = std::stof(golden.metadata.at("margin"));
    train::Batch batch;
    batch.pixels.assign(images.data(), images.data() + images.size());
    batch.labels.assign(labels.data(), labels.data() + labels.size());

    const std::unique_ptr<train::Network<float>> network = train::solids_network();
    const std::vector<train::Parameter>& parameters = network->parameters();
    const std::vector<float> weights = train::first_weights(parameters, std::stoull(golden.metadata.at("seed")));
    CHECK(weights.size() == 68754);
    std::vector<float> gradient(weights.size());
    Context context;
    context.set_threads(2);
    const float got = network->gradient(context, batch, margin, weights, gradient);
    MESSAGE("loss " << got << ", PyTorch's in f64 " << loss);
    CHECK(std::fabs(got - loss) <= 1e-5 * loss);
    // PyTorch's own f32 is within 3e-5 of its f64.
    const auto views = train::slices<const float>(parameters, gradient);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const TensorView<const float> wanted = golden.tensors.at("d." + parameters[i].name).view<float>();
        INFO("parameter " << parameters[i].name);
        CHECK(relative_distance(views[i], wanted) <= 1e-3);
    }

    std::vector<float> again(weights.size());
    Context alone;
    alone.set_threads(1);
    CHECK(network->gradient(alone, batch, margin, weights, again) == got);
    CHECK(again == gradient);
}
