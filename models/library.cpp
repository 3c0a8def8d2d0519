#include "models/library.hpp"

#include "models/activations.hpp"
#include "models/attention.hpp"
#include "models/bilateral.hpp"
#include "models/contraction.hpp"
#include "models/distances.hpp"
#include "models/graph.hpp"
#include "models/local_attention.hpp"
#include "models/losses.hpp"
#include "models/norms.hpp"
#include "models/optimisers.hpp"
#include "models/pooling.hpp"
#include "models/quantised.hpp"
#include "models/random_numbers.hpp"
#include "models/recurrences.hpp"
#include "models/sampling.hpp"
#include "models/scans.hpp"
#include "models/segments.hpp"
#include "models/soft_dtw.hpp"
#include "models/softmax.hpp"
#include "models/topk.hpp"
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
        {"pairwise_l1", static_cast<Make>(pairwise_l1)},
        {"pairwise_l2", static_cast<Make>(pairwise_l2)},
        {"pairwise_cosine", static_cast<Make>(pairwise_cosine)},
        {"laplacian_sum", static_cast<Make>(laplacian_sum)},
        {"contraction", static_cast<Make>(contraction)},
        {"contraction_chain", contraction_chain},
        {"grid_sample", static_cast<MakeWith>(grid_sample)},
        {"grid_sample3d", grid_sample3d},
        {"resize_bilinear", resize_bilinear},
        {"resize_nearest", static_cast<Make>(resize_nearest)},
        {"deformable_conv", static_cast<Make>(deformable_conv)},
        {"bilateral_grid", bilateral_grid},
        {"bilateral_slice", static_cast<Make>(bilateral_slice)},
        {"embedding", static_cast<Make>(embedding)},
        {"message_passing", static_cast<MakeWith>(message_passing)},
        {"moe_matmul_per_token", static_cast<Make>(moe_matmul_per_token)},
        {"moe_gather_matmul", static_cast<Make>(moe_gather_matmul)},
        {"grouped_int8_matmul", static_cast<MakeWith>(grouped_int8_matmul)},
        {"quantise_i8", static_cast<Make>(quantise_i8)},
        {"quantise_i8_groups", static_cast<MakeWith>(quantise_i8_groups)},
        {"quantise_affine", static_cast<Make>(quantise_affine)},
        {"affine_int8_matmul", static_cast<Make>(affine_int8_matmul)},
        {"quantise_i4", static_cast<MakeWith>(quantise_i4)},
        {"dequantise_i4", static_cast<MakeWith>(dequantise_i4)},
        {"int4_matmul", static_cast<MakeWith>(int4_matmul)},
        {"int4_int8_matmul", static_cast<MakeWith>(int4_int8_matmul)},
        {"cross_entropy", static_cast<Make>(cross_entropy)},
        {"spread_loss", static_cast<Make>(spread_loss)},
        {"margin_loss", static_cast<Make>(margin_loss)},
        {"mean_squared_error", static_cast<Make>(mean_squared_error)},
        {"sgd_momentum", sgd_momentum},
        {"adam", adam},
        {"philox", static_cast<Make>(philox)},
        {"dropout", static_cast<MakeWith>(dropout)},
        {"selective_scan", static_cast<Make>(selective_scan)},
        {"wkv", static_cast<Make>(wkv)},
        {"soft_dtw", static_cast<Make>(soft_dtw)},
        {"cumulative_sums", cumulative_sums},
        {"gated_recurrence", gated_recurrence},
        {"segment_sums", segment_sums},
        {"scatter_sums", scatter_sums},
        {"topk", static_cast<Make>(topk)},
        {"rms_norm", static_cast<Make>(rms_norm)},
    };
    return list;
}

} // namespace coulter::models
