// The first 50 steps of training the digits capsules, against PyTorch's from the same weights on the same batches.

#include "digits_network.hpp"
#include "trainer.hpp"

#include <cmath>
#include <doctest/doctest.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <training_f64/clipped_adam_f64.h>
#include <training_f64/digits_training_f64.h>

using namespace coulter;

namespace {

const std::string root = std::string(COULTER_TEST_DIR) + "/../";

/// The kernels of f64, which no program needs.
class Digits64 : public train::Network<double> {
public:
    [[nodiscard]] const std::vector<train::Parameter>& parameters() const override {
        return train::digits_parameters();
    }

    double gradient(Context& context, train::Batch& batch, double margin, std::span<const double> weights,
                    std::span<double> gradient) override {
        const auto count = static_cast<std::int64_t>(batch.labels.size());
        double loss = 0;
        const auto in = train::slices<const double>(parameters(), weights);
        const auto out = train::slices<double>(parameters(), gradient);
        digits_training_f64(context, TensorView<const std::int32_t>(batch.labels, {count}), margin,
                            TensorView<const std::uint8_t>(batch.pixels, {count, 8, 8}), in[0], in[1], in[2], in[3],
                            in[4], in[5], in[6], in[7], in[8], in[9], in[10], in[11], 1, train::scalar(loss), out[0],
                            out[1], out[2], out[3], out[4], out[5], out[6], out[7], out[8], out[9], out[10], out[11]);
        return loss;
    }

    double step(Context& context, std::span<double> weights, std::span<const double> gradient, std::span<double> mean,
                std::span<double> variance, double rate, double t, double largest) override {
        const auto n = static_cast<std::int64_t>(weights.size());
        double norm = 0;
        const TensorView<double> w(weights.data(), {n}), m(mean.data(), {n}), v(variance.data(), {n});
        clipped_adam_f64(context, w, TensorView<const double>(gradient.data(), {n}), m, v, rate, t, largest, w, m, v,
                         train::scalar(norm));
        return norm;
    }

    std::int64_t right(Context&, const train::Images&, std::span<const double>) override { return 0; }
};

/// The largest difference between the losses and PyTorch's in the same type.
template <typename T>
double worst(train::Network<T>& network, const char* type) {
    std::ifstream file(root + "test/goldens/training/digits_capsules.json");
    const nlohmann::json golden = nlohmann::json::parse(file);
    train::Settings settings;
    settings.seed = golden.at("seed").get<std::uint64_t>();
    settings.steps = golden.at("steps").get<std::int64_t>();
    settings.batch = golden.at("batch").get<std::int64_t>();
    settings.rate = golden.at("rate").get<double>();
    settings.largest = golden.at("largest").get<double>();
    const auto wanted = golden.at(type).get<std::vector<double>>();
    REQUIRE(static_cast<std::int64_t>(wanted.size()) == settings.steps);
    // The curve shows no clipping where no gradient is clipped, and no more than clipping where all are.
    const auto norms = golden.at("norm").get<std::vector<double>>();
    const auto clipped =
        std::count_if(norms.begin(), norms.end(), [&](double norm) { return norm > settings.largest; });
    CHECK(clipped > 0);
    CHECK(clipped < settings.steps);

    const train::DataSet data = train::read_data(root + "models/data/digits.safetensors", train::digits_shape);
    Context context;
    context.set_threads(2);
    train::Trainer<T> trainer(network, data.train, settings);
    train::State<T> state = train::first_state<T>(network.parameters(), settings.seed);
    double difference = 0;
    for (const double loss : wanted) {
        trainer.step(context, state);
        REQUIRE(std::isfinite(state.losses.back()));
        difference = std::max(difference, std::fabs(static_cast<double>(state.losses.back()) - loss));
    }
    MESSAGE("loss " << wanted.front() << " to " << wanted.back() << ", " << clipped << " gradients clipped, "
                    << std::string(type) << " differs from PyTorch's by " << difference);
    return difference;
}

} // namespace

TEST_CASE("50 steps of training in f64 have PyTorch's losses") {
    Digits64 network;
    CHECK(worst<double>(network, "f64") <= 1e-3);
}

TEST_CASE("50 steps of training in f32 have PyTorch's losses") {
    const std::unique_ptr<train::Network<float>> network = train::digits_network();
    CHECK(worst<float>(*network, "f32") <= 1e-2);
}
