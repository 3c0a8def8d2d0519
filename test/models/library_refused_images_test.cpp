// What convolutions, poolings, sampling and products refuse.

#include "models/bilateral.hpp"
#include "models/contraction.hpp"
#include "models/distances.hpp"
#include "models/pooling.hpp"
#include "models/refusals.hpp"
#include "models/sampling.hpp"
#include "models/windows.hpp"

using namespace coulter;
using namespace coulter::test;

namespace {

/// A signal and weights of f32 over three taps.
struct Signal {
    Dim ix{"ix"}, x{"x"}, kx{"kx", 3}, in{"in"}, out{"out"}, other{"other", 2};
    Input image{"image", f32, {ix, in}}, weight{"weight", f32, {kx, in, out}};
    Tensor result{"result"};

    [[nodiscard]] std::vector<models::Sliding> axes(const models::Window& window = {}) const {
        return {{{ix, x, kx}, window}};
    }
};

const std::vector<Refused>& window_cases() {
    static const std::vector<Refused> list{
        {"convolution_stride_0",
         [] {
             Signal s;
             s.result = models::convolution(s.image, s.weight, s.axes({.stride = 0}), {s.in});
             return kernel_of(s.result);
         }},
        {"convolution_padding_below_0",
         [] {
             Signal s;
             s.result = models::convolution(s.image, s.weight, s.axes({.padding = -1}), {s.in});
             return kernel_of(s.result);
         }},
        {"convolution_without_axes",
         [] {
             Signal s;
             s.result = models::convolution(s.image, s.weight, {}, {s.in});
             return kernel_of(s.result);
         }},
        {"convolution_over_other_channel",
         [] {
             Signal s;
             s.result = models::convolution(s.image, s.weight, s.axes(), {s.out});
             return kernel_of(s.result);
         }},
        {"convolution_of_expression",
         [] {
             Signal s;
             s.result = models::convolution(s.image + 1, s.weight, s.axes(), {s.in});
             return kernel_of(s.result);
         }},
        {"transposed_dilation_0",
         [] {
             Signal s;
             const models::Window window{.stride = 2, .padding = 0, .dilation = 0};
             s.result =
                 models::transposed_convolution(s.image, s.weight, {{{s.ix, s.x, s.kx}, window, Dim("c", 2)}}, {s.in});
             return kernel_of(s.result);
         }},
        {"transposed_without_extent",
         [] {
             Signal s;
             const models::Window window{.stride = 2};
             s.result = models::transposed_convolution(
                 s.image, s.weight, {{{s.ix, s.x, s.kx}, window, Dim("c", models::most_sources(s.kx, window))}},
                 {s.in});
             return kernel_of(s.result);
         }},
        {"locally_connected_shared",
         [] {
             Signal s;
             s.result = models::locally_connected(s.image, s.weight, s.axes(), {s.in});
             return kernel_of(s.result);
         }},
        {"involution_shared",
         [] {
             Signal s;
             s.result = models::involution(s.image, s.weight, s.axes());
             return kernel_of(s.result);
         }},
        {"correlation_of_other_channel",
         [] {
             Signal s;
             Input a("a", f32, {s.x, s.in});
             s.result = models::correlation(a, s.image, s.axes({.padding = 1}), {s.out});
             return kernel_of(s.result);
         }},
        {"max_pool_without_axes",
         [] {
             Signal s;
             s.result = models::max_pool(s.image, std::vector<models::Sliding>{});
             return kernel_of(s.result);
         }},
        {"average_pool_over_other_dim",
         [] {
             Signal s;
             s.result = models::average_pool(s.image, {{{s.other, s.x, s.kx}, {}}});
             return kernel_of(s.result);
         }},
    };
    return list;
}

const std::vector<Refused>& sampling_cases() {
    static const std::vector<Refused> list{
        {"sample_at_an_index",
         [] {
             Signal s;
             s.result = models::sample_linear(s.image, {{s.ix, i32(s.x)}}, models::Beyond::zero);
             return kernel_of(s.result);
         }},
        {"grid_sample_over_other_dim",
         [] {
             Signal s;
             s.result = models::grid_sample(s.image, {{s.other, f32(s.x)}});
             return kernel_of(s.result);
         }},
        {"sample_over_no_axes",
         [] {
             Signal s;
             s.result = models::sample_linear(s.image, {}, models::Beyond::zero);
             return kernel_of(s.result);
         }},
        {"resize_linear_over_other_dim",
         [] {
             Signal s;
             s.result = models::resize_linear(s.image, {{s.other, s.x}});
             return kernel_of(s.result);
         }},
        {"resize_nearest_over_other_dim",
         [] {
             Signal s;
             s.result = models::resize_nearest(s.image, {{s.other, s.x}});
             return kernel_of(s.result);
         }},
        {"deformable_conv_offsets",
         [] {
             Signal s;
             s.result = models::deformable_conv(s.image, {}, 1.0, s.weight, s.axes(), {s.in});
             return kernel_of(s.result);
         }},
        {"bilateral_cell_0",
         [] {
             Dim y("y"), x("x"), gy("gy"), gx("gx"), gz("gz", 8), r("r", 1);
             Input value("value", f32, {y, x});
             return kernel_of(models::bilateral_splat(value, value, {y, x, gy, gx, gz, 0}, r, r).value);
         }},
        {"bilateral_slice_of_other_grid",
         [] {
             Dim y("y"), x("x"), gy("gy"), gx("gx"), gz("gz", 8);
             Input guide("guide", f32, {y, x}), grid("grid", f32, {gy, gx});
             Tensor result("result");
             result = models::bilateral_slice(grid, guide, {y, x, gy, gx, gz, 16});
             return kernel_of(result);
         }},
    };
    return list;
}

const std::vector<Refused>& product_cases() {
    static const std::vector<Refused> list{
        {"pairwise_l1_of_other_channel",
         [] {
             Signal s;
             s.result = models::pairwise_l1(s.image, s.weight, s.out);
             return kernel_of(s.result);
         }},
        {"laplacian_sum_coefficients",
         [] {
             Signal s;
             Input y("y", f32, {s.x, s.in});
             s.result = models::laplacian_sum(s.image, y, s.image, s.x, s.in, 1);
             return kernel_of(s.result);
         }},
        {"contraction_of_nothing",
         [] {
             Signal s;
             s.result = models::contraction({}, {}, {});
             return kernel_of(s.result);
         }},
        {"contraction_without_size",
         [] {
             Signal s;
             s.result = models::contraction({s.image, s.weight}, {s.ix, s.out}, {{s.ix, 8}, {s.in, 4}, {s.kx, 3}});
             return kernel_of(s.result);
         }},
        {"contraction_of_other_dim",
         [] {
             Signal s;
             s.result = models::contraction({s.image}, {s.other}, {{s.ix, 8}, {s.in, 4}, {s.other, 2}});
             return kernel_of(s.result);
         }},
        {"contraction_order_of_nothing",
         [] {
             (void)models::contraction_order({}, {}, {});
             return kernel_of(Tensor("result"));
         }},
    };
    return list;
}

} // namespace

TEST_CASE("windows refuse steps, axes and channels that are none") {
    check_refusals(window_cases());
}

TEST_CASE("sampling refuses places and grids that are none") {
    check_refusals(sampling_cases());
}

TEST_CASE("distances and contractions refuse dims that their operands do not have") {
    check_refusals(product_cases());
}
