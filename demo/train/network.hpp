#pragma once
/// What the trainer needs to know of a network: its parameters, and the generated kernels of a step.

#include "batches.hpp"

#include <coulter/runtime.hpp>

#include <span>
#include <string>
#include <vector>

namespace train {

/// One tensor of weights and its first values: `mean`, or where `is_pose`, `mean` on the diagonal of the two innermost
/// dims and 0 elsewhere; plus normally distributed numbers times `deviation`.
struct Parameter {
    std::string name;
    std::vector<std::int64_t> shape;
    double mean = 0;
    double deviation = 0;
    bool is_pose = false;
    double unit = 1; ///< what a value is multiplied with where the network is used

    [[nodiscard]] std::int64_t size() const;
};

/// The parameters lie side by side in the order of `parameters()`, in one array of T, and so do gradients and what the
/// optimiser keeps: one call of its kernel steps them all.
template <typename T>
class Network {
public:
    virtual ~Network() = default;

    [[nodiscard]] virtual const std::vector<Parameter>& parameters() const = 0;

    /// The loss of a batch, averaged, and its gradient.
    virtual T gradient(coulter::Context& context, Batch& batch, T margin, std::span<const T> weights,
                       std::span<T> gradient) = 0;
    /// Changes weights, mean and variance in place. \returns the norm of the gradient before it was clipped.
    virtual T step(coulter::Context& context, std::span<T> weights, std::span<const T> gradient, std::span<T> mean,
                   std::span<T> variance, T rate, T t, T largest) = 0;
    /// How many images it names right.
    virtual std::int64_t right(coulter::Context& context, const Images& images, std::span<const T> weights) = 0;
};

[[nodiscard]] std::int64_t total_size(const std::vector<Parameter>& parameters);

/// All parameters' first values. The same seed gives the same numbers; those of f32 are those of f64, rounded to f32.
[[nodiscard]] std::vector<float> first_weights(const std::vector<Parameter>& parameters, std::uint64_t seed);

/// The weights as the network's own kernel takes them: each times its unit.
[[nodiscard]] std::vector<float> in_units(const std::vector<Parameter>& parameters, std::span<const float> weights);

/// Of how many images the largest of `classes` activations is the label's.
[[nodiscard]] std::int64_t count_right(const float* activations, const std::vector<std::int32_t>& labels, int classes);

/// Views of each parameter in an array that holds all.
template <typename T>
[[nodiscard]] std::vector<coulter::TensorView<T>> slices(const std::vector<Parameter>& parameters, std::span<T> all) {
    std::vector<coulter::TensorView<T>> views;
    T* at = all.data();
    for (const Parameter& parameter : parameters) {
        views.emplace_back(at, std::span<const std::int64_t>(parameter.shape));
        at += parameter.size();
    }
    return views;
}

/// A number as a tensor without dims.
template <typename T>
[[nodiscard]] coulter::TensorView<T> scalar(T& value) {
    return coulter::TensorView<T>(&value, std::span<const std::int64_t>());
}

} // namespace train
