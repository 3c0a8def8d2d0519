#include "models/kernels.hpp"

#include "models/activations.hpp"
#include "models/capsules.hpp"
#include "models/convolution.hpp"
#include "models/digits_cnn.hpp"
#include "models/em_routing.hpp"
#include "models/layer_norm.hpp"
#include "models/matmul.hpp"
#include "models/pooling.hpp"
#include "models/reductions.hpp"
#include "models/softmax.hpp"

namespace coulter::models {

const std::vector<KernelFactory>& kernels() {
    using Make = Kernel (*)();
    // Some kernels share their name with a library function.
    static const std::vector<KernelFactory> list{
        {"conv_capsules", conv_capsules},
        {"matmul", static_cast<Make>(matmul)},
        {"conv2d", conv2d},
        {"conv2d_strided", conv2d_strided},
        {"conv2d_dilated", conv2d_dilated},
        {"conv2d_grouped", conv2d_grouped},
        {"conv2d_valid", conv2d_valid},
        {"max_pool2d", max_pool2d},
        {"max_pool2d_padded", max_pool2d_padded},
        {"avg_pool2d", avg_pool2d},
        {"avg_pool2d_padded", avg_pool2d_padded},
        {"softmax", static_cast<Make>(softmax)},
        {"layer_norm", static_cast<Make>(layer_norm)},
        {"gelu", static_cast<Make>(gelu)},
        {"gelu_tanh", static_cast<Make>(gelu_tanh)},
        {"reductions", reductions},
        {"digits_cnn", digits_cnn},
        {"em_routing", static_cast<Make>(em_routing)},
    };
    return list;
}

} // namespace coulter::models
