#pragma once
/// Training: steps of gradient descent from one state to the next.

#include "network.hpp"

namespace train {

/// All that decides what a run computes, but for the network and the data.
struct Settings {
    std::uint64_t seed = 1;
    std::int64_t steps = 0; ///< of the whole run; learning rate and margin follow a plan over them
    std::int64_t batch = 32;
    double rate = 7e-3;     ///< the highest
    double largest = 5;     ///< norm of a gradient, beyond which it is clipped
    std::int64_t shift = 1; ///< pixels that an image is moved by at the most
    double first_margin = 0.8;
    double last_margin = 0.9;
};

/// A tenth of the steps up to `rate` in equal parts, then half a cosine down to 0 behind the last step.
[[nodiscard]] double rate_at(const Settings& settings, std::int64_t step);
/// From the first margin to the last in equal parts.
[[nodiscard]] double margin_at(const Settings& settings, std::int64_t step);

/// Where a run stands. Everything that the next step depends on is here, in the settings or in the data.
template <typename T>
struct State {
    std::vector<T> weights;
    std::vector<T> mean;             ///< of the gradient, as Adam has it
    std::vector<T> variance;         ///< of the gradient, as Adam has it
    std::vector<T> losses;           ///< of the steps so far
    std::vector<std::int32_t> right; ///< held-out images named right after each epoch so far

    [[nodiscard]] std::int64_t step() const { return static_cast<std::int64_t>(losses.size()); }
};

template <typename T>
[[nodiscard]] State<T> first_state(const std::vector<Parameter>& parameters, std::uint64_t seed);

/// One step on the next batch: loss and gradient, then the optimiser.
template <typename T>
class Trainer {
public:
    /// \pre 1 <= settings.batch <= images.count(). All are kept by reference.
    Trainer(Network<T>& network, const Images& images, const Settings& settings);

    void step(coulter::Context& context, State<T>& state);
    [[nodiscard]] std::int64_t steps_per_epoch() const { return batches_.per_epoch(); }

private:
    Network<T>& network_;
    const Settings& settings_;
    Batches batches_;
    std::vector<T> gradient_;
};

extern template class Trainer<float>;
extern template class Trainer<double>;

} // namespace train
