#include "models/library.hpp"

#include "models/activations.hpp"
#include "models/attention.hpp"
#include "models/local_attention.hpp"
#include "models/norms.hpp"
#include "models/pooling.hpp"
#include "models/softmax.hpp"
#include "models/windows.hpp"

namespace coulter::models {

const std::vector<KernelFactory>& library() {
    using Make = Kernel (*)();
    using MakeWith = Kernel (*)(const Params&);
    // Most share their names with a library function.
    static const std::vector<KernelFactory> list{
        {"log_softmax", static_cast<Make>(log_softmax)},
        {"attention", static_cast<Make>(attention)},
        {"attention_causal", attention_causal},
        {"attention_bias", attention_bias},
        {"attention_one_pass", static_cast<Make>(attention_one_pass)},
        {"sliding_window_attention", static_cast<MakeWith>(sliding_window_attention)},
        {"neighbourhood_attention", static_cast<MakeWith>(neighbourhood_attention)},
        {"rope", static_cast<Make>(rope)},
        {"rope_attention", rope_attention},
        {"silu", static_cast<Make>(silu)},
        {"group_norm", static_cast<Make>(group_norm)},
        {"group_norm_two_passes", group_norm_two_passes},
        {"batch_norm", static_cast<Make>(batch_norm)},
        {"batch_norm_training", batch_norm_training},
        {"conv1d", conv1d},
        {"conv3d", conv3d},
        {"depthwise_conv3d", depthwise_conv3d},
        {"conv_transpose1d", conv_transpose1d},
        {"conv_transpose2d", conv_transpose2d},
        {"locally_connected", static_cast<Make>(locally_connected)},
        {"involution", static_cast<MakeWith>(involution)},
        {"correlation", static_cast<MakeWith>(correlation)},
        {"max_pool1d", max_pool1d},
        {"avg_pool1d", avg_pool1d},
        {"max_pool3d", max_pool3d},
        {"avg_pool3d", avg_pool3d},
        {"rms_norm", static_cast<Make>(rms_norm)},
    };
    return list;
}

} // namespace coulter::models
