#include "network.hpp"

#include "random.hpp"

#include <algorithm>

namespace train {

std::int64_t Parameter::size() const {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) {
        count *= extent;
    }
    return count;
}

std::int64_t total_size(const std::vector<Parameter>& parameters) {
    std::int64_t count = 0;
    for (const Parameter& parameter : parameters) {
        count += parameter.size();
    }
    return count;
}

std::vector<float> first_weights(const std::vector<Parameter>& parameters, std::uint64_t seed) {
    std::vector<float> weights;
    std::uint32_t number = 0;
    for (const Parameter& parameter : parameters) {
        for (std::int64_t i = 0; i < parameter.size(); ++i) {
            const std::int64_t columns = parameter.shape.back();
            const bool has_mean = !parameter.is_pose || i / columns % parameter.shape.rbegin()[1] == i % columns;
            const double noise = parameter.deviation == 0
                                     ? 0
                                     : parameter.deviation * normal(seed, number, static_cast<std::uint32_t>(i));
            weights.push_back(static_cast<float>((has_mean ? parameter.mean : 0) + noise));
        }
        ++number;
    }
    return weights;
}

std::vector<float> in_units(const std::vector<Parameter>& parameters, std::span<const float> weights) {
    std::vector<float> used(weights.begin(), weights.end());
    auto at = used.begin();
    for (const Parameter& parameter : parameters) {
        std::for_each(at, at + parameter.size(), [&](float& value) { value *= static_cast<float>(parameter.unit); });
        at += parameter.size();
    }
    return used;
}

std::int64_t count_right(const float* activations, const std::vector<std::int32_t>& labels, int classes) {
    std::int64_t right = 0;
    for (const std::int32_t label : labels) {
        right += std::max_element(activations, activations + classes) - activations == label ? 1 : 0;
        activations += classes;
    }
    return right;
}

} // namespace train
