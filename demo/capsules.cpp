#include "capsules.hpp"

#include <digits_capsules/digits_capsules.h>

#include <algorithm>
#include <string>

namespace demo {

CapsuleOutputs::CapsuleOutputs(std::int64_t count)
    : activation({count, 10}), pose({count, 10, 4, 4}),
      assignment({count, capsule_positions, capsule_positions, capsule_types, 10}),
      agreement({count, capsule_positions, capsule_positions, capsule_types, 10}) {}

CapsuleNetwork::CapsuleNetwork(const std::filesystem::path& models)
    : parameters_(coulter::read_safetensors(models / "weights/digits_capsules.safetensors")) {}

coulter::TensorView<const float> CapsuleNetwork::parameter(const char* name) {
    return find_tensor(parameters_, name).view<const float>();
}

void CapsuleNetwork::look(coulter::Context& context, const coulter::TensorView<const std::uint8_t>& images,
                          CapsuleOutputs& outputs) {
    coulter::digits_capsules(context, images, parameter("conv_weight"), parameter("conv_bias"),
                             parameter("primary_pose_weight"), parameter("primary_pose_bias"),
                             parameter("primary_activation_weight"), parameter("primary_activation_bias"),
                             parameter("capsules_weight"), parameter("capsules_beta_u"), parameter("capsules_beta_a"),
                             parameter("class_weight"), parameter("class_beta_u"), parameter("class_beta_a"),
                             outputs.activation, outputs.pose, outputs.assignment, outputs.agreement);
}

std::int64_t CapsuleNetwork::parameter_bytes() const {
    std::int64_t bytes = 0;
    for (const auto& [name, array] : parameters_.tensors) {
        bytes += static_cast<std::int64_t>(array.data.size());
    }
    return bytes;
}

CapsuleAnswers capsule_answers(coulter::Context& context, CapsuleNetwork& network, HeldOut& digits,
                               const std::filesystem::path& models) {
    const std::int64_t count = digits.count();
    coulter::Safetensors file = coulter::read_safetensors(models / "weights/digits_capsules_expected.safetensors");
    CapsuleAnswers result{CapsuleOutputs(count), {}, 0, 0, {}, {}};
    result.expected_activations = find_tensor(file, "activation", {count, 10});
    result.expected_poses = find_tensor(file, "pose", {count, 10, 4, 4});
    const auto expected = find_tensor(file, "predictions", {count}).view<const std::int32_t>();

    network.look(context, digits.images.view<const std::uint8_t>(), result.outputs);
    for (std::int64_t i = 0; i < count; ++i) {
        const float* const of_image = result.outputs.activation.data() + 10 * i;
        const auto prediction = static_cast<std::int32_t>(std::max_element(of_image, of_image + 10) - of_image);
        result.predictions.push_back(prediction);
        result.right += prediction == digits.labels[static_cast<std::size_t>(i)] ? 1 : 0;
        result.unlike_pytorch += prediction == expected(i) ? 0 : 1;
    }
    return result;
}

} // namespace demo
