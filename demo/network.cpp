#include "network.hpp"

#include <models/digits_cnn.h>

#include <algorithm>
#include <string>

namespace demo {
namespace {

std::vector<std::int32_t> integers(coulter::FileArray& array) {
    const auto view = array.view<const std::int32_t>();
    return {view.data(), view.data() + view.size()};
}

} // namespace

coulter::FileArray& find_tensor(coulter::Safetensors& file, const std::string& name,
                                const std::vector<std::int64_t>& shape) {
    const auto at = file.tensors.find(name);
    if (at == file.tensors.end()) {
        throw coulter::Error(COULTER_ERROR_FORMAT, "the file has no tensor " + name);
    }
    if (!shape.empty() && at->second.shape != shape) {
        throw coulter::Error(COULTER_ERROR_FORMAT, "the tensor " + name + " has another shape than wanted");
    }
    return at->second;
}

HeldOut read_held_out(const std::filesystem::path& models) {
    coulter::Safetensors data = coulter::read_safetensors(models / "data/digits.safetensors");
    coulter::Safetensors expected = coulter::read_safetensors(models / "weights/digits_cnn_expected.safetensors");
    HeldOut digits;
    const std::int64_t count =
        data.tensors["held_out_labels"].shape.empty() ? 0 : data.tensors["held_out_labels"].shape[0];
    digits.labels = integers(find_tensor(data, "held_out_labels", {count}));
    digits.images = find_tensor(data, "held_out_images", {count, digit_size, digit_size});
    digits.expected_logits = find_tensor(expected, "logits", {count, 10});
    digits.expected_probabilities = find_tensor(expected, "probabilities", {count, 10});
    digits.expected_predictions = integers(find_tensor(expected, "predictions", {count}));
    return digits;
}

Network::Network(const std::filesystem::path& models)
    : parameters_(coulter::read_safetensors(models / "weights/digits_cnn.safetensors")) {
    // The dense layer sums over the dims y2, x2 and c64. In the file they are one dim; the bytes are the same.
    find_tensor(parameters_, "dense1_weight", {256, 64}).shape = {2, 2, 64, 64};
}

coulter::TensorView<const float> Network::parameter(const char* name) {
    return find_tensor(parameters_, name).view<const float>();
}

void Network::classify(coulter::Context& context, const coulter::TensorView<const std::uint8_t>& images,
                       const coulter::TensorView<float>& logits, const coulter::TensorView<float>& probabilities) {
    coulter::digits_cnn(context, images, parameter("conv1_weight"), parameter("conv1_bias"), parameter("conv2_weight"),
                        parameter("conv2_bias"), parameter("norm_gamma"), parameter("norm_beta"),
                        parameter("dense1_weight"), parameter("dense1_bias"), parameter("dense2_weight"),
                        parameter("dense2_bias"), logits, probabilities);
}

std::int64_t Network::parameter_bytes() const {
    std::int64_t bytes = 0;
    for (const auto& [name, array] : parameters_.tensors) {
        bytes += static_cast<std::int64_t>(array.data.size());
    }
    return bytes;
}

Answers answers(coulter::Context& context, Network& network, HeldOut& digits) {
    const std::int64_t count = digits.count();
    coulter::Tensor<float> logits{count, 10};
    Answers result{coulter::Tensor<float>{count, 10}, {}, 0, 0};
    network.classify(context, digits.images.view<const std::uint8_t>(), logits, result.probabilities);
    for (std::int64_t i = 0; i < count; ++i) {
        const float* const of_image = logits.data() + 10 * i;
        const auto prediction = static_cast<std::int32_t>(std::max_element(of_image, of_image + 10) - of_image);
        const auto n = static_cast<std::size_t>(i);
        result.predictions.push_back(prediction);
        result.right += prediction == digits.labels[n] ? 1 : 0;
        result.unlike_pytorch += prediction == digits.expected_predictions[n] ? 0 : 1;
    }
    return result;
}

} // namespace demo
