#pragma once
/// The digits, the network's parameters, and what the network says about the digits.

#include <coulter/safetensors.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace demo {

inline constexpr std::int64_t digit_size = 8; ///< pixels, on both sides

/// A tensor of a file. \throws coulter::Error where it is missing, or has another shape than `shape`, if that is not
/// empty.
[[nodiscard]] coulter::FileArray& find_tensor(coulter::Safetensors& file, const std::string& name,
                                              const std::vector<std::int64_t>& shape = {});

/// The held-out images, none of which the network has seen in training.
struct HeldOut {
    coulter::FileArray images; ///< u8 [count, 8, 8], 0 (paper) to 16 (ink)
    std::vector<std::int32_t> labels;
    // PyTorch's answers, computed in f64.
    coulter::FileArray expected_logits;        ///< f32 [count, 10]
    coulter::FileArray expected_probabilities; ///< f32 [count, 10]
    std::vector<std::int32_t> expected_predictions;

    [[nodiscard]] std::int64_t count() const { return static_cast<std::int64_t>(labels.size()); }
};

/// Reads data/digits.safetensors and weights/digits_cnn_expected.safetensors below `models`.
/// \throws coulter::Error for a file that is missing, malformed, or holds tensors of other shapes.
[[nodiscard]] HeldOut read_held_out(const std::filesystem::path& models);

/// The kernel digits_cnn with its parameters.
class Network {
public:
    /// Reads weights/digits_cnn.safetensors below `models`. \throws coulter::Error as above.
    explicit Network(const std::filesystem::path& models);

    /// \param images u8 [count, 8, 8]; \param logits, probabilities f32 [count, 10], written.
    void classify(coulter::Context& context, const coulter::TensorView<const std::uint8_t>& images,
                  const coulter::TensorView<float>& logits, const coulter::TensorView<float>& probabilities);

    [[nodiscard]] std::int64_t parameter_bytes() const;

private:
    coulter::TensorView<const float> parameter(const char* name);

    coulter::Safetensors parameters_;
};

/// What the network says about the held-out images.
struct Answers {
    coulter::Tensor<float> probabilities; ///< [count, 10]
    std::vector<std::int32_t> predictions;
    std::int64_t right = 0;
    std::int64_t unlike_pytorch = 0; ///< predictions other than PyTorch's
};

[[nodiscard]] Answers answers(coulter::Context& context, Network& network, HeldOut& digits);

} // namespace demo
