// What attention and normalisation refuse.

#include "models/activations.hpp"
#include "models/attention.hpp"
#include "models/local_attention.hpp"
#include "models/norms.hpp"
#include "models/refusals.hpp"
#include "models/softmax.hpp"

using namespace coulter;
using namespace coulter::test;

namespace {

/// Queries, keys and values of f32.
struct Sequence {
    Dim i{"i"}, j{"j"}, d{"d"}, e{"e"}, tap{"tap", 5};
    Input q{"q", f32, {i, d}}, k{"k", f32, {j, d}}, v{"v", f32, {j, e}};
    Tensor result{"result"};
};

const std::vector<Refused>& attention_cases() {
    static const std::vector<Refused> list{
        {"attention_without_channel",
         [] {
             Sequence s;
             s.result = models::attention(s.q, s.k, s.v, {s.i, s.j, {}});
             return kernel_of(s.result);
         }},
        {"attention_over_other_dim",
         [] {
             Sequence s;
             s.result = models::attention(s.q, s.k, s.v, {s.i, s.tap, {s.d}});
             return kernel_of(s.result);
         }},
        {"attention_of_integers",
         [] {
             Sequence s;
             Input k("k", i32, {s.j, s.d});
             s.result = models::attention(s.q, k, s.v, {s.i, s.j, {s.d}});
             return kernel_of(s.result);
         }},
        {"attention_blocks_of_0",
         [] {
             Sequence s;
             s.result = models::attention_one_pass(s.q, s.k, s.v, {s.i, s.j, {s.d}}, {0, Dim("block"), Dim("within")});
             return kernel_of(s.result);
         }},
        {"attention_one_pass_bias",
         [] {
             Sequence s;
             const models::KeyBlocks blocks{16, Dim("block", models::key_blocks(s.j, 16)), Dim("within", 16)};
             s.result = models::attention_one_pass(s.q, s.k, s.v, {s.i, s.j, {s.d}}, blocks,
                                                   {.mask = models::Mask::none, .scale = {}, .bias = 1.0});
             return kernel_of(s.result);
         }},
        {"sliding_window_before",
         [] {
             Sequence s;
             s.result = models::sliding_window_attention(s.q, s.k, s.v, {s.i, s.j, s.tap, s.d}, -1);
             return kernel_of(s.result);
         }},
        {"sliding_window_of_expression",
         [] {
             Sequence s;
             s.result = models::sliding_window_attention(s.q, s.k * 2, s.v, {s.i, s.j, s.tap, s.d}, 2);
             return kernel_of(s.result);
         }},
        {"neighbourhood_without_axes",
         [] {
             Sequence s;
             s.result = models::neighbourhood_attention(s.q, s.k, s.v, {}, s.d);
             return kernel_of(s.result);
         }},
        {"attention_values_without_keys",
         [] {
             Sequence s;
             s.result = models::attention(s.q, s.k, s.q, {s.i, s.j, {s.d}});
             return kernel_of(s.result);
         }},
        {"neighbourhood_over_other_dim",
         [] {
             Sequence s;
             s.result = models::neighbourhood_attention(s.q, s.k, s.v, {{s.e, s.i, s.tap}}, s.d);
             return kernel_of(s.result);
         }},
        {"rope_without_halves",
         [] {
             Sequence s;
             s.result = models::rope(s.q, models::rotation(s.i, s.d), Dim("half", 2));
             return kernel_of(s.result);
         }},
        {"log_softmax_over_other_dim",
         [] {
             Sequence s;
             s.result = models::log_softmax(s.q, s.tap);
             return kernel_of(s.result);
         }},
        {"rotation_base",
         [] {
             Dim i("i"), half("half", 2), pair("pair");
             Input x("x", f32, {i, half, pair});
             Tensor result("result");
             result = models::rope(x, models::rotation(i, pair, 1), half);
             return kernel_of(result);
         }},
    };
    return list;
}

const std::vector<Refused>& norm_cases() {
    static const std::vector<Refused> list{
        {"group_norm_without_position",
         [] {
             Dim channel("channel"), pixel("pixel");
             Input x("x", f32, {channel, pixel}), gamma("gamma", f32, {channel});
             Tensor result("result");
             result = models::group_norm(x, gamma, gamma, {channel, {}});
             return kernel_of(result);
         }},
        {"group_norm_over_other_dim",
         [] {
             Dim channel("channel"), pixel("pixel"), other("other", 4);
             Input x("x", f32, {channel, pixel}), gamma("gamma", f32, {channel});
             Tensor result("result");
             result = models::group_norm(x, gamma, gamma, {channel, {other}});
             return kernel_of(result);
         }},
        {"batch_statistics_over_nothing",
         [] {
             Dim channel("channel");
             Input x("x", f32, {channel});
             Tensor result("result");
             result = models::batch_statistics(x, std::vector<Dim>{}).mean;
             return kernel_of(result);
         }},
        {"batch_norm_of_two_types",
         [] {
             Dim channel("channel");
             Input x("x", f32, {channel}), mean("mean", f16, {channel}), other("other", bf16, {channel});
             Tensor result("result");
             result = models::batch_norm(x, mean, other, mean, mean);
             return kernel_of(result);
         }},
        {"silu_of_integers",
         [] {
             Dim n("n");
             Input x("x", i32, {n});
             Tensor result("result");
             result = models::silu(x);
             return kernel_of(result);
         }},
        {"momentum_above_1",
         [] {
             Dim channel("channel");
             Input running("running", f32, {channel}), mean("mean", f32, {channel});
             Tensor result("result");
             result = models::running_average(running, mean, 1.5);
             return kernel_of(result);
         }},
        {"rms_norm_of_integers",
         [] {
             Dim row("row"), col("col");
             Input x("x", f32, {row, col}), gamma("gamma", i32, {col});
             Tensor result("result");
             result = models::rms_norm(x, gamma, col);
             return kernel_of(result);
         }},
    };
    return list;
}

} // namespace

TEST_CASE("attention refuses what has no keys, channels or windows") {
    check_refusals(attention_cases());
}

TEST_CASE("normalisation refuses what it cannot average over") {
    check_refusals(norm_cases());
}
