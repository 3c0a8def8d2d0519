#include "trainer.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace train {

double rate_at(const Settings& settings, std::int64_t step) {
    const std::int64_t up = settings.steps / 10;
    if (step < up) {
        return settings.rate * static_cast<double>(step + 1) / static_cast<double>(up);
    }
    const double done = static_cast<double>(step - up) / static_cast<double>(settings.steps - up);
    return settings.rate * 0.5 * (1 + std::cos(std::numbers::pi * done));
}

double margin_at(const Settings& settings, std::int64_t step) {
    const double done = static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, settings.steps - 1));
    return settings.first_margin + (settings.last_margin - settings.first_margin) * done;
}

template <typename T>
State<T> first_state(const std::vector<Parameter>& parameters, std::uint64_t seed) {
    State<T> state;
    const std::vector<float> weights = first_weights(parameters, seed);
    state.weights.assign(weights.begin(), weights.end());
    state.mean.resize(weights.size());
    state.variance.resize(weights.size());
    return state;
}

template State<float> first_state(const std::vector<Parameter>&, std::uint64_t);
template State<double> first_state(const std::vector<Parameter>&, std::uint64_t);

template <typename T>
Trainer<T>::Trainer(Network<T>& network, const Images& images, const Settings& settings)
    : network_(network), settings_(settings), batches_(images, settings.batch, settings.shift, settings.seed),
      gradient_(static_cast<std::size_t>(total_size(network.parameters()))) {}

template <typename T>
void Trainer<T>::step(coulter::Context& context, State<T>& state) {
    const std::int64_t step = state.step();
    Batch batch = batches_.at(step);
    const T loss =
        network_.gradient(context, batch, static_cast<T>(margin_at(settings_, step)), state.weights, gradient_);
    network_.step(context, state.weights, gradient_, state.mean, state.variance,
                  static_cast<T>(rate_at(settings_, step)), static_cast<T>(step + 1),
                  static_cast<T>(settings_.largest));
    state.losses.push_back(loss);
}

template class Trainer<float>;
template class Trainer<double>;

} // namespace train
