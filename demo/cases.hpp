#pragma once
/// The kernels that the demo measures, each with its inputs and a reference.

#include "capsules.hpp"

#include <coulter/runtime.h>
#include <coulter/runtime.hpp>

#include <functional>
#include <string>
#include <vector>

namespace demo {

/// What comparing a kernel's result with its reference gave.
struct Comparison {
    double error = 0; ///< largest error over largest magnitude
    std::string with; ///< what was compared with what
    double allowed = 1e-5;
};

/// A kernel with tensors to call it on. The tensors live in the functions.
struct Case {
    std::string sizes;
    const coulter_kernel_info* info = nullptr;
    std::int64_t bytes = 0; ///< of all arguments
    std::function<void(coulter::Context&)> call;
    std::function<Comparison()> compare; ///< after a call
};

// At the sizes that the kernels name as their estimates. References are plain loops in f64, and where a result is
// large, loops over samples of it.
[[nodiscard]] Case conv_capsules_case();
[[nodiscard]] Case matmul_case();
[[nodiscard]] Case conv2d_case();
[[nodiscard]] Case softmax_case();
[[nodiscard]] Case layer_norm_case();
[[nodiscard]] Case max_pool2d_case();
[[nodiscard]] Case max_pool2d_padded_case();
[[nodiscard]] Case avg_pool2d_case();
[[nodiscard]] Case avg_pool2d_padded_case();
/// The network over all held-out digits; its reference is PyTorch's answers. \pre the arguments outlive the case.
[[nodiscard]] Case digits_cnn_case(Network& network, HeldOut& digits);

/// The network of capsules over all held-out digits; its reference is PyTorch's answers. \pre as above.
[[nodiscard]] Case digits_capsules_case(CapsuleNetwork& network, HeldOut& digits, CapsuleAnswers& answers);

/// Bytes of tensors' elements.
template <class... Tensors>
[[nodiscard]] std::int64_t bytes_of(const Tensors&... tensors) {
    return (0 + ... + (tensors.size() * static_cast<std::int64_t>(sizeof(*tensors.data()))));
}

} // namespace demo
