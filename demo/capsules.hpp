#pragma once
/// The network of capsules, and what its capsules say about the digits.

#include "network.hpp"

namespace demo {

inline constexpr std::int64_t capsule_positions = 4; ///< on both sides of the image
inline constexpr std::int64_t capsule_types = 8;

/// What the kernel digits_capsules writes for `count` images.
struct CapsuleOutputs {
    explicit CapsuleOutputs(std::int64_t count);

    coulter::Tensor<float> activation; ///< [count, digit 10]
    coulter::Tensor<float> pose;       ///< [count, digit 10, row 4, col 4]
    /// [count, y 4, x 4, type 8, digit 10], what of each capsule, times its activation, went to each class
    coulter::Tensor<float> assignment;
    coulter::Tensor<float> agreement; ///< the same dims, the cosine between its vote and the pose of the class
};

/// The kernel digits_capsules with its parameters.
class CapsuleNetwork {
public:
    /// Reads weights/digits_capsules.safetensors below `models`. \throws coulter::Error for a file that is missing or
    /// malformed.
    explicit CapsuleNetwork(const std::filesystem::path& models);

    /// \param images u8 [count, 8, 8]; `outputs` are of that count, and written.
    void look(coulter::Context& context, const coulter::TensorView<const std::uint8_t>& images,
              CapsuleOutputs& outputs);

    [[nodiscard]] std::int64_t parameter_bytes() const;

private:
    coulter::TensorView<const float> parameter(const char* name);

    coulter::Safetensors parameters_;
};

/// What the capsules say about the held-out images, and what PyTorch's say.
struct CapsuleAnswers {
    CapsuleOutputs outputs;
    std::vector<std::int32_t> predictions;
    std::int64_t right = 0;
    std::int64_t unlike_pytorch = 0;         ///< predictions other than PyTorch's
    coulter::FileArray expected_activations; ///< f32 [count, 10], computed by PyTorch in f64
    coulter::FileArray expected_poses;       ///< f32 [count, 10, 4, 4]
};

/// Reads weights/digits_capsules_expected.safetensors below `models` and asks the network. \throws coulter::Error as
/// above.
[[nodiscard]] CapsuleAnswers capsule_answers(coulter::Context& context, CapsuleNetwork& network, HeldOut& digits,
                                             const std::filesystem::path& models);

} // namespace demo
